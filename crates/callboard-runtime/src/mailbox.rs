//! The mailbox of one activation: bounded, two lanes, closed exactly once.

use std::collections::VecDeque;
use std::task::{Poll, Waker};
use std::time::Instant;

use callboard_core::port::{ActorState, CommitError};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::mail::Mail;

/// What goes before mail.
#[derive(Debug)]
pub(crate) enum Control {
    /// Nobody used the actor for its timeout, as far as the sweeper saw.
    Idle,
    /// End behind the mail that is there.
    Stop,
    /// Remove everything that is stored of the actor.
    Delete(oneshot::Sender<Result<(), CommitError>>),
    /// Show the state.
    State(oneshot::Sender<ActorState>),
}

/// What woke the activation.
#[derive(Debug)]
pub(crate) enum Wake {
    Control(Control),
    Mail(Mail),
}

/// Why mail was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The activation ended; a new one takes it.
    Closed(Mail),
    /// As much waits as may wait.
    Full(Mail),
}

/// Two lanes behind one lock: control goes before mail, mail is taken in the order of its arrival. Memory is used only while
/// something waits.
#[derive(Debug)]
pub(crate) struct Mailbox {
    lanes: Mutex<Lanes>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Lanes {
    // Stays from one piece of mail to the next: it is always the same task that reads.
    reader: Option<Waker>,
    // The oldest mail. Mostly there is no other, and the queue behind it takes no memory.
    first: Option<Mail>,
    asleep: bool,
    closed: bool,
    mail: VecDeque<Mail>,
    control: Vec<Control>,
}

impl Lanes {
    fn waiting(&self) -> usize {
        usize::from(self.first.is_some()) + self.mail.len()
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.asleep)
            && let Some(reader) = &self.reader
        {
            reader.wake_by_ref();
        }
    }
}

impl Mailbox {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { lanes: Mutex::default(), capacity }
    }

    /// Adds mail, or gives it back.
    pub(crate) fn push(&self, mail: Mail) -> Result<(), Refused> {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(Refused::Closed(mail));
        }
        if lanes.waiting() >= self.capacity {
            return Err(Refused::Full(mail));
        }
        if lanes.first.is_none() && lanes.mail.is_empty() {
            lanes.first = Some(mail);
        } else {
            lanes.mail.push_back(mail);
        }
        lanes.wake();
        Ok(())
    }

    /// Adds a control message; a closed mailbox gives it back.
    pub(crate) fn control(&self, control: Control) -> Result<(), Control> {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(control);
        }
        lanes.control.push(control);
        lanes.wake();
        Ok(())
    }

    /// Asks the activation to end if it is idle, unless something waits for it.
    pub(crate) fn suggest_idle(&self) {
        let mut lanes = self.lanes.lock();
        if lanes.closed || lanes.waiting() > 0 || !lanes.control.is_empty() {
            return;
        }
        // While the reader is awake an action runs, and the next round will see.
        if lanes.asleep {
            lanes.control.push(Control::Idle);
            lanes.wake();
        }
    }

    /// Asks the activation to end behind the mail that is there. Asking again changes nothing.
    pub(crate) fn ask_to_stop(&self) {
        let mut lanes = self.lanes.lock();
        if lanes.closed || lanes.control.iter().any(|control| matches!(control, Control::Stop)) {
            return;
        }
        lanes.control.push(Control::Stop);
        lanes.wake();
    }

    /// Whether no mail waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.lock().waiting() == 0
    }

    /// Waits for the next thing to do. *Cancel safety*: nothing is lost when the future is dropped.
    pub(crate) async fn next(&self) -> Wake {
        std::future::poll_fn(|cx| {
            let mut lanes = self.lanes.lock();
            if !lanes.control.is_empty() {
                return Poll::Ready(Wake::Control(lanes.control.remove(0)));
            }
            if let Some(mail) = lanes.first.take() {
                return Poll::Ready(Wake::Mail(mail));
            }
            if let Some(mail) = lanes.mail.pop_front() {
                if lanes.mail.is_empty() && lanes.mail.capacity() > 64 {
                    lanes.mail = VecDeque::new();
                }
                return Poll::Ready(Wake::Mail(mail));
            }
            match &lanes.reader {
                Some(reader) if reader.will_wake(cx.waker()) => {}
                Some(_) | None => lanes.reader = Some(cx.waker().clone()),
            }
            lanes.asleep = true;
            Poll::Pending
        })
        .await
    }

    /// Takes out the mail whose deadline has passed.
    pub(crate) fn expire(&self, now: Instant) -> VecDeque<Mail> {
        let mut lanes = self.lanes.lock();
        if lanes.first.iter().chain(&lanes.mail).all(|mail| mail.invocation.deadline > now) {
            return VecDeque::new();
        }
        let first = lanes.first.take();
        let (late, waiting) =
            first.into_iter().chain(lanes.mail.drain(..)).partition(|mail| mail.invocation.deadline <= now);
        lanes.mail = waiting;
        late
    }

    /// Closes the mailbox if nothing waits in it; says whether it is closed.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut lanes = self.lanes.lock();
        lanes.closed |= lanes.waiting() == 0 && lanes.control.is_empty();
        lanes.closed
    }

    /// Closes the mailbox and gives back what waited in it.
    pub(crate) fn close(&self) -> VecDeque<Mail> {
        let mut lanes = self.lanes.lock();
        lanes.closed = true;
        lanes.control.clear();
        // The task is not kept by its own mailbox.
        lanes.reader = None;
        let first = lanes.first.take();
        first.into_iter().chain(std::mem::take(&mut lanes.mail)).collect()
    }
}
