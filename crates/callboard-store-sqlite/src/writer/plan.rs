//! Whether a batch's guards can all be checked before anything of it is written.

use callboard_core::Write;

/// Batches with more guards than this are not worth comparing write by write.
const GUARDS_MAX: usize = 8;

/// Whether no write of the batch changes what a guard of the same batch looks at. Then it is refused, if at all, before
/// anything was written, and nothing has to be taken back. Every batch of an ordinary turn is like this.
pub(super) fn guards_stand_alone(writes: &[Write]) -> bool {
    let is_guard = |write: &&Write| {
        matches!(
            write,
            Write::State { .. }
                | Write::ConsumeEffect(_)
                | Write::Cursor { .. }
                | Write::RearmTimer { .. }
                | Write::DropDeadLetter(_)
                | Write::Unpark { .. }
                | Write::DeleteActor
        )
    };
    let guards = || writes.iter().filter(is_guard);
    if guards().nth(GUARDS_MAX).is_some() {
        return false;
    }
    guards().all(|guard| writes.iter().all(|write| std::ptr::eq(guard, write) || !changes(write, guard)))
}

/// Whether a write changes what a guard looks at.
fn changes(write: &Write, guard: &Write) -> bool {
    match (guard, write) {
        (Write::DeleteActor, _) | (_, Write::DeleteActor) | (Write::State { .. }, Write::State { .. }) => true,
        (Write::ConsumeEffect(id), Write::Effect(entry)) => entry.id == *id,
        (Write::ConsumeEffect(id), Write::ConsumeEffect(other) | Write::CancelEffect(other)) => other == id,
        (Write::DropDeadLetter(id), Write::DeadLetter(letter)) => letter.id == *id,
        (Write::DropDeadLetter(id), Write::DropDeadLetter(other)) => other == id,
        (Write::RearmTimer { name, .. }, Write::ArmTimer(timer)) => timer.name == *name,
        (Write::RearmTimer { name, .. }, Write::DropTimer(other) | Write::RearmTimer { name: other, .. }) => {
            other == name
        }
        (Write::Cursor { subscription, topic, .. }, Write::Cursor { subscription: other, topic: on, .. })
        | (Write::Unpark { subscription, topic }, Write::Unpark { subscription: other, topic: on }) => {
            (subscription, topic) == (other, on)
        }
        (Write::Unpark { subscription, topic }, Write::Park(parked)) => {
            (subscription, topic) == (&parked.subscription, &parked.topic)
        }
        _ => false,
    }
}
