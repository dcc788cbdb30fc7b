use std::sync::Arc;
use std::time::Duration;

use callboard_core::Code;
use callboard_gateway::auth::Algorithm;
use callboard_gateway::{AuthConfig, Gateway, GatewayHandle};
use callboard_testkit::SimClock;
use callboard_wire::pb::error_from_status;
use callboard_wire::pb::v1::actors_client::ActorsClient;
use callboard_wire::pb::v1::invoke_stream_response::Outcome;
use callboard_wire::pb::v1::system_client::SystemClient;
use callboard_wire::pb::v1::topics_client::TopicsClient;
use callboard_wire::pb::v1::{self, InvokeStreamRequest};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use crate::client::LONG;
use crate::fake::Fake;
use crate::tokens::{NOW, auth, config, granting, token};

struct Server {
    node: Arc<Fake>,
    clock: Arc<SimClock>,
    channel: Channel,
    gateway: GatewayHandle,
}

impl Server {
    async fn start(auth: AuthConfig) -> Self {
        let (node, clock) = (Fake::new(), Arc::new(SimClock::default()));
        let gateway = Gateway::bind(config(auth)).unwrap().serve(node.doors(&clock), axum::Router::new());
        let address = format!("http://{}", gateway.local_addr());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { node, clock, channel, gateway }
    }

    fn actors(&self) -> ActorsClient<Channel> {
        ActorsClient::new(self.channel.clone())
    }

    fn topics(&self) -> TopicsClient<Channel> {
        TopicsClient::new(self.channel.clone())
    }

    async fn stop(self) {
        drop(self.channel);
        self.gateway.stop(LONG).await;
    }
}

fn with<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

fn invoke(action: &str) -> v1::InvokeRequest {
    v1::InvokeRequest { actor: "clerk".into(), action: action.into(), ..Default::default() }
}

fn refusal<T>(result: Result<Response<T>, Status>) -> (Code, String) {
    let Err(status) = result else { panic!("a success, where a refusal was due") };
    let error = error_from_status(&status);
    (error.code(), error.message().to_owned())
}

#[tokio::test]
async fn each_algorithm_lets_in_who_is_granted_and_nobody_else() {
    for &algorithm in Algorithm::ALL {
        let server = Server::start(auth(algorithm)).await;
        let mut actors = server.actors();
        let rights = json!({ "invoke": ["clerk.echo"] });
        let of = |exp: u64, rights: &Value| token(algorithm, &json!({ "sub": "u", "exp": exp, "callboard": rights }));
        let good = of(NOW + 60, &rights);
        actors.invoke(with(Some(&good), invoke("echo"))).await.unwrap();
        let (code, text) = refusal(actors.invoke(with(None, invoke("echo"))).await);
        assert_eq!(code, Code::Unauthenticated);
        assert!(text.contains("Authorization: Bearer"), "{text}");
        let (code, text) = refusal(actors.invoke(with(Some(&of(NOW - 1, &rights)), invoke("echo"))).await);
        assert!(code == Code::Unauthenticated && text.contains("expired"), "{text}");
        let (code, _) = refusal(actors.invoke(with(Some("x.y.z"), invoke("echo"))).await);
        assert_eq!(code, Code::Unauthenticated);
        let (code, text) = refusal(actors.invoke(with(Some(&good), invoke("wait"))).await);
        assert!(code == Code::Denied && text.contains("invoke"), "{text}");
        assert_eq!(server.node.invoked.lock().unwrap().len(), 1);
        server.stop().await;
    }
}

#[tokio::test]
async fn topics_are_followed_and_published_on_as_granted() {
    let server = Server::start(auth(Algorithm::Es256)).await;
    let token = granting(&json!({ "subscribe": ["user.u1.>"], "publish": ["chat.*"] }));
    let mut topics = server.topics();
    let publish = |topic: &str| v1::PublishRequest { topic: topic.into(), ..Default::default() };
    topics.publish(with(Some(&token), publish("chat.a"))).await.unwrap();
    assert_eq!(refusal(topics.publish(with(Some(&token), publish("a.b"))).await).0, Code::Denied);
    let batch = v1::PublishBatchRequest { publications: vec![publish("chat.a"), publish("a.b")] };
    let (code, text) = refusal(topics.publish_batch(with(Some(&token), batch)).await);
    assert!(code == Code::Denied && text.contains("publications[1]"), "{text}");
    assert_eq!(server.node.published().len(), 1);
    let follow = |pattern: &str| v1::SubscribeRequest { pattern: pattern.into(), ..Default::default() };
    drop(topics.subscribe(with(Some(&token), follow("user.u1.mail"))).await.unwrap());
    assert_eq!(refusal(topics.subscribe(with(Some(&token), follow("user.*.mail"))).await).0, Code::Denied);
    assert_eq!(refusal(topics.subscribe(with(None, follow("user.u1.mail"))).await).0, Code::Unauthenticated);
    server.stop().await;
}

