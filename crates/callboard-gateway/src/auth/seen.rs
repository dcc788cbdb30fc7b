//! [`Seen`]: tokens that were verified a short while ago, so that a client that sends its token with each request pays once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use callboard_core::Principal;
use sha2::{Digest as _, Sha256};

/// A token's digest: the token itself is not kept.
pub(super) type Mark = [u8; 32];

/// The tokens of one generation of keys, the newest half at least; no more than twice [`HALF_LEN`].
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    generation: u64,
    new: HashMap<Mark, Arc<Principal>>,
    old: HashMap<Mark, Arc<Principal>>,
}

const HALF_LEN: usize = 4096;

pub(super) fn mark(token: &str) -> Mark {
    Sha256::digest(token).into()
}

impl Seen {
    /// Whose token it is, if it was verified with these keys.
    pub(super) fn find(&self, mark: &Mark, generation: u64) -> Option<Arc<Principal>> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.generation != generation {
            return None;
        }
        if let Some(principal) = halves.new.get(mark) {
            return Some(Arc::clone(principal));
        }
        let principal = halves.old.remove(mark)?;
        halves.insert(*mark, Arc::clone(&principal));
        Some(principal)
    }

    /// Remembers a token that was verified with these keys.
    pub(super) fn remember(&self, mark: Mark, generation: u64, principal: &Arc<Principal>) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A key may be gone; what it verified is verified again, or refused.
        if generation > halves.generation {
            *halves = Halves { generation, ..Halves::default() };
        }
        if generation == halves.generation {
            halves.insert(mark, Arc::clone(principal));
        }
    }
}

impl Halves {
    fn insert(&mut self, mark: Mark, principal: Arc<Principal>) {
        if self.new.len() >= HALF_LEN {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(mark, principal);
    }
}

#[cfg(test)]
mod tests {
    use callboard_core::Grants;

    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let seen = Seen::default();
        let principal = Arc::new(Principal::anonymous(Grants::default()));
        let used = mark("used");
        seen.remember(used, 1, &principal);
        for n in 0..HALF_LEN * 3 {
            seen.remember(mark(&n.to_string()), 1, &principal);
            assert!(seen.find(&used, 1).is_some(), "{n}");
        }
        assert!(seen.find(&mark("0"), 1).is_none());
        let halves = seen.0.lock().unwrap();
        assert!(halves.new.len() + halves.old.len() <= 2 * HALF_LEN);
    }

    #[test]
    fn other_keys_know_nothing_of_it() {
        let seen = Seen::default();
        let principal = Arc::new(Principal::anonymous(Grants::default()));
        seen.remember(mark("t"), 1, &principal);
        assert!(seen.find(&mark("t"), 2).is_none());
        seen.remember(mark("u"), 2, &principal);
        seen.remember(mark("t"), 1, &principal);
        assert!(seen.find(&mark("t"), 2).is_none() && seen.find(&mark("t"), 1).is_none());
    }
}
