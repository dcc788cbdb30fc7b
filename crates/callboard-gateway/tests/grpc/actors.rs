use std::collections::BTreeMap;

use callboard_core::port::{ActivationPhase, ActorState, ActorSummary, Clock as _};
use callboard_core::trace::TraceContext;
use callboard_core::{ActorId, Blame, Code, Encoding, Headers, Mark, Payload, Retry, Revision, Timestamp};
use callboard_wire::pb::v1::{self, get_state_request::At, payload::Content};
use serde_json::json;
use tonic::Request;

use crate::{Server, ask, bytes, code, error, fake, from_json, json};

#[tokio::test]
async fn a_call_gets_what_the_action_gave() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    let request = v1::InvokeRequest {
        payload: bytes(b"\x01\x02"),
        idempotency_key: "k-1".into(),
        metadata: BTreeMap::from([("Correlation-Id".into(), "c".into())]),
        ..ask("user/u1", "echo")
    };
    let response = actors.invoke(request.clone()).await.unwrap().into_inner();
    assert_eq!(response.payload, request.payload);
    assert_eq!((response.revision, response.positions), (7, vec![v1::Position { epoch: 1, seq: 42 }]));
    let seen = server.node.last_invoked();
    assert_eq!((seen.target.as_str(), seen.action.as_str(), seen.key.as_deref()), ("user/u1", "echo", Some("k-1")));
    assert_eq!(seen.payload, Payload::new("blob", Encoding::Bytes, vec![1, 2]));
    assert_eq!(seen.headers, Headers::new().with("correlation-id", "c"));
    let nothing = actors.invoke(ask("clerk", "nothing")).await.unwrap().into_inner();
    assert_eq!(nothing.payload, None);
    assert!(server.node.last_invoked().payload.is_empty(), "no payload is the empty message");
    drop(actors);
    server.stop().await;
}

#[tokio::test]
async fn a_caller_with_only_json_needs_no_protobuf() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    let order =
        json!({ "orderId": "ord_1", "userId": "user_1", "amount": 10.5, "items": [{ "sku": "a", "quantity": 2 }] });
    let request = v1::InvokeRequest { payload: json(&order), ..ask("order_processor", "CreateOrder") };
    let response = actors.invoke(request.clone()).await.unwrap().into_inner();
    let seen = server.node.last_invoked().payload;
    assert_eq!((seen.type_name().as_str(), seen.encoding()), ("shop.v1.OrderData", Encoding::Protobuf));
    let payload = response.payload;
    assert_eq!(payload.as_ref().unwrap().r#type, "shop.v1.OrderData");
    let back = from_json(payload);
    for member in ["orderId", "userId", "amount", "items"] {
        assert_eq!(back[member], order[member], "{member}");
    }
    let native = v1::InvokeRequest { response_format: v1::PayloadFormat::Native.into(), ..request };
    let response = actors.invoke(native).await.unwrap().into_inner();
    let Some(Content::Message(any)) = response.payload.unwrap().content else { panic!("not a message") };
    assert_eq!((any.type_url.as_str(), &any.value), ("type.googleapis.com/shop.v1.OrderData", &seen.to_bytes()));
    server.stop().await;
}

#[tokio::test]
async fn json_that_does_not_fit_says_what_to_write() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    let mut invoke = async |actor, action, value| {
        error(actors.invoke(v1::InvokeRequest { payload: json(&value), ..ask(actor, action) }).await)
    };
    let wrong = invoke("order_processor", "create_order", json!({ "items": [{ "quantity": "two" }] })).await;
    assert_eq!(wrong.code(), Code::InvalidPayload);
    assert!(wrong.message().contains("items[0].quantity"), "{wrong}");
    let which = invoke("email_service", "handle_order_event", json!({ "orderId": "1" })).await;
    assert!(which.message().contains("shop.v1.OrderCreated, shop.v1.OrderUpdated"), "{which}");
    let none = invoke("order_processor", "drop_order", json!({})).await;
    assert_eq!(none.code(), Code::ActionNotFound);
    assert!(none.message().contains("create_order"), "{none}");
    assert_eq!(invoke("nobody", "create_order", json!({})).await.code(), Code::ActorNotFound);
    let picked = json!({ "@type": "shop.v1.OrderUpdated", "orderId": "1" });
    let request = v1::InvokeRequest { payload: json(&picked), ..ask("email_service", "handle_order_event") };
    actors.invoke(request).await.unwrap();
    assert_eq!(server.node.last_invoked().payload.type_name(), "shop.v1.OrderUpdated");
    server.stop().await;
}

