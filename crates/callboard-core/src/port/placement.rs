use crate::batch::Fence;
use crate::{NodeId, Shard};

/// Who owns a shard, as this node knows it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This node, with the fence under which it commits.
    Here(Fence),
    /// Another node.
    There(NodeId),
    /// Nobody; the shard is moving.
    Nobody,
}

/// Which node owns which shard. Answers at once from memory and may be wrong for a moment: the store's fence decides.
pub trait Placement: Send + Sync + 'static {
    /// The owner of a shard.
    fn owner(&self, shard: Shard) -> Owner;
}
