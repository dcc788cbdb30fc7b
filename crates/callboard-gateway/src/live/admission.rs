//! [`Admission`]: how many connections there may be, and how fast they and their commands may come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use callboard_core::Principal;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::config::ClientsConfig;

/// Counts live connections. Cheap to share.
#[derive(Debug)]
pub(crate) struct Admission {
    accepts: DefaultDirectRateLimiter,
    commands: Quota,
    per_address_max: usize,
    per_subject_max: usize,
    counts: Arc<Mutex<HashMap<Holder, usize>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Address(IpAddr),
    Subject(Arc<str>),
}

/// A connection that was admitted, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Admitted {
    counts: Arc<Mutex<HashMap<Holder, usize>>>,
    holders: Vec<Holder>,
}

/// Why a connection is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// Too many come at once; later is fine.
    Rate,
    /// The address has too many.
    Address,
    /// The subject has too many.
    Subject,
}

impl Admission {
    pub(crate) fn new(config: &ClientsConfig) -> Self {
        let per_second = |rate: u32| NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        let quota = |rate: u32, burst: u32| Quota::per_second(per_second(rate)).allow_burst(per_second(burst));
        Self {
            accepts: RateLimiter::direct(quota(config.accepts_per_second, config.accepts_per_second)),
            commands: quota(config.commands_per_second, config.commands_burst),
            per_address_max: config.per_address_max,
            per_subject_max: config.per_subject_max,
            counts: Arc::default(),
        }
    }

    /// Lets a connection in, or says why not.
    pub(crate) fn admit(&self, address: Option<IpAddr>, principal: &Principal) -> Result<Admitted, Crowded> {
        if self.accepts.check().is_err() {
            return Err(Crowded::Rate);
        }
        let mut admitted = Admitted { counts: Arc::clone(&self.counts), holders: Vec::with_capacity(2) };
        let mut counts = lock(&self.counts);
        let wanted = [
            address.map(|address| (Holder::Address(address), self.per_address_max, Crowded::Address)),
            principal.subject.clone().map(|subject| (Holder::Subject(subject), self.per_subject_max, Crowded::Subject)),
        ];
        for (holder, most, crowded) in wanted.into_iter().flatten() {
            let count = counts.entry(holder.clone()).or_default();
            if *count >= most {
                drop(counts);
                return Err(crowded);
            }
            *count += 1;
            admitted.holders.push(holder);
        }
        drop(counts);
        Ok(admitted)
    }

    /// A limiter of one connection's commands.
    pub(crate) fn commands(&self) -> DefaultDirectRateLimiter {
        RateLimiter::direct(self.commands)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        for holder in &self.holders {
            if let Some(count) = counts.get_mut(holder) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(holder);
                }
            }
        }
    }
}

fn lock(counts: &Mutex<HashMap<Holder, usize>>) -> std::sync::MutexGuard<'_, HashMap<Holder, usize>> {
    // Each change is one number; a panic elsewhere cannot leave half of it.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_core::Grants;

    #[test]
    fn an_address_and_a_subject_have_so_many_connections_and_get_them_back() {
        let config = ClientsConfig { per_address_max: 2, per_subject_max: 1, ..ClientsConfig::default() };
        let admission = Admission::new(&config);
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        let anonymous = Principal::anonymous(Grants::default());
        let ann = Principal { subject: Some("ann".into()), ..anonymous.clone() };
        let first = admission.admit(address, &anonymous).unwrap();
        let second = admission.admit(address, &ann).unwrap();
        assert_eq!(admission.admit(address, &anonymous).unwrap_err(), Crowded::Address);
        drop(first);
        assert_eq!(admission.admit(address, &ann).unwrap_err(), Crowded::Subject);
        let _third = admission.admit(address, &anonymous).unwrap();
        drop(second);
        assert!(admission.admit(Some(IpAddr::from([10, 0, 0, 2])), &ann).is_ok());
    }
}
