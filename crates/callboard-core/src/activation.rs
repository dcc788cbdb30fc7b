//! The lifecycle of an actor in memory: [`Lifecycle`], one enum, every (state, input) pair answered in one `match`.
//!
//! ```text
//!            Mail              Loaded            Mail            Decided{commit}
//!  Vacant ---------> Loading ---------> Idle ----------> Running ---------------> Committing
//!                    ^    | LoadFailed    ^  \               | Decided{nothing}      | Committed
//!            RetryDue|    v               |   \IdleElapsed   +----------> Idle <-----+
//!                   Backoff               |    \Stop                                 | Lost
//!                                         |     v                                    v
//!                                         |   Draining --Drained--> Vacant        Vacant (reload)
//!                    LeaseLost, in any state: Fenced
//! ```

/// Where an activation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// Nothing is in memory.
    Vacant,
    /// The stored state is being read.
    Loading {
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// The state is in memory and nothing is to do.
    Idle,
    /// An action runs.
    Running {
        /// Whether to end behind it.
        stop: bool,
    },
    /// What an action decided is being committed.
    Committing {
        /// Whether to end behind it.
        stop: bool,
    },
    /// What waits behind the replies of a `snapshot` actor is being written; then the activation ends.
    Draining,
    /// Loading failed; it is tried again when mail waits and the pause is over.
    Backoff {
        /// Attempts that failed.
        attempt: u32,
    },
    /// The shard has another owner. Final.
    Fenced,
}

/// What happens to an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Mail waits.
    Mail,
    /// The stored state was read.
    Loaded,
    /// It could not be read, or the author's init failed.
    LoadFailed,
    /// The pause after a failure is over.
    RetryDue,
    /// An action ended.
    Decided {
        /// Whether there is something to commit before the reply.
        commit: bool,
    },
    /// An action panicked: what is in memory cannot be trusted.
    Panicked,
    /// The commit is durable.
    Committed,
    /// The commit was refused or failed: what is in memory is not what is stored.
    Lost,
    /// Nobody used the actor for its timeout.
    IdleElapsed,
    /// The node stops or the actor is deleted.
    Stop,
    /// What had to be written at the end is written, or cannot be.
    Drained,
    /// The shard has another owner.
    LeaseLost,
}

/// What the driver does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the stored state.
    Load,
    /// Run the next mail's action.
    Run,
    /// Commit what was decided.
    Commit,
    /// Reply, then take the next mail if there is one.
    Reply,
    /// Reply, then end.
    ReplyAndDrain,
    /// Wait for mail.
    Wait,
    /// Pause, and answer waiting mail with `Unavailable` when its deadline passes.
    Pause,
    /// Forget what is in memory and read the stored state again before the next mail.
    Reload,
    /// Write what waits behind replies.
    Drain,
    /// Leave memory; mail that came meanwhile activates anew.
    End,
    /// Answer all mail with `Fenced` and leave memory.
    Refuse,
    /// Nothing: the input has no meaning here.
    Ignore,
}

