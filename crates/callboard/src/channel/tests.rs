use callboard_core::Grants;
use callboard_core::Pattern;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{Error, Json, Result};

#[derive(Clone, Debug, Deserialize)]
struct CampaignParams {
    id: u64,
}

fn campaigns() -> Channel {
    Channel::new("CampaignChannel")
        .alias("campaign:{id}")
        .topic("campaign.{id}")
        .authorize(|who: &Who, p: &CampaignParams| who.has("campaigns", &p.id.to_string()))
}

fn ada(channel: Channel) -> Visit {
    Visit::of(channel).subject("ada").claims(json!({"campaigns": [7]}))
}

#[crate::test]
async fn one_channel_serves_rails_and_phoenix_clients() {
    let rails = ada(campaigns()).params(json!({"id": "7"})).join().await.unwrap();
    assert_eq!(rails.topics(), ["campaign.7"]);
    let phoenix = ada(campaigns()).named("campaign:7").params(json!({"id": 8})).join().await.unwrap();
    assert_eq!(phoenix.topics(), ["campaign.7"], "what the name says is what was authorized");
}

#[crate::test]
async fn a_join_is_refused_with_what_is_missing_or_denied() {
    let refused = |visit: Visit| async { visit.join().await.unwrap_err() };
    let error = refused(ada(campaigns())).await;
    assert_eq!(error.code(), Code::InvalidPayload);
    assert!(error.message().contains("CampaignChannel: the parameter \"id\" is missing"), "{error}");
    let error = refused(ada(campaigns()).named("campaign:a.b")).await;
    assert!(error.message().contains("campaign:a.b: the parameter \"id\" may not contain '.'"), "{error}");
    let error = refused(ada(campaigns()).params(json!({"id": "seven"}))).await;
    assert!(error.message().contains("cannot be joined with these parameters: `id`: invalid type"), "{error}");
    let error = refused(ada(campaigns()).params(json!({"id": 8}))).await;
    assert_eq!(error.code(), Code::Denied);
    let error = refused(ada(campaigns()).params(json!([7]))).await;
    assert!(error.message().contains("no JSON object"), "{error}");
}

#[crate::test]
async fn topics_come_from_functions_too_and_a_text_is_never_a_pattern() {
    #[derive(Deserialize)]
    struct Room {
        room: String,
    }
    let rooms = || {
        Channel::new("Rooms")
            .topic(|room: &Room| format!("room.{}", room.room))
            .topics(|who: &Who, _: &Room| who.known().map(|who| vec![format!("user.{who}"), "news".to_owned()]))
            .topic(|_: &Room| Pattern::parse("alerts.>"))
            .anyone()
    };
    let joined = Visit::of(rooms()).subject("ada").params(json!({"room": "a"})).join().await.unwrap();
    assert_eq!(joined.topics(), ["room.a", "user.ada", "news", "alerts.>"]);
    for room in ["*", ">", "a b", ""] {
        let error = Visit::of(rooms()).subject("ada").params(json!({ "room": room })).join().await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidPayload, "{room}");
    }
    let error = Visit::of(rooms()).params(json!({"room": "a"})).join().await.unwrap_err();
    assert_eq!(error.code(), Code::Unauthenticated);
    let many = Channel::new("Many").topics(|_: &()| (0..17).map(|n| format!("t.{n}")).collect::<Vec<_>>()).anyone();
    assert!(Visit::of(many).join().await.unwrap_err().message().contains("17 topics"));
}

#[crate::test]
async fn who_may_join_is_asked_with_or_without_waiting() {
    async fn may_join(who: Who, p: CampaignParams) -> Result<bool> {
        std::future::ready(()).await;
        if p.id == 9 {
            return Err(Error::invalid("there is no campaign 9"));
        }
        Ok(who.is("ada"))
    }
    let channel = || Channel::new("C").topic("campaign.{id}").authorize(may_join);
    let join = |who: &str, id: u64| Visit::of(channel()).subject(who).params(json!({ "id": id })).join();
    assert!(join("ada", 7).await.is_ok());
    assert_eq!(join("eve", 7).await.unwrap_err().code(), Code::Denied);
    assert_eq!(join("ada", 9).await.unwrap_err().message(), "there is no campaign 9");
    let known = Channel::new("C").topic("c").authorize(|who: &Who| who.known().map(drop));
    assert_eq!(Visit::of(known).join().await.unwrap_err().code(), Code::Unauthenticated);
}

