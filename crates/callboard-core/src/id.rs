//! Identities: [`ActorId`], [`Shard`], [`NodeId`], [`MessageId`].

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::limits::{ID_LEN_MAX, SHARDS};
use crate::time::Timestamp;

/// Why a text is not an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing is there.
    #[error("an actor's name is empty; give it at least one character")]
    Empty,
    /// Over 255 bytes.
    #[error("an actor's name has {0} bytes; the most is {ID_LEN_MAX}")]
    TooLong(usize),
    /// A control character, or `/` in the name of a declared actor.
    #[error("an actor's name may not contain {0:?}")]
    Forbidden(char),
}

/// Who an actor is, within its system: a declared name, or an instance's name under the name of the actor that it is an
/// instance of (its *parent*).
///
/// The text form is `name` or `parent/name`, e.g. `order_processor` and `user_aggregate/u1`. Two parents with the same
/// instance name never meet. Never a hash.
#[derive(Clone)]
pub struct ActorId {
    text: Arc<str>,
    // Bytes of the parent; 0 for a declared actor.
    parent_len: u8,
}

impl ActorId {
    /// The declared (named) actor `name`.
    pub fn named(name: &str) -> Result<Self, IdError> {
        check(name, false)?;
        Ok(Self { text: name.into(), parent_len: 0 })
    }

    /// The instance `name` of the declared actor `parent`.
    pub fn instance(parent: &str, name: &str) -> Result<Self, IdError> {
        check(parent, false)?;
        check(name, true)?;
        let parent_len = u8::try_from(parent.len()).map_err(|_| IdError::TooLong(parent.len()))?;
        Ok(Self { text: format!("{parent}/{name}").into(), parent_len })
    }

    /// Reads the text form: what stands before the first `/` is the parent.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match text.split_once('/') {
            Some((parent, name)) => Self::instance(parent, name),
            None => Self::named(text),
        }
    }

    /// The same identity in memory of its own. Clones of one identity count their references in one place, and threads that do so all
    /// the time slow each other down.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { text: Arc::from(&*self.text), parent_len: self.parent_len }
    }

    /// The actor that this is an instance of.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        (self.parent_len > 0).then(|| &self.text[..usize::from(self.parent_len)])
    }

    /// The name without the parent.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.parent_len {
            0 => &self.text,
            n => &self.text[usize::from(n) + 1..],
        }
    }

    /// The name under which the actor's declaration is found: the parent's, or its own.
    #[must_use]
    pub fn declared(&self) -> &str {
        self.parent().unwrap_or(&self.text)
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn check(name: &str, slash_allowed: bool) -> Result<(), IdError> {
    if name.is_empty() {
        return Err(IdError::Empty);
    }
    if name.len() > ID_LEN_MAX {
        return Err(IdError::TooLong(name.len()));
    }
    match name.chars().find(|c| c.is_control() || (*c == '/' && !slash_allowed)) {
        Some(c) => Err(IdError::Forbidden(c)),
        None => Ok(()),
    }
}

impl PartialEq for ActorId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.text, &other.text) || self.text == other.text
    }
}
impl Eq for ActorId {}
impl PartialOrd for ActorId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ActorId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}
impl Hash for ActorId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorId({})", self.text)
    }
}

