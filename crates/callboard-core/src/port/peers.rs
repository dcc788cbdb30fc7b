use std::sync::Arc;

use super::BoxFuture;
use crate::{Error, Invocation, NodeId, Publication, Reply};

/// The *other* nodes. What is local is never sent through here.
pub trait Peers: Send + Sync + 'static {
    /// Invokes an actor on the node that owns it.
    ///
    /// *Cancel safety*: dropping the future does not undo what the other node does.
    /// *Errors*: `Fenced` when that node does not own the actor (any more); `Unavailable` when it cannot be reached.
    fn invoke(&self, node: NodeId, invocation: Invocation) -> BoxFuture<'_, Result<Reply, Error>>;

    /// Tells every other node that listens of a publication. At most once; who misses it reads the log.
    fn announce(&self, publication: Arc<Publication>);
}
