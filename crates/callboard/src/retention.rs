//! How topics are kept: [`ephemeral`], [`durable`].

use std::time::Duration;

use callboard_core::topic::{Retention, TopicPolicy};

/// Publications are kept in a ring in memory and delivered at most once; they cost no disk. For what is soon out of date.
#[must_use]
pub const fn ephemeral() -> TopicPolicy {
    TopicPolicy::EPHEMERAL
}

/// Publications are kept on disk, and delivered at least once. What every durable subscriber has seen is kept at most this
/// long, and at most so many of it. Topics are durable by themselves, for 24 h and 10,000 publications.
#[must_use]
pub const fn durable(age: Duration, len: u64) -> TopicPolicy {
    TopicPolicy::Durable(Retention { age, len })
}