/// One of the [`SHARDS`] parts over which actors and topics are spread. A shard has one owner node at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// Every shard.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// A shard by its number.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SHARDS { Some(Self(number)) } else { None }
    }

    /// The shard of an actor: a hash that is the same on every machine and in every version (rapidhash v3 over the
    /// length-prefixed system, parent and name).
    #[must_use]
    pub fn of_actor(system: &str, id: &ActorId) -> Self {
        Self::of_parts([system, id.parent().unwrap_or(""), id.name()])
    }

    /// The shard of a topic.
    #[must_use]
    pub fn of_topic(system: &str, topic: &crate::Topic) -> Self {
        Self::of_parts([system, "", topic.as_str()])
    }

    fn of_parts(parts: [&str; 3]) -> Self {
        // Length-prefixed, so that ("ab", "c") and ("a", "bc") differ; each part has at most 255 bytes.
        let mut text = [0_u8; 3 * (ID_LEN_MAX + 1)];
        let mut len = 0;
        for part in parts {
            let part = &part.as_bytes()[..part.len().min(ID_LEN_MAX)];
            text[len] = u8::try_from(part.len()).unwrap_or(u8::MAX);
            text[len + 1..len + 1 + part.len()].copy_from_slice(part);
            len += 1 + part.len();
        }
        let hash = rapidhash::v3::rapidhash_v3(&text[..len]);
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is below SHARDS")]
        Self((hash % u64::from(SHARDS)) as u16)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// A node of a system; random, new at each start of the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// The id of a publication, an effect or a request: a UUID of version 7, so it sorts by time and is unique without
/// coordination. It is what reaches the outside world as an idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(u128);

impl MessageId {
    /// Builds the id from the time and 74 of the 128 random bits given (RFC 9562, section 5.7).
    #[must_use]
    pub const fn new(now: Timestamp, entropy: u128) -> Self {
        let time = ((now.as_millis() as u128) & 0xffff_ffff_ffff) << 80;
        let random = entropy & 0x0000_0000_0000_0fff_3fff_ffff_ffff_ffff;
        Self(time | random | (0x7 << 76) | (0b10 << 62))
    }

    /// From its 128 bits, as they were stored.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// Reads the hyphenated or plain hexadecimal form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        (hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| u128::from_str_radix(&hex, 16).ok().map(Self))?
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            v >> 96,
            (v >> 80) & 0xffff,
            (v >> 64) & 0xffff,
            (v >> 48) & 0xffff,
            v & 0xffff_ffff_ffff
        )
    }
}
impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_with_the_same_instance_name_never_meet() {
        let a = ActorId::instance("order", "42").unwrap();
        let b = ActorId::instance("user", "42").unwrap();
        assert_ne!(a, b);
        assert_eq!((a.parent(), a.name(), a.declared(), a.as_str()), (Some("order"), "42", "order", "order/42"));
        assert_eq!(ActorId::parse("order/42/x").unwrap().name(), "42/x");
        assert_eq!(ActorId::parse("clerk").unwrap().parent(), None);
    }

    #[test]
    fn what_is_not_a_name_says_why() {
        assert_eq!(ActorId::named(""), Err(IdError::Empty));
        assert_eq!(ActorId::named("a/b"), Err(IdError::Forbidden('/')));
        assert_eq!(ActorId::named("a\nb"), Err(IdError::Forbidden('\n')));
        assert_eq!(ActorId::named(&"x".repeat(256)), Err(IdError::TooLong(256)));
        assert_eq!(ActorId::instance("a", ""), Err(IdError::Empty));
        assert!(ActorId::instance(&"p".repeat(255), &"n".repeat(255)).is_ok());
    }

    #[test]
    fn the_shard_of_an_actor_never_changes_between_versions() {
        // Stored data is spread by these numbers: if this fails, the hash changed, not the test.
        let shard = |text| Shard::of_actor("shop", &ActorId::parse(text).unwrap()).number();
        assert_eq!([shard("order_processor"), shard("order/1"), shard("order/2")], PINNED_SHARDS);
        assert_ne!(shard("order/1"), Shard::of_actor("shop2", &ActorId::parse("order/1").unwrap()).number());
    }
    const PINNED_SHARDS: [u16; 3] = [120, 66, 189];

    #[test]
    fn message_ids_are_uuid_version_7() {
        let id = MessageId::new(Timestamp::from_millis(0x0123_4567_89ab), u128::MAX);
        assert_eq!(id.to_string(), "01234567-89ab-7fff-bfff-ffffffffffff");
        assert_eq!(MessageId::parse(&id.to_string()), Some(id));
        assert_eq!(MessageId::parse("zz"), None);
    }
}
