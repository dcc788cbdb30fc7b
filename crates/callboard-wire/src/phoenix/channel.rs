//! One join of a channel, from the moment it is asked for.

use std::sync::Arc;

use callboard_core::port::ChannelDeclaration;

use super::Reference;
use super::join::Show;
use crate::session::{Data, Started};

/// A join.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) topic: Arc<str>,
    pub(super) join_ref: Option<Reference>,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Joining(Box<Joining>),
    Joined(Joined),
}

/// A join that is not answered.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) reference: Option<Reference>,
    /// A sequence number that waits for its epoch.
    pub(super) last_seq: Option<u64>,
    pub(super) started_at_time: bool,
    /// Whether the client said where it has come to, so that what it missed is known.
    pub(super) placed: bool,
    pub(super) consumer: bool,
    pub(super) envelope: bool,
    pub(super) presence: Show,
    /// What was granted while the subscription still waits for its place.
    pub(super) granted: Option<Granted>,
    /// What the client sent behind its join.
    pub(super) waiting: Vec<Event>,
}

/// What the gateway said of a subscription.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) rules: Arc<ChannelDeclaration>,
    pub(super) response: Option<Arc<str>>,
    pub(super) started: Started,
    pub(super) missed: bool,
}

/// A channel that is joined.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) rules: Arc<ChannelDeclaration>,
    /// Whether publications come with their envelope.
    pub(super) envelope: bool,
    /// Whether `ack` is an acknowledgement, and not an event of the channel's own.
    pub(super) acknowledges: bool,
    /// Whether the client is told who is there.
    pub(super) presence: bool,
}

/// An event that a client sent.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) reference: Option<Reference>,
    pub(super) name: String,
    pub(super) data: Data,
}

/// Events that may wait for a join: who sends more before the answer is told to wait.
pub(super) const WAITING_MAX: usize = 16;

impl Joined {
    pub(super) fn new(rules: Arc<ChannelDeclaration>, joining: &Joining) -> Self {
        // Topics that no channel is declared for have rules without a name. There nobody is shown who did not ask for it.
        let declared = !rules.name.is_empty();
        let presence = rules.presence
            && match joining.presence {
                Show::Unsaid => declared,
                Show::Yes(_) => true,
                Show::No => false,
            };
        Self {
            envelope: rules.envelope || joining.envelope,
            acknowledges: rules.acknowledged || joining.consumer || !declared,
            presence,
            rules,
        }
    }
}