#[tokio::test]
async fn every_error_says_its_code_whether_to_retry_and_whose_fault_it_is() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    for wanted in Code::ALL {
        let metadata = BTreeMap::from([("code".into(), wanted.as_str().into())]);
        let status = actors.invoke(v1::InvokeRequest { metadata, ..ask("clerk", "fail") }).await.unwrap_err();
        assert!(status.metadata().contains_key("traceparent"), "a failed call can be found in the logs too");
        assert!(!format!("{status:?}").contains("only for the log"));
        let error = error::<()>(Err(status));
        assert_eq!((error.code(), error.retry(), error.blame()), (*wanted, wanted.retry(), wanted.blame()));
        assert_eq!(error.message(), "it went wrong");
    }
    let missing = error(actors.invoke(ask("nobody", "echo")).await);
    assert_eq!((missing.code(), missing.retry(), missing.blame()), (Code::ActorNotFound, Retry::Never, Blame::Caller));
    server.stop().await;
}

#[tokio::test]
async fn an_async_call_is_accepted_and_named() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    let request = v1::InvokeRequest { r#async: true, payload: bytes(b"x"), ..ask("user/u1", "wait") };
    let response = actors.invoke(request).await.unwrap().into_inner();
    assert_eq!(response, v1::InvokeResponse { message_id: fake::POSTED.to_string(), ..Default::default() });
    assert_eq!(server.node.posted.lock().unwrap()[0].target.as_str(), "user/u1");
    assert!(server.node.invoked.lock().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn deadlines_come_from_the_header_and_have_a_most() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    for (header, seconds) in [(None, 60), (Some("1500m"), 1), (Some("2S"), 2), (Some("99999999H"), 3600)] {
        let mut request = Request::new(ask("clerk", "echo"));
        if let Some(text) = header {
            request.metadata_mut().insert("grpc-timeout", text.parse().unwrap());
        }
        actors.invoke(request).await.unwrap();
        let left = server.node.last_invoked().deadline - server.clock.instant();
        assert_eq!(left.as_secs(), seconds, "{header:?}");
    }
    let mut request = Request::new(ask("clerk", "echo"));
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    assert_eq!(code(actors.invoke(request).await), Code::InvalidPayload);
    server.stop().await;
}

#[tokio::test]
async fn a_call_belongs_to_its_callers_trace() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    let mut request = Request::new(ask("clerk", "echo"));
    let caller = TraceContext { trace_id: 0xabc, span_id: 0xdef, sampled: false };
    request.metadata_mut().insert("traceparent", caller.to_string().parse().unwrap());
    let response = actors.invoke(request).await.unwrap();
    let told = TraceContext::parse(response.metadata().get("traceparent").unwrap().to_str().unwrap()).unwrap();
    let seen = server.node.last_invoked().trace.unwrap();
    assert_eq!(seen, told);
    assert_eq!((seen.trace_id, seen.sampled), (caller.trace_id, false));
    assert_ne!(seen.span_id, caller.span_id, "the call is a span of its own");
    let mut garbage = Request::new(ask("clerk", "echo"));
    garbage.metadata_mut().insert("traceparent", "garbage".parse().unwrap());
    let response = actors.invoke(garbage).await.unwrap();
    assert!(response.metadata().contains_key("traceparent"), "a caller without a trace gets a new one");
    server.stop().await;
}

fn state(server: &Server, id: &str, payload: Option<Payload>) {
    server.node.states.lock().unwrap().push(ActorState {
        id: ActorId::parse(id).unwrap(),
        revision: Revision(7),
        state: payload,
        tags: Headers::new().with("tier", "gold"),
        time: Some(Timestamp::from_millis(1500)),
        phase: ActivationPhase::Passive,
    });
}