impl Lifecycle {
    /// The whole machine.
    #[must_use]
    pub const fn next(self, input: Input) -> (Self, Step) {
        use Input::{
            Committed, Decided, Drained, IdleElapsed, LeaseLost, LoadFailed, Loaded, Lost, Mail, Panicked, RetryDue,
            Stop,
        };
        match (self, input) {
            (Self::Fenced, _) => (Self::Fenced, Step::Ignore),
            (_, LeaseLost) => (Self::Fenced, Step::Refuse),

            (Self::Vacant, Mail) => (Self::Loading { attempt: 1 }, Step::Load),
            (Self::Vacant, Stop | IdleElapsed) => (Self::Vacant, Step::End),

            (Self::Loading { .. }, Loaded) => (Self::Idle, Step::Wait),
            (Self::Loading { attempt }, LoadFailed) => (Self::Backoff { attempt }, Step::Pause),
            (Self::Loading { .. }, Panicked) => (Self::Backoff { attempt: 1 }, Step::Pause),
            (Self::Loading { .. } | Self::Backoff { .. }, Stop) => (Self::Vacant, Step::End),

            (Self::Backoff { attempt }, RetryDue) => (Self::Loading { attempt: attempt.saturating_add(1) }, Step::Load),
            (Self::Backoff { .. }, IdleElapsed) => (Self::Vacant, Step::End),

            (Self::Idle, Mail) => (Self::Running { stop: false }, Step::Run),
            (Self::Idle, IdleElapsed | Stop) => (Self::Draining, Step::Drain),

            (Self::Running { stop }, Decided { commit: true }) => (Self::Committing { stop }, Step::Commit),
            (Self::Running { stop: false }, Decided { commit: false }) => (Self::Idle, Step::Reply),
            (Self::Running { stop: true }, Decided { commit: false }) => (Self::Draining, Step::ReplyAndDrain),
            (Self::Running { .. }, Panicked) => (Self::Vacant, Step::Reload),
            (Self::Running { .. }, Stop) => (Self::Running { stop: true }, Step::Ignore),

            (Self::Committing { stop: false }, Committed) => (Self::Idle, Step::Reply),
            (Self::Committing { stop: true }, Committed) => (Self::Draining, Step::ReplyAndDrain),
            (Self::Committing { .. }, Lost) => (Self::Vacant, Step::Reload),
            (Self::Committing { .. }, Stop) => (Self::Committing { stop: true }, Step::Ignore),

            (Self::Draining, Drained | Lost) => (Self::Vacant, Step::End),

            (Self::Vacant, Loaded | LoadFailed | RetryDue | Decided { .. } | Panicked | Committed | Lost | Drained)
            | (Self::Loading { .. }, Mail | RetryDue | Decided { .. } | Committed | Lost | IdleElapsed | Drained)
            | (
                Self::Backoff { .. },
                Mail | Loaded | LoadFailed | Decided { .. } | Panicked | Committed | Lost | Drained,
            )
            | (Self::Idle, Loaded | LoadFailed | RetryDue | Decided { .. } | Panicked | Committed | Lost | Drained)
            | (
                Self::Running { .. },
                Mail | Loaded | LoadFailed | RetryDue | Committed | Lost | IdleElapsed | Drained,
            )
            | (
                Self::Committing { .. },
                Mail | Loaded | LoadFailed | RetryDue | Decided { .. } | Panicked | IdleElapsed | Drained,
            )
            | (
                Self::Draining,
                Mail | Loaded | LoadFailed | RetryDue | Decided { .. } | Panicked | Committed | IdleElapsed | Stop,
            ) => (self, Step::Ignore),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [Lifecycle; 10] = [
        Lifecycle::Vacant,
        Lifecycle::Loading { attempt: 2 },
        Lifecycle::Idle,
        Lifecycle::Running { stop: false },
        Lifecycle::Running { stop: true },
        Lifecycle::Committing { stop: false },
        Lifecycle::Committing { stop: true },
        Lifecycle::Draining,
        Lifecycle::Backoff { attempt: 2 },
        Lifecycle::Fenced,
    ];

    const INPUTS: [Input; 13] = [
        Input::Mail,
        Input::Loaded,
        Input::LoadFailed,
        Input::RetryDue,
        Input::Decided { commit: false },
        Input::Decided { commit: true },
        Input::Panicked,
        Input::Committed,
        Input::Lost,
        Input::IdleElapsed,
        Input::Stop,
        Input::Drained,
        Input::LeaseLost,
    ];

    /// The whole table: what is not listed is ignored and changes nothing.
    #[test]
    fn every_pair_of_state_and_input_does_what_the_picture_says() {
        use Lifecycle::{Backoff, Committing, Draining, Fenced, Idle, Loading, Running, Vacant};
        let (keep, stop) = (false, true);
        let mut expected = vec![
            (Vacant, Input::Mail, Loading { attempt: 1 }, Step::Load),
            (Vacant, Input::Stop, Vacant, Step::End),
            (Vacant, Input::IdleElapsed, Vacant, Step::End),
            (Loading { attempt: 2 }, Input::Loaded, Idle, Step::Wait),
            (Loading { attempt: 2 }, Input::LoadFailed, Backoff { attempt: 2 }, Step::Pause),
            (Loading { attempt: 2 }, Input::Panicked, Backoff { attempt: 1 }, Step::Pause),
            (Loading { attempt: 2 }, Input::Stop, Vacant, Step::End),
            (Backoff { attempt: 2 }, Input::RetryDue, Loading { attempt: 3 }, Step::Load),
            (Backoff { attempt: 2 }, Input::IdleElapsed, Vacant, Step::End),
            (Backoff { attempt: 2 }, Input::Stop, Vacant, Step::End),
            (Idle, Input::Mail, Running { stop: keep }, Step::Run),
            (Idle, Input::IdleElapsed, Draining, Step::Drain),
            (Idle, Input::Stop, Draining, Step::Drain),
            (Running { stop: keep }, Input::Decided { commit: true }, Committing { stop: keep }, Step::Commit),
            (Running { stop }, Input::Decided { commit: true }, Committing { stop }, Step::Commit),
            (Running { stop: keep }, Input::Decided { commit: false }, Idle, Step::Reply),
            (Running { stop }, Input::Decided { commit: false }, Draining, Step::ReplyAndDrain),
            (Running { stop: keep }, Input::Panicked, Vacant, Step::Reload),
            (Running { stop }, Input::Panicked, Vacant, Step::Reload),
            (Running { stop: keep }, Input::Stop, Running { stop }, Step::Ignore),
            (Committing { stop: keep }, Input::Committed, Idle, Step::Reply),
            (Committing { stop }, Input::Committed, Draining, Step::ReplyAndDrain),
            (Committing { stop: keep }, Input::Lost, Vacant, Step::Reload),
            (Committing { stop }, Input::Lost, Vacant, Step::Reload),
            (Committing { stop: keep }, Input::Stop, Committing { stop }, Step::Ignore),
            (Draining, Input::Drained, Vacant, Step::End),
            (Draining, Input::Lost, Vacant, Step::End),
        ];
        let others = STATES.iter().filter(|state| **state != Fenced);
        expected.extend(others.map(|state| (*state, Input::LeaseLost, Fenced, Step::Refuse)));
        for state in STATES {
            for input in INPUTS {
                let listed = expected.iter().find(|(from, by, ..)| (*from, *by) == (state, input));
                let wanted = listed.map_or((state, Step::Ignore), |(_, _, to, step)| (*to, *step));
                assert_eq!(state.next(input), wanted, "{state:?} with {input:?}");
            }
        }
    }
}
