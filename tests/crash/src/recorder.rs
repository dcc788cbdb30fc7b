//! [`Recorder`]: a named actor that hears everything on its patterns, once and in order, or says what it missed.

use callboard::{Actor, ActorTurn, AnyPayload, CallError, Declare, Outcome, Value};

use crate::heard::{Begins, Heard};

/// Hears the topics of some patterns. Written by hand: the same code under several names.
#[derive(Clone, Copy, Debug)]
pub struct Recorder {
    /// Its name.
    pub name: &'static str,
    /// What it hears. A topic that several of them match is heard as often.
    pub patterns: &'static [&'static str],
}

/// The recorders of the world.
pub const ALL: &[Recorder] = &[
    Recorder { name: "recorder_all", patterns: &[">"] },
    Recorder { name: "recorder_accounts", patterns: &["account.*"] },
    // One topic through two patterns is two subscriptions with a cursor each.
    Recorder { name: "recorder_mixed", patterns: &["*.events", "chatter.>", "parcel.events"] },
];

impl Actor for Recorder {
    type State = Heard;

    fn declaration(&self) -> Declare {
        let declare = Declare::named(self.name).state::<Heard>().action("hear").takes::<AnyPayload>();
        self.patterns.iter().fold(declare, |declare, pattern| declare.channel(pattern, "hear"))
    }

    async fn handle(&self, mut turn: ActorTurn<'_, Heard>) -> Result<Outcome, CallError> {
        let (ctx, mut heard) = turn.take()?;
        heard.note(ctx, Begins::WithTheFirst)?;
        turn.decide(Value::<(), Heard>::of().state(heard))
    }
}
