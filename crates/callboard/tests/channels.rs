//! A system is built with its channels, and does not start with a wrong one.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use callboard::System;
use callboard::channel::{Channel, invoke};
use callboard::core::port::Store;
use callboard::system::{NodeError, SystemBuilder};
use callboard::testing::MemoryStore;

fn builder() -> SystemBuilder {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    System::builder("table").store(store)
}

fn campaigns() -> Channel {
    Channel::new("CampaignChannel").alias("campaign:{id}").topic("campaign.{id}")
}

#[tokio::test]
async fn a_system_says_what_clients_may_join() {
    let system = builder().channel(campaigns()).channel(Channel::new("News").topic("news")).start().await.unwrap();
    let names: Vec<&str> = system.channels().iter().map(|channel| channel.declaration().name.as_str()).collect();
    assert_eq!(names, ["CampaignChannel", "campaign:*", "News"]);
    system.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_system_with_a_wrong_channel_does_not_start_and_says_what_to_write() {
    let refused = |builder: SystemBuilder| async { builder.start().await.map(|_| ()).unwrap_err() };
    let wrong = campaigns().on("speak", invoke("{actor}", "speak"));
    let error: NodeError = refused(builder().channel(wrong)).await;
    assert!(error.to_string().starts_with("channel CampaignChannel: the event \"speak\": the actor"), "{error}");
    let error = refused(builder().channel(campaigns()).channel(campaigns())).await;
    assert!(error.to_string().contains("two channels are called \"CampaignChannel\""), "{error}");
}