#[tokio::test]
async fn each_request_of_a_stream_is_looked_at() {
    let server = Server::start(auth(Algorithm::Es256)).await;
    let token = granting(&json!({ "invoke": ["clerk.echo"] }));
    let request = |id, action| InvokeStreamRequest { id, invoke: Some(invoke(action)), timeout: None };
    let requests = tokio_stream::iter([request(1, "echo"), request(2, "wait")]);
    let mut answers = server.actors().invoke_stream(with(Some(&token), requests)).await.unwrap().into_inner();
    let mut outcomes = [None, None];
    while let Some(answer) = answers.next().await {
        let answer = answer.unwrap();
        outcomes[usize::try_from(answer.id).unwrap() - 1] = answer.outcome;
    }
    assert!(matches!(outcomes[0], Some(Outcome::Response(_))));
    let Some(Outcome::Error(error)) = outcomes[1].clone() else { panic!("{outcomes:?}") };
    assert_eq!(callboard_core::Error::from(error).code(), Code::Denied);
    server.stop().await;
}

#[tokio::test]
async fn streams_end_with_the_token_that_opened_them() {
    let server = Server::start(auth(Algorithm::Es256)).await;
    #[expect(clippy::cast_precision_loss, reason = "a time of today is exact enough")]
    let soon = NOW as f64 + 0.02;
    let rights = json!({ "subscribe": [">"], "invoke": [">"] });
    let token = token(Algorithm::Es256, &json!({ "exp": soon, "callboard": rights }));
    let follow = v1::SubscribeRequest { pattern: "a.*".into(), ..Default::default() };
    let mut events = server.topics().subscribe(with(Some(&token), follow)).await.unwrap().into_inner();
    let (_request, _feed) = server.node.subscription().await;
    let (_requests, receiver) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = server.actors().invoke_stream(with(Some(&token), requests)).await.unwrap().into_inner();
    server.clock.advance(Duration::from_secs(1));
    for ended in [events.next().await.unwrap().unwrap_err(), answers.next().await.unwrap().unwrap_err()] {
        let error = error_from_status(&ended);
        assert_eq!(error.code(), Code::Unauthenticated);
        assert!(error.message().contains("expired"), "{error}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_operators_do_needs_their_right() {
    let server = Server::start(auth(Algorithm::Es256)).await;
    let (admin, user) =
        (granting(&json!({ "admin": true })), granting(&json!({ "subscribe": [">"], "invoke": [">"] })));
    let mut system = SystemClient::new(server.channel.clone());
    let (mut actors, mut topics) = (server.actors(), server.topics());
    macro_rules! refused_without {
        ($($client:ident.$method:ident($request:expr);)*) => {
            $(
                assert_eq!(refusal($client.$method(with(Some(&user), $request)).await).0, Code::Denied);
                assert_eq!(refusal($client.$method(with(None, $request)).await).0, Code::Unauthenticated);
                if let Err(status) = $client.$method(with(Some(&admin), $request)).await {
                    let code = error_from_status(&status).code();
                    assert!(![Code::Denied, Code::Unauthenticated].contains(&code), "{status}");
                }
            )*
        };
    }
    refused_without! {
        actors.get_state(v1::GetStateRequest { actor: "clerk".into(), ..Default::default() });
        actors.list(v1::ListActorsRequest::default());
        actors.delete(v1::DeleteActorRequest { actor: "clerk".into(), ..Default::default() });
        topics.list(v1::ListTopicsRequest::default());
        system.catalogue(v1::CatalogueRequest {});
        system.explain(v1::ExplainRequest { topic: "a.b".into() });
        system.list_dead_letters(v1::ListDeadLettersRequest::default());
        system.retry_dead_letter(v1::RetryDeadLetterRequest::default());
        system.drop_dead_letter(v1::DropDeadLetterRequest::default());
        system.list_parked(v1::ListParkedRequest::default());
        system.retry_parked(v1::RetryParkedRequest::default());
        system.skip_parked(v1::SkipParkedRequest::default());
        system.list_timers(v1::ListTimersRequest::default());
    }
    server.stop().await;
}

#[tokio::test]
async fn health_is_open_and_reflection_is_for_whom_the_node_knows() {
    let server = Server::start(auth(Algorithm::Es256)).await;
    let mut health = HealthClient::new(server.channel.clone());
    health.check(HealthCheckRequest::default()).await.unwrap();
    let mut reflection = ServerReflectionClient::new(server.channel.clone());
    let asked = || {
        let message_request = Some(MessageRequest::ListServices("*".into()));
        tokio_stream::once(ServerReflectionRequest { host: String::new(), message_request })
    };
    let refused = reflection.server_reflection_info(with(None, asked())).await;
    assert_eq!(refusal(refused).0, Code::Unauthenticated);
    let token = granting(&json!({}));
    let mut answers = reflection.server_reflection_info(with(Some(&token), asked())).await.unwrap().into_inner();
    assert!(answers.next().await.unwrap().is_ok());
    server.stop().await;
}
