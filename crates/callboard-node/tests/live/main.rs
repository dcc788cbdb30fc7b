//! Whole nodes and clients over real sockets, frame by frame as the clients' libraries send them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod acknowledgements;
mod bounds;
mod cable;
mod channel;
mod client;
mod longpoll;
mod phoenix;
mod phoenix_acks;
mod plain;
mod presence;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use callboard_core::port::{Channel, Store};
use callboard_core::publication::Announcement;
use callboard_core::topic::TopicRules;
use callboard_core::{Encoding, Headers, MessageId, Payload, Position, Topic};
use callboard_node::{GatewayConfig, Node, Parts, StoreChoice};
use callboard_testkit::MemoryStore;

use channel::Campaigns;

/// A node that a test may stop and start again on the same store and port.
pub(crate) struct House {
    pub(crate) node: Node,
    store: Arc<dyn Store>,
    config: GatewayConfig,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let mut config = GatewayConfig::on(([127, 0, 0, 1], 0).into());

        config.auth = callboard_node::AuthConfig::open();
        change(&mut config);
        Self::on(Arc::new(MemoryStore::new()), config).await
    }

    async fn on(store: Arc<dyn Store>, mut config: GatewayConfig) -> Self {
        let channels: Vec<Arc<dyn Channel>> = vec![Arc::new(Campaigns::default()), Arc::new(Campaigns::acknowledged())];
        let parts = Parts {
            system: "shop".into(),
            hosts: Vec::new(),
            externals: Vec::new(),
            topics: TopicRules::default(),
            store: StoreChoice::Ready(Arc::clone(&store)),
            gateway: Some(config.clone()),
            channels,
            pages: Vec::new(),
            descriptors: Vec::new(),
        };
        let node = Node::start(parts).await.unwrap();
        config.listen = node.address().unwrap();
        Self { node, store, config }
    }

    /// Stops the node as a deploy does, and starts it again.
    pub(crate) async fn restart(self) -> Self {
        self.node.stop(Duration::from_secs(10)).await;
        Self::on(self.store, self.config).await
    }

    pub(crate) async fn publish(&self, topic: &str, json: &str) -> Position {
        let announcement = Announcement {
            id: MessageId::new(self.node.clock().now(), self.node.entropy().next_u128()),
            topic: Topic::parse(topic).unwrap(),
            time: self.node.clock().now(),
            payload: Payload::new("test.Event", Encoding::Json, json.to_owned()),
            headers: Headers::new(),
            trace: None,
            publisher: None,
        };
        self.node.dispatcher().publish(vec![announcement]).await.unwrap()[0]
    }

    pub(crate) async fn publish_numbers(&self, topic: &str, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.publish(topic, &format!("{{\"n\":{number}}}")).await;
        }
    }
}
