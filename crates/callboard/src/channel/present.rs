use callboard_core::{Payload, Publication};

use super::who::Who;
use crate::{Json, Message};

/// What one client sees of a publication: `bool` (all of it or nothing), a [`Payload`] or [`Json`] in its place, or an `Option` of
/// these.
pub trait Shown {
    /// What is sent to the client; `None`: nothing of it.
    fn shown(self, publication: &Publication) -> Option<Payload>;
}

impl Shown for bool {
    fn shown(self, publication: &Publication) -> Option<Payload> {
        self.then(|| publication.payload.clone())
    }
}

impl Shown for Payload {
    fn shown(self, _: &Publication) -> Option<Payload> {
        Some(self)
    }
}

impl Shown for Json {
    // It stays of the type that it was. What has no JSON form is not shown rather than shown whole.
    fn shown(self, publication: &Publication) -> Option<Payload> {
        let json = self.into_payload().ok()?;
        Some(Payload::new(publication.payload.type_name().clone(), json.encoding(), json.to_bytes()))
    }
}

impl<S: Shown> Shown for Option<S> {
    fn shown(self, publication: &Publication) -> Option<Payload> {
        self?.shown(publication)
    }
}

pub(super) type View = Box<dyn Fn(&Publication, &Who) -> Option<Payload> + Send + Sync>;
