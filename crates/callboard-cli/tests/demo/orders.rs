//! Customers who order through both doors, remember what was acknowledged, and do not mind that the shop dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use callboard_wire::pb::v1;
use callboard_wire::pb::v1::actors_client::ActorsClient;
use callboard_wire::pb::v1::payload::Content;
use prost_types::value::Kind;
use serde_json::{Value as Json, json};

use crate::process::Shop;

/// Customers of each door.
const PER_DOOR: usize = 2;

#[derive(Default)]
pub(crate) struct Orders(Mutex<BTreeMap<String, bool>>);

pub(crate) fn order(order_id: &str) -> Json {
    json!({ "orderId": order_id, "userId": "user_1", "amount": 10.5, "items": [{ "sku": "tea", "quantity": 2 }] })
}

impl Orders {
    /// Sends orders until so many are acknowledged. When this returns, more are under way; the customers give up when the shop
    /// is gone.
    pub(crate) fn send_until(&self, shop: &Shop, round: usize, until: usize) {
        std::thread::scope(|scope| {
            let (acknowledged, count) = sync_channel(0);
            for customer in 0..2 * PER_DOOR {
                let acknowledged = acknowledged.clone();
                scope.spawn(move || self.customer(shop, round, customer, &acknowledged));
            }
            drop(acknowledged);
            let answers: Vec<()> = count.iter().take(until).collect();
            assert_eq!(answers.len(), until, "every customer gave up before the shop was killed");
            let killed = std::process::Command::new("kill").args(["-KILL", &shop.child.id().to_string()]).status();
            assert!(killed.unwrap().success());
        });
    }

    fn customer(&self, shop: &Shop, round: usize, customer: usize, acknowledged: &SyncSender<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut http = shop.connect();
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", shop.address)).unwrap();
        let grpc = ActorsClient::new(runtime.block_on(async { channel.connect_lazy() }));
        for n in 0.. {
            let order_id = format!("r{round}_c{customer}_{n}");
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(order_id.clone(), false);
            let done = if customer < PER_DOOR {
                let answer = http.post("/v1/actors/order_processor/create_order", &order(&order_id));
                answer.map(|answer| assert_eq!(answer.status, 200, "{answer:?}")).is_ok()
            } else {
                match runtime.block_on(grpc.clone().invoke(request(&order(&order_id).to_string()))) {
                    Ok(_) => true,
                    // The connection broke, or could not be made.
                    Err(status) => {
                        assert!(is_gone(&status), "{status:?}");
                        false
                    }
                }
            };
            if !done {
                return;
            }
            self.acknowledge(order_id);
            // Nobody counts any more once the shop is being killed.
            let _ = acknowledged.send(());
        }
    }

    pub(crate) fn acknowledge(&self, order_id: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(order_id, true);
    }

    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        orders.iter().filter(|(_, acknowledged)| **acknowledged).map(|(order_id, _)| order_id.clone()).collect()
    }

    pub(crate) fn unanswered(&self) -> Vec<(String, Json)> {
        let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unanswered = orders.iter().filter(|(_, acknowledged)| !**acknowledged);
        unanswered.map(|(order_id, _)| (order_id.clone(), order(order_id))).collect()
    }
}

// What the client's library says when the peer died: never an answer of the shop.
fn is_gone(status: &tonic::Status) -> bool {
    use tonic::Code::{Cancelled, Internal, Unavailable, Unknown};
    status.details().is_empty() && matches!(status.code(), Cancelled | Internal | Unavailable | Unknown)
}

/// Creates an order over gRPC, given as JSON.
pub(crate) fn over_grpc(shop: &Shop, order: &str) -> Result<v1::InvokeResponse, tonic::Status> {
    invoke(shop, request(order))
}

pub(crate) fn invoke(shop: &Shop, request: v1::InvokeRequest) -> Result<v1::InvokeResponse, tonic::Status> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", shop.address)).unwrap();
        let mut client = ActorsClient::new(channel.connect().await.unwrap());
        client.invoke(request).await.map(tonic::Response::into_inner)
    })
}

fn request(order: &str) -> v1::InvokeRequest {
    let value = json_value(&serde_json::from_str(order).unwrap());
    let payload = v1::Payload { content: Some(Content::Json(value)), r#type: String::new() };
    v1::InvokeRequest {
        actor: "order_processor".to_owned(),
        action: "create_order".to_owned(),
        payload: Some(payload),
        ..v1::InvokeRequest::default()
    }
}

pub(crate) fn json_value(value: &Json) -> prost_types::Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.iter().map(json_value).collect() })
        }
        Json::Object(fields) => Kind::StructValue(prost_types::Struct {
            fields: fields.iter().map(|(name, value)| (name.clone(), json_value(value))).collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// The order id in a response.
pub(crate) fn order_id(response: &v1::InvokeResponse) -> &str {
    let Some(Content::Json(value)) = response.payload.as_ref().unwrap().content.as_ref() else {
        panic!("{response:?}")
    };
    let Some(Kind::StructValue(order)) = &value.kind else { panic!("{value:?}") };
    let Some(Kind::StringValue(order_id)) = &order.fields["orderId"].kind else { panic!("{order:?}") };
    order_id
}
