//! [`Stubborn`]: a subscriber that stands still at what it cannot handle, until somebody tells it to be lenient and to go on.

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

use crate::heard::{Begins, Heard};
use crate::picky::Parcel;

/// What it heard, and how it takes bad parcels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Firm")]
pub struct Firm {
    /// Every parcel, once and in order, however often it stood still.
    pub heard: Heard,
    /// Bad ones are taken.
    pub lenient: bool,
}

/// How it is to take bad parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Mood")]
pub struct Mood {
    /// Take them.
    pub lenient: bool,
}

/// Its name.
pub const NAME: &str = "stubborn";

/// Takes parcels.
#[derive(Debug)]
pub struct Stubborn;

#[actor(name = "stubborn", state = Firm, channels = [("parcel.events", "take")], on_failure = park)]
impl Stubborn {
    #[action]
    fn take(&self, ctx: &Context, mut firm: Firm, parcel: Parcel) -> Result<Value<(), Firm>> {
        if parcel.bad && !firm.lenient {
            return Err(Error::failed("this parcel is not taken"));
        }
        firm.heard.note(ctx, Begins::WithTheFirst)?;
        Ok(Value::of().state(firm))
    }

    #[action]
    fn be(&self, mut firm: Firm, mood: Mood) -> Value<Mood, Firm> {
        firm.lenient = mood.lenient;
        Value::response(mood).state(firm)
    }
}
