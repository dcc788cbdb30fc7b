//! Every bound, with the reason for its value. What is full has a named answer; nothing grows without end.

use std::time::Duration;

/// Bytes of an actor's name and of its parent's, each. It fits one index key and one subject of a message bus.
pub const ID_LEN_MAX: usize = 255;
/// Bytes of a topic or pattern.
pub const TOPIC_LEN_MAX: usize = 255;
/// Tokens of a topic or pattern: deeper trees are a sign of data in the name.
pub const TOPIC_TOKENS_MAX: usize = 16;
/// Bytes of an action's name.
pub const ACTION_LEN_MAX: usize = 255;
/// Bytes of one payload, state included. Larger things belong in an object store, by reference. Answer: `TooLarge`.
pub const PAYLOAD_LEN_MAX: usize = 4 * 1024 * 1024;
/// Headers of one message. Answer: `TooLarge`.
pub const HEADERS_LEN_MAX: usize = 64;
/// Bytes of one header's name and value together. Answer: `TooLarge`.
pub const HEADER_BYTES_MAX: usize = 4096;
/// Bytes of an idempotency key. Answer: `InvalidPayload`.
pub const IDEMPOTENCY_KEY_LEN_MAX: usize = 255;
/// Mail waiting for one actor. Answer: `Overloaded`.
pub const MAILBOX_LEN_MAX: usize = 1024;
/// How long a call may take when its caller does not say. Answer: `DeadlineExceeded`.
pub const CALL_DEADLINE: Duration = Duration::from_secs(60);
/// The longest deadline that a caller may ask for.
pub const CALL_DEADLINE_MAX: Duration = Duration::from_secs(3600);
/// Actors in one chain of calls. Answer: `CallCycle`.
pub const CALL_DEPTH_MAX: usize = 32;
/// How long an actor may be idle before it leaves memory.
pub const DEACTIVATE_TIMEOUT: Duration = Duration::from_secs(10);
/// Broadcasts, effects and timers of one Value. Answer: `TooLarge`.
pub const VALUE_ITEMS_MAX: usize = 10_000;
/// Revisions of an actor that stay readable.
pub const REVISIONS_KEPT: u64 = 100;
/// How long a response stays under its idempotency key.
pub const REPLY_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Responses kept under idempotency keys per actor; the oldest leave first.
pub const REPLIES_PER_ACTOR_MAX: u64 = 1000;
/// How long a durable topic keeps a publication that every subscriber has seen.
pub const RETENTION_AGE: Duration = Duration::from_secs(24 * 3600);
/// How many publications a durable topic keeps that every subscriber has seen.
pub const RETENTION_LEN: u64 = 10_000;
/// How many publications an ephemeral topic keeps in memory.
pub const RING_LEN: usize = 100;
/// How long an ephemeral topic keeps a publication in memory.
pub const RING_AGE: Duration = Duration::from_secs(300);
/// Ephemeral topics with a ring in memory at one time; the longest unused leave first.
pub const RINGS_MAX: usize = 10_000;
/// Batches in one group commit: past this, latency grows and throughput does not.
pub const COMMIT_BATCHES_MAX: usize = 256;
/// Batches waiting for the committer. Answer: `Overloaded`.
pub const COMMIT_QUEUE_LEN_MAX: usize = 4096;
/// Publications that wait in memory for one feed; what is more is read from the log.
pub const FEED_WINDOW_LEN: usize = 64;
/// Publications that wait in memory for one live subscriber before it falls back to the log.
pub const SUBSCRIBER_QUEUE_LEN: usize = 1024;
/// Publications read from the log at once.
pub const LOG_PAGE_LEN: usize = 512;
/// Attempts of one delivery or effect before it is set aside.
pub const DELIVERY_ATTEMPTS_MAX: u32 = 5;
/// Rows on one page of a listing.
pub const PAGE_LEN_MAX: usize = 1000;
/// Due effects and timers that wait in memory.
pub const DUE_WINDOW_LEN: usize = 1000;
/// Invocations that one stream of a client may have under way.
pub const STREAM_WINDOW_LEN: usize = 256;
/// Shards of a system, fixed at its creation.
pub const SHARDS: u16 = 256;

/// Topics behind one join of a channel: each is a stream of its own.
pub const CHANNEL_TOPICS_MAX: usize = 16;
