use std::sync::Arc;

use callboard_core::port::{BoxFuture, BroadcastLog, LogBounds, StoreError};
use callboard_core::{Mark, Publication, Seq, Timestamp, Topic};

use super::SqliteStore;

impl BroadcastLog for SqliteStore {
    fn bounds(&self, topic: &Topic) -> BoxFuture<'_, Result<Option<LogBounds>, StoreError>> {
        let topic = topic.clone();
        self.read(move |view| view.bounds(&topic))
    }

    fn read(
        &self,
        topic: &Topic,
        after: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Arc<Publication>>, StoreError>> {
        let topic = topic.clone();
        self.read(move |view| view.read_topic(&topic, after, limit))
    }

    fn tail(&self, after: Mark, limit: usize) -> BoxFuture<'_, Result<Vec<Arc<Publication>>, StoreError>> {
        self.read(move |view| view.tail(after, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.read(|view| view.head())
    }

    fn mark_before(&self, time: Timestamp) -> BoxFuture<'_, Result<Mark, StoreError>> {
        self.read(move |view| view.mark_before(time))
    }
}
