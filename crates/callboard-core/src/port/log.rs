use std::sync::Arc;

use super::{BoxFuture, StoreError};
use crate::{Epoch, Mark, Publication, Seq, Timestamp, Topic};

/// What a durable topic's log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// The log's life.
    pub epoch: Epoch,
    /// The oldest that is kept; `head.next()` when nothing is.
    pub first: Seq,
    /// The newest; zero when nothing was ever published.
    pub head: Seq,
    /// The newest one's mark; zero when nothing is kept.
    pub head_mark: Mark,
}

/// The read side of the durable topics. Publications enter it with the commit that caused them.
///
/// *Ordering*: what a method returns is in order, and includes everything whose commit returned before the call.
/// *Cancel safety*: reads can be dropped at any time. *Errors*: `StoreError::Unavailable` only.
pub trait BroadcastLog: Send + Sync + 'static {
    /// What a topic's log holds; `None` for a topic that was never published on.
    fn bounds(&self, topic: &Topic) -> BoxFuture<'_, Result<Option<LogBounds>, StoreError>>;

    /// Publications of one topic after `after`, at most `limit`, by sequence.
    fn read(&self, topic: &Topic, after: Seq, limit: usize)
    -> BoxFuture<'_, Result<Vec<Arc<Publication>>, StoreError>>;

    /// Publications of all topics after `after`, at most `limit`, in commit order.
    fn tail(&self, after: Mark, limit: usize) -> BoxFuture<'_, Result<Vec<Arc<Publication>>, StoreError>>;

    /// The mark of the last commit: everything committed before the call stands at or before it.
    fn head(&self) -> BoxFuture<'_, Result<Mark, StoreError>>;

    /// The greatest mark before every publication whose time is `time` or later.
    fn mark_before(&self, time: Timestamp) -> BoxFuture<'_, Result<Mark, StoreError>>;
}
