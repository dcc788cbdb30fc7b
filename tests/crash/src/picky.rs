//! [`Picky`]: a subscriber that cannot handle some of what it hears, which then is set aside as a dead letter.

use callboard::prelude::*;
use callboard::{CallError, core};
use serde::{Deserialize, Serialize};

use crate::heard::Place;

/// What it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Parcel")]
pub struct Parcel {
    /// The sender's number.
    pub op: u64,
    /// It cannot be handled.
    pub bad: bool,
}

/// Where parcels are announced.
pub const TOPIC: &str = "parcel.events";

/// What it took and what it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Message, Serialize, Deserialize)]
#[message(name = "crash.Taken")]
pub struct Taken {
    /// How far it is.
    pub place: Place,
    /// What was left out before that. The harness sends few bad parcels.
    pub left_out: Vec<u64>,
    /// How often a parcel came that does not stand behind the last one.
    pub wrong: u64,
}

/// Takes parcels.
#[derive(Debug)]
pub struct Picky;

#[actor(name = "picky", state = Taken, channels = [("parcel.events", "take")])]
impl Picky {
    #[action]
    fn take(&self, ctx: &Context, mut taken: Taken, parcel: Parcel) -> Result<Value<(), Taken>> {
        if parcel.bad {
            return Err(Error::failed("this parcel cannot be taken"));
        }
        let core::Cause::Delivery { publication, .. } = ctx.cause() else {
            return Err(CallError::new(Code::Denied, "parcels come on their topic").into());
        };
        let (epoch, seq) = (publication.position.epoch.0, publication.position.seq.0);
        let Place { last, count, .. } = taken.place;
        taken.wrong += u64::from(seq <= last);
        taken.left_out.extend(last + 1..seq);
        taken.place = Place { epoch, first: 1, last: seq, count: count + 1 };
        Ok(Value::of().state(taken))
    }
}
