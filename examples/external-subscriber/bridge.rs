//! Bridges out of the system: live for a web page, durable for a system of record.

use std::sync::{Arc, Mutex, PoisonError};

use callboard::MessageId;
use callboard::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Announced on `order.events`.
#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "shop.OrderPlaced")]
pub struct OrderPlaced {
    /// Which order.
    pub order_id: String,
    /// Who ordered.
    pub user_id: String,
}

/// A live bridge to a web framework: its sockets hold receivers of `pages`. Who is not there misses it, which is right for a
/// page that shows what happens now. It hears every type; here it sorts out those that it shows.
pub fn to_the_web(pages: broadcast::Sender<String>) -> External {
    External::live("order.>", move |received: Received| {
        let pages = pages.clone();
        async move {
            if received.is::<OrderPlaced>() {
                let order = received.read::<OrderPlaced>()?;
                // An error says that nobody looks.
                let _ = pages.send(format!("user:{} new order {}", order.user_id, order.order_id));
            }
            Ok::<_, CallError>(())
        }
    })
}

/// The system of record outside.
#[derive(Clone, Debug, Default)]
pub struct Erp {
    booked: Arc<Mutex<Vec<(MessageId, String)>>>,
    down: Arc<Mutex<bool>>,
}

impl Erp {
    fn book(&self, key: MessageId, order_id: String) -> Result<()> {
        if *self.down.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Error::failed("the ERP does not answer"));
        }
        let mut booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        if !booked.iter().any(|(known, _)| *known == key) {
            booked.push((key, order_id));
        }
        Ok(())
    }
}

/// A durable bridge: with a name it has a cursor. It hears what was announced while it was away, in order; an error brings the
/// same publication again, and `Ok` moves on. The id is the key by which the other side books it once.
pub fn to_the_erp(erp: Erp) -> External {
    External::live("order.events", move |order: Received<OrderPlaced>| {
        let erp = erp.clone();
        async move { erp.book(order.id, order.event.order_id) }
    })
    .named("erp")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callboard::core::port::Store;
    use callboard::testing::{MemoryStore, TestSystem};

    use super::*;

    fn placed(n: u32) -> OrderPlaced {
        OrderPlaced { order_id: format!("o{n}"), user_id: "ada".to_owned() }
    }

    fn booked(erp: &Erp) -> Vec<String> {
        erp.booked.lock().unwrap().iter().map(|(_, order_id)| order_id.clone()).collect()
    }

    #[callboard::test]
    async fn a_live_bridge_forwards_what_it_knows_and_passes_over_the_rest() {
        let (pages, mut page) = broadcast::channel(16);
        let system = TestSystem::builder().external_subscriber(to_the_web(pages)).start().await;
        system.publish("order.events", "something else".to_owned()).await.unwrap();
        system.publish("order.events", placed(1)).await.unwrap();
        assert_eq!(page.recv().await.unwrap(), "user:ada new order o1");
        system.stop().await;
    }

    #[callboard::test]
    async fn a_durable_bridge_misses_nothing_while_the_other_side_or_the_system_is_down() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let erp = Erp::default();
        let system = || TestSystem::builder().store(Arc::clone(&store)).external_subscriber(to_the_erp(erp.clone()));
        let first = system().start().await;
        first.publish("order.events", placed(1)).await.unwrap();
        first.settle().await;
        assert_eq!(booked(&erp), ["o1"]);
        *erp.down.lock().unwrap() = true;
        first.publish("order.events", placed(2)).await.unwrap();
        first.publish("order.events", placed(3)).await.unwrap();
        first.settle().await;
        first.stop().await;

        let second = system().start().await;
        *erp.down.lock().unwrap() = false;
        second.advance(Duration::from_secs(60)).await;
        assert_eq!(booked(&erp), ["o1", "o2", "o3"]);
        second.stop().await;
    }
}