#[tokio::test]
async fn a_state_is_read_as_it_is_or_was() {
    let server = Server::start().await;
    let order =
        fake::descriptors().from_json(&fake::protobuf("shop.v1.OrderData"), &json!({ "orderId": "1" })).unwrap();
    state(&server, "order_processor", Some(order));
    state(&server, "user/u1", None);
    let mut actors = server.actors().await;
    let request = |actor: &str, at| v1::GetStateRequest {
        actor: actor.into(),
        at,
        format: v1::PayloadFormat::Json.into(),
        ..Default::default()
    };
    let latest = actors.get_state(request("order_processor", None)).await.unwrap().into_inner();
    assert_eq!((latest.actor.as_str(), latest.revision), ("order_processor", 7));
    assert_eq!(latest.tags["tier"], "gold");
    assert_eq!(latest.time, Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }));
    assert_eq!(latest.phase(), v1::ActivationPhase::Passive);
    assert_eq!(from_json(latest.state)["orderId"], "1");
    let old = actors.get_state(request("order_processor", Some(At::Revision(3)))).await.unwrap().into_inner();
    assert_eq!(old.revision, 3);
    let at = prost_types::Timestamp { seconds: 9, nanos: 0 };
    let then = actors.get_state(request("order_processor", Some(At::Time(at)))).await.unwrap().into_inner();
    assert_eq!(then.time, Some(at));
    assert_eq!(actors.get_state(request("user/u1", None)).await.unwrap().into_inner().state, None);
    assert_eq!(code(actors.get_state(request("order_processor", Some(At::Revision(8)))).await), Code::Gap);
    assert_eq!(code(actors.get_state(request("user/u2", None)).await), Code::ActorNotFound);
    assert_eq!(code(actors.get_state(request("", None)).await), Code::InvalidPayload);
    server.stop().await;
}

fn summary(id: &str, tag_len: usize) -> ActorSummary {
    ActorSummary {
        id: ActorId::parse(id).unwrap(),
        revision: Revision(1),
        tags: Headers::new().with("tag", "x".repeat(tag_len)),
        time: Timestamp::from_millis(1000),
        created: Mark(1),
    }
}

#[tokio::test]
async fn a_listing_goes_page_by_page_and_names_every_actor_once() {
    let server = Server::start().await;
    let ids: Vec<String> = (0..250).map(|n| format!("user/u{n:03}")).collect();
    server.node.actors.lock().unwrap().push(summary("order_processor", 0));
    server.node.actors.lock().unwrap().extend(ids.iter().map(|id| summary(id, 0)));
    let mut actors = server.actors().await;
    let (mut seen, mut sizes, mut page_token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let request = v1::ListActorsRequest { declared: "user".into(), page_token, ..Default::default() };
        let page = actors.list(request).await.unwrap().into_inner();
        sizes.push(page.actors.len());
        seen.extend(page.actors.into_iter().map(|row| row.actor));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((seen, sizes), (ids, vec![100, 100, 50]));
    let prefix = v1::ListActorsRequest { prefix: "user/u24".into(), page_size: 1000, ..Default::default() };
    assert_eq!(actors.list(prefix).await.unwrap().into_inner().actors.len(), 10);
    let token = v1::ListActorsRequest { page_token: "a/".into(), ..Default::default() };
    assert_eq!(code(actors.list(token).await), Code::InvalidPayload);
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_large_rows_fits_into_what_clients_receive_by_default() {
    let server = Server::start().await;
    server.node.actors.lock().unwrap().extend((0..2000).map(|n| summary(&format!("user/u{n:04}"), 4000)));
    let mut actors = v1::actors_client::ActorsClient::new(server.channel().await);
    let (mut seen, mut page_token) = (0, String::new());
    loop {
        let request = v1::ListActorsRequest { page_size: 1000, page_token, ..Default::default() };
        let page = actors.list(request).await.unwrap().into_inner();
        seen += page.actors.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 2000);
    server.stop().await;
}

#[tokio::test]
async fn an_actor_is_deleted_by_its_name() {
    let server = Server::start().await;
    let mut actors = server.actors().await;
    actors.delete(v1::DeleteActorRequest { actor: "u1".into(), parent: "user".into() }).await.unwrap();
    assert_eq!(*server.node.acts.lock().unwrap(), ["delete user/u1"]);
    assert_eq!(code(actors.delete(v1::DeleteActorRequest::default()).await), Code::InvalidPayload);
    server.stop().await;
}
