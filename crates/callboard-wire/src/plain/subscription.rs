//! One subscription of a client, from the moment it is asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use callboard_core::port::ChannelDeclaration;

use super::request::{Deed, Id};
use crate::session::From;
use crate::trail::Trail;

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    /// As the client names it.
    pub(super) name: Arc<str>,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Asked(Box<Asked>),
    Made(Box<Made>),
}

/// A subscription that is not answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Option<Id>,
    pub(super) from: From,
    pub(super) consumer: bool,
    /// What the client sent behind it.
    pub(super) waiting: Vec<(Option<Id>, Deed)>,
}

/// A subscription that delivers.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) rules: Arc<ChannelDeclaration>,
    pub(super) trail: Trail,
    /// Whether the client wants to know who comes and goes.
    pub(super) watches: bool,
    /// References of questions who is there, in order.
    pub(super) lists: VecDeque<Option<Id>>,
}

/// What may wait for the answer to a subscribe. Who sends more before it is told to wait.
pub(super) const WAITING_MAX: usize = 16;
