use callboard_wire::session::Limits;

use crate::transcript::{Stage, config};
use crate::{play, play_within};

#[test]
fn a_client_is_told_who_it_is_and_what_it_may() {
    let mut stage = Stage::opened(Limits::default(), config());
    assert_eq!(
        stage.seen(),
        [concat!(
            r#"< {"type":"welcome","protocol":"callboard-v1-json","system":"shop","subject":"ann","#,
            r#""expires":"2026-11-20T22:50:00.000Z","time":"2026-11-20T21:50:19.000Z","limits":{"message_bytes":65536,"#,
            r#""subscriptions":128,"requests":64,"name_bytes":2048,"messages_per_second":100,"messages_burst":400,"#,
            r#""silence_seconds":60}}"#
        )]
    );
}

#[test]
fn a_topic_is_followed_under_a_name_of_the_clients_choice() {
    play(
        r#"
        > {"type":"subscribe","id":1,"sub":"orders","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
        ! subscribed 1 plain head=7-57 after=7-57
        < {"type":"subscribed","sub":"orders","id":1,"topics":["order.events"],"heads":[{"topic":"order.events","head":{"epoch":"7","seq":57},"after":{"epoch":"7","seq":57}}],"cursor":"7-57","gap":false,"acknowledged":false,"presence":true,"whisper":true}
        ! caught-up 1
        < {"type":"caught_up","sub":"orders"}
        > {"type":"unsubscribe","id":"u","sub":"orders"}
        . Unsubscribe(SubId(1))
        < {"type":"unsubscribed","sub":"orders","id":"u"}
        ! publication 1 at=7-58 data={}
        . not delivered
        ! caught-up 1
        > {"type":"unsubscribe","sub":"orders"}
        < {"type":"error","sub":"orders","error":{"code":"InvalidPayload","message":"there is no subscription \"orders\"; subscribe first","retry":"never"}}
    "#,
    );
}

#[test]
fn a_channel_gets_its_parameters_and_answers_with_what_it_likes() {
    play(
        r#"
        > {"type":"subscribe","sub":"c","channel":"CampaignChannel","params":{"id": 7},"from":"beginning"}
        . Subscribe(Subscribe { sub: SubId(1), target: Channel { name: "CampaignChannel", params: "{\"id\": 7}" }, from: Beginning, consumer: None, heads: true })
        ! subscribed 1 campaign topics=campaign.7,fight.* head=1-9 after=1-0 response={"title":"Seven"}
        < {"type":"subscribed","sub":"c","topics":["campaign.7","fight.*"],"heads":[{"topic":"campaign.7","head":{"epoch":"1","seq":9},"after":{"epoch":"1","seq":0}}],"cursor":"oHxAVP56=1-0,EYomd8dJ=b","gap":false,"acknowledged":false,"presence":false,"whisper":false,"response":{"title":"Seven"}}
    "#,
    );
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_first_goes_on() {
    play(
        r#"
        > {"type":"subscribe","sub":"a","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
        > {"type":"subscribe","sub":"a","id":2,"topic":"order.other"}
        < {"type":"error","id":2,"sub":"a","error":{"code":"Conflict","message":"there is a subscription \"a\"; choose another name, or unsubscribe it first","retry":"never"}}
        ! refused 1 Denied following it is not granted
        < {"type":"refused","sub":"a","error":{"code":"Denied","message":"following it is not granted","retry":"never"}}
        > {"type":"subscribe","sub":"a","topic":"order.other"}
        . Subscribe(Subscribe { sub: SubId(2), target: Topic("order.other"), from: Fresh, consumer: None, heads: true })
    "#,
    );
}

#[test]
fn one_subscription_too_many_is_refused_and_the_others_stay() {
    play_within(
        Limits { subscriptions: 1, ..Limits::default() },
        r#"
        > {"type":"subscribe","sub":"a","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
        > {"type":"subscribe","sub":"b","topic":"order.events"}
        < {"type":"error","sub":"b","error":{"code":"Overloaded","message":"there are 1 subscriptions, and may be no more; unsubscribe one, or follow a pattern","retry":"never"}}
        > {"type":"unsubscribe","sub":"a"}
        . Unsubscribe(SubId(1))
        < {"type":"unsubscribed","sub":"a"}
        > {"type":"subscribe","sub":"b","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(2), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
    "#,
    );
}

#[test]
fn what_a_client_sends_behind_a_subscribe_waits_for_its_answer() {
    let mut text = String::from(
        r#"
        > {"type":"subscribe","sub":"a","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
        > {"type":"whisper","sub":"a","id":0,"data":{"typing":true}}
    "#,
    );
    for _ in 1..16 {
        text.push_str("> {\"type\":\"presence_leave\",\"sub\":\"a\"}\n");
    }
    text.push_str(
        r#"
        > {"type":"perform","sub":"a","id":17,"event":"speak"}
        < {"type":"error","id":17,"sub":"a","error":{"code":"Overloaded","message":"the subscription is not answered yet; wait for \"subscribed\"","retry":"safe","retry_after_ms":100}}
        ! subscribed 1 plain
        < {"type":"subscribed","sub":"a","topics":["order.events"],"heads":[],"cursor":"ZAZ5m2vg=t1795211417000","gap":false,"acknowledged":false,"presence":true,"whisper":true}
        . Whisper { sub: SubId(1), json: "{\"typing\":true}" }
        < {"type":"reply","id":0,"result":{}}
    "#,
    );
    for _ in 1..16 {
        text.push_str(". PresenceLeave(SubId(1))\n");
    }
    play(&text);
    play(
        r#"
        > {"type":"subscribe","sub":"a","topic":"order.events"}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: None, heads: true })
        > {"type":"perform","sub":"a","id":1,"event":"speak"}
        ! refused 1 Denied no
        < {"type":"refused","sub":"a","error":{"code":"Denied","message":"no","retry":"never"}}
        < {"type":"error","id":1,"sub":"a","error":{"code":"InvalidPayload","message":"there is no subscription \"a\"; subscribe first","retry":"never"}}
    "#,
    );
}

#[test]
fn a_consumer_where_nothing_is_acknowledged_is_refused() {
    play(
        r#"
        > {"type":"subscribe","sub":"a","topic":"order.events","consumer":true}
        . Subscribe(Subscribe { sub: SubId(1), target: Topic("order.events"), from: Fresh, consumer: Some(""), heads: true })
        ! subscribed 1 plain
        . Unsubscribe(SubId(1))
        < {"type":"refused","sub":"a","error":{"code":"InvalidPayload","message":"there are no acknowledgements here; subscribe without \"consumer\", or to a channel that has them","retry":"never"}}
    "#,
    );
}
