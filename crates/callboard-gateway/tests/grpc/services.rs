use std::sync::atomic::Ordering;

use callboard_core::Code;
use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{self, ServerReflectionRequest};

use crate::{Server, code};

fn service(name: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: name.into() }
}

#[tokio::test]
async fn health_says_whether_the_node_takes_work() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel().await);
    for name in ["", "callboard.v1.Actors", "callboard.v1.Topics", "callboard.v1.System"] {
        let status = health.check(service(name)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{name:?}");
    }
    let status = health.check(service("nobody")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    server.node.ready.store(false, Ordering::Relaxed);
    assert_eq!(health.check(service("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    server.stop().await;
}

#[tokio::test]
async fn a_watch_hears_of_every_change_and_of_the_end() {
    let mut server = Server::start().await;
    let mut health = HealthClient::new(server.channel().await);
    let mut watch = health.watch(service("")).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.node.ready.store(false, Ordering::Relaxed);
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let mut unknown = health.watch(service("nobody")).await.unwrap().into_inner();
    assert_eq!(unknown.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    server.begin_stop();
    assert_eq!(code(watch.next().await.unwrap()), Code::Unavailable);
    assert!(watch.next().await.is_none());
    server.stop().await;
}

async fn reflect(server: &Server, request: MessageRequest) -> MessageResponse {
    let mut reflection = ServerReflectionClient::new(server.channel().await);
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut answers = reflection.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    answers.next().await.unwrap().unwrap().message_response.unwrap()
}

#[tokio::test]
async fn reflection_shows_the_services_with_their_documentation_and_the_users_types() {
    let server = Server::start().await;
    let MessageResponse::ListServicesResponse(list) = reflect(&server, MessageRequest::ListServices("*".into())).await
    else {
        panic!("no list")
    };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "callboard.v1.Actors",
            "callboard.v1.System",
            "callboard.v1.Topics",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection"
        ]
    );
    let file = async |symbol: &str| {
        let request = MessageRequest::FileContainingSymbol(symbol.into());
        let MessageResponse::FileDescriptorResponse(v1::FileDescriptorResponse { file_descriptor_proto }) =
            reflect(&server, request).await
        else {
            panic!("no file has {symbol}")
        };
        prost_types::FileDescriptorProto::decode(file_descriptor_proto[0].as_slice()).unwrap()
    };
    let actors = file("callboard.v1.Actors").await;
    let comments = actors.source_code_info.unwrap().location;
    assert!(comments.iter().any(|place| place.leading_comments().contains("Invokes one action of an actor")));
    assert_eq!(file("shop.v1.OrderData").await.name(), "shop.proto", "so that tools can show the content of an Any");
    server.stop().await;
}

#[tokio::test]
async fn older_tools_find_reflection_too() {
    use tonic_reflection::pb::v1alpha as old;
    let server = Server::start().await;
    let mut reflection = old::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let request = old::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(old::server_reflection_request::MessageRequest::ListServices("*".into())),
    };
    let mut answers = reflection.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    assert!(answers.next().await.unwrap().is_ok());
    server.stop().await;
}