#[crate::test]
async fn without_a_rule_the_clients_grants_decide() {
    let channel = || Channel::new("C").topic("campaign.{id}");
    let grants = Grants { subscribe: vec![Pattern::parse("campaign.7").unwrap()], ..Grants::default() };
    let join = |id: u64| Visit::of(channel()).grants(grants.clone()).params(json!({ "id": id })).join();
    assert!(join(7).await.is_ok());
    let error = join(8).await.unwrap_err();
    assert_eq!(error.code(), Code::Denied);
    assert!(error.message().contains("campaign.8 is not granted"), "{error}");
}

#[crate::test]
async fn events_invoke_publish_and_answer() {
    let channel = campaigns()
        .on("speak", invoke("campaign/{id}", "speak").with_who("author"))
        .on("typing", publish("campaign.{id}.typing").of_type::<Typing>())
        .on("roll", |event: &ClientEvent| -> Result<Reaction> {
            let dice: Json = event.data()?;
            let sides = dice["sides"].as_u64().ok_or_else(|| Error::invalid("say how many sides"))?;
            Ok(Reaction::reply(Json(json!({ "rolled": sides }))))
        })
        .on("leave", async |event: ClientEvent| {
            let p: CampaignParams = event.params()?;
            Ok::<_, Error>(Reaction::invoke(format!("campaign/{}", p.id), "leave", event.name().to_owned()))
        })
        .on("nothing", |_: &ClientEvent| {});
    let visited = ada(channel).params(json!({"id": 7})).join().await.unwrap();
    let Inbound::Invoke { actor, action, payload } =
        visited.send("speak", json!({"text": "hi", "author": "eve"})).await.unwrap()
    else {
        panic!("speak invokes")
    };
    assert_eq!((actor.as_str(), action.as_str()), ("campaign/7", "speak"));
    assert_eq!(payload.bytes(), br#"{"author":"ada","text":"hi"}"#, "who speaks is what the credentials say");
    let Inbound::Publish { topic, payload } = visited.send("typing", json!({"on": true})).await.unwrap() else {
        panic!("typing publishes")
    };
    assert_eq!((topic.as_str(), payload.type_name().as_str()), ("campaign.7.typing", "Typing"));
    let Inbound::Reply(reply) = visited.send("roll", json!({"sides": 6})).await.unwrap() else {
        panic!("roll answers")
    };
    assert_eq!(reply.bytes(), br#"{"rolled":6}"#);
    assert_eq!(visited.send("roll", json!({})).await.unwrap_err().message(), "say how many sides");
    assert!(matches!(visited.send("leave", json!({})).await.unwrap(), Inbound::Invoke { .. }));
    assert!(matches!(visited.send("nothing", json!({})).await.unwrap(), Inbound::Nothing));
    let error = visited.send("fly", json!({})).await.unwrap_err();
    assert_eq!(error.code(), Code::ActionNotFound);
    assert!(error.message().contains("it takes leave, nothing, roll, speak, typing"), "{error}");
    let error = visited.send("speak", json!("hi")).await.unwrap_err();
    assert!(error.message().contains("no JSON object"), "{error}");
}

#[derive(Debug, Message, serde::Serialize, Deserialize)]
struct Typing {
    on: bool,
}

#[crate::test]
async fn each_client_sees_its_own_form() {
    let channel = || {
        campaigns().per_client(|publication, who| {
            let Ok(mut sheet) = serde_json::from_slice::<serde_json::Value>(publication.payload.bytes()) else {
                return None;
            };
            if sheet["secret"] == true && !who.has("role", "gamemaster") {
                return None;
            }
            sheet["mine"] = (sheet["owner"] == *who.subject().unwrap_or_default()).into();
            Some(Json(sheet))
        })
    };
    let player = ada(channel()).params(json!({"id": 7})).join().await.unwrap();
    let master = ada(channel()).claims(json!({"campaigns": [7], "role": "gamemaster"})).params(json!({"id": 7}));
    let master = master.join().await.unwrap();
    let secret = json!({"secret": true, "owner": "eve"});
    assert_eq!(player.sees_json("campaign.7", &secret), None);
    assert_eq!(master.sees_json("campaign.7", &secret).unwrap()["mine"], false);
    assert_eq!(player.sees_json("campaign.7", &json!({"owner": "ada"})).unwrap()["mine"], true);
}

#[crate::test]
async fn a_rule_that_panics_is_one_clients_answer() {
    let visit = |channel: Channel| Visit::of(channel).params(json!({"id": 7})).join();
    let now = Channel::new("C").topic("c").authorize(|_: &Who, _: &CampaignParams| -> bool { panic!("now") });
    assert_eq!(visit(now).await.unwrap_err().code(), Code::ActionPanicked);
    let later = Channel::new("C").topic("c").authorize(async |_: Who, _: CampaignParams| -> bool { panic!("later") });
    assert_eq!(visit(later).await.unwrap_err().code(), Code::ActionPanicked);
    let blind = Channel::new("C").topic("c").anyone().per_client(|_, _| -> bool { panic!("blind") });
    assert_eq!(visit(blind).await.unwrap().sees_json("c", &json!(1)), None);
}

#[crate::test]
async fn what_a_join_answers_is_an_object() {
    let channel = campaigns()
        .welcome(|who: &Who, p: &CampaignParams| Json(json!({"campaign": p.id, "you": who.subject()})))
        .presence_as(|who: &Who, _: &CampaignParams| format!("player:{}", who.subject().unwrap_or("guest")))
        .consumer_as(|who: &Who, p: &CampaignParams| format!("{}@{}", who.subject().unwrap_or("guest"), p.id));
    let visited = ada(channel).params(json!({"id": 7})).join().await.unwrap();
    let joined = visited.joined();
    assert_eq!(joined.response.as_deref(), Some(r#"{"campaign":7,"you":"ada"}"#));
    assert_eq!((joined.presence_id.as_deref(), joined.consumer.as_deref()), (Some("player:ada"), Some("ada@7")));
    let wrong = campaigns().welcome(|_: &Who, _: &CampaignParams| "hello".to_owned());
    assert!(ada(wrong).params(json!({"id": 7})).join().await.is_err());
}

#[test]
fn the_switches_are_declared() {
    let channel = campaigns()
        .presence()
        .whisper()
        .history(History::Last(100))
        .acknowledged(Duration::from_secs(5))
        .envelope()
        .reload("characters")
        .reload("fights");
    let built = channel.build().unwrap();
    let declaration = built[1].declaration();
    assert_eq!(declaration.name.as_str(), "campaign:*");
    assert!(declaration.presence && declaration.whisper && declaration.acknowledged && declaration.envelope);
    assert_eq!(declaration.history, History::Last(100));
    assert_eq!(declaration.ack_timeout, Duration::from_secs(5));
    let reload: Vec<&str> = declaration.reload.iter().map(|hint| &**hint).collect();
    assert_eq!(reload, [r#"{"characters":"reload"}"#, r#"{"fights":"reload"}"#]);
}

#[test]
fn a_wrong_declaration_says_what_to_write() {
    for (wrong, says) in [
        (Channel::new("C"), "it has no topic; write"),
        (Channel::new("").topic("a"), "is no channel's name"),
        (Channel::new("a b").topic("a"), "is no channel's name"),
        (Channel::new("campaign:{id").topic("a"), "is no channel's name"),
        (Channel::new("*").topic("a"), "is no channel's name"),
        (campaigns().alias("campaign:*"), "stands here twice"),
        (campaigns().topic("campaign..{id}"), "has an empty token"),
        (campaigns().topic("campaign.{id"), "a brace without its other one"),
        (campaigns().anyone(), "one rule decides who may join"),
        (campaigns().on("a", publish("b")).on("a", publish("c")), "the event \"a\" stands here twice"),
        (campaigns().on("a", publish("b.*")), "the event \"a\": the topic \"b.*\""),
        (campaigns().on("a", invoke("{id}", "b")), "may not be the client's choice"),
        (campaigns().on("", invoke("a", "b")), "1 to 255 bytes"),
        (campaigns().acknowledged(Duration::ZERO), "no time to arrive"),
        (campaigns().reload("a").reload("a"), "stands here twice"),
        (campaigns().per_client(|_, _| true).per_client(|_, _| true), "`per_client` stands here twice"),
    ] {
        let error = wrong.build().map(|_| ()).unwrap_err();
        assert!(error.message().starts_with("channel ") && error.message().contains(says), "{error}");
    }
    let twice: Vec<_> = [campaigns(), campaigns()].into_iter().flat_map(|channel| channel.build().unwrap()).collect();
    assert!(check_names(&twice).unwrap_err().message().contains("\"CampaignChannel\""));
}
