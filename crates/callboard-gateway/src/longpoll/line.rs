//! [`Line`]: what the requests of one client and the task of its connection share; and the task's end of it, [`PollTransport`].

use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use callboard_core::port::Clock;
use tokio::sync::{Notify, mpsc};
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::LongPolls;
use crate::live::{Closed, Incoming, Transport};

/// Bytes that wait for the client's next request. When there are more, the connection waits.
const WAITING_LEN_MAX: usize = 1024 * 1024;
/// Messages of the client that wait for its session.
const INBOX_LEN: usize = 64;
/// How long a client has to ask once more after a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// One client between its requests.
pub(super) struct Line {
    clock: Arc<dyn Clock>,
    window: Duration,
    state: Mutex<State>,
    inbox: mpsc::Sender<Message>,
    /// There is something for the client.
    readable: Notify,
    /// The client has taken something.
    taken: Notify,
}

struct State {
    waiting: VecDeque<Utf8Bytes>,
    waiting_len: usize,
    /// Which request is the client's last: one that is overtaken by another gives way.
    last_poll: u64,
    there_until: Instant,
    /// Who waits for the client, and is to know when `there_until` changes.
    reader: Option<Waker>,
    closed: Option<u16>,
    closed_is_told: bool,
}

/// What a request for messages is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// In order; each is given once.
    Messages(Vec<Utf8Bytes>),
    /// Nothing came within the window.
    Nothing,
    /// The connection has ended, with a code.
    Closed(u16),
}

/// Why a message did not reach the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// The connection has ended.
    Gone,
    /// The session is busy.
    Busy,
}

impl Line {
    /// A line and what the task of its connection reads from it.
    pub(super) fn new(clock: Arc<dyn Clock>, window: Duration) -> (Arc<Self>, mpsc::Receiver<Message>) {
        let (inbox, messages) = mpsc::channel(INBOX_LEN);
        let state = State {
            waiting: VecDeque::new(),
            waiting_len: 0,
            last_poll: 0,
            there_until: clock.instant() + patience(window),
            reader: None,
            closed: None,
            closed_is_told: false,
        };
        let (state, readable, taken) = (Mutex::new(state), Notify::new(), Notify::new());
        let line = Self { clock, window, state, inbox, readable, taken };
        (Arc::new(line), messages)
    }

    /// Waits for messages, at most for the window. *Cancel safety*: what was not returned is given to the next request.
    pub(super) async fn listen(&self) -> Heard {
        let polling = Polling::begin(self);
        let within = tokio::time::sleep(self.window);
        tokio::pin!(within);
        loop {
            let mut readable = std::pin::pin!(self.readable.notified());
            readable.as_mut().enable();
            if let Some(heard) = polling.take() {
                return heard;
            }
            tokio::select! {
                () = readable => {}
                () = &mut within => return Heard::Nothing,
            }
        }
    }

    /// Hands a message of the client to its session.
    pub(super) async fn publish(&self, message: Message) -> Result<(), Undelivered> {
        match tokio::time::timeout(self.window, self.inbox.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Undelivered::Gone),
            Err(_) => Err(Undelivered::Busy),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole when the lock is given back; a panic elsewhere cannot leave half of it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client is there for so much longer.
    fn stays(&self, mut state: MutexGuard<'_, State>, within: Duration) {
        state.there_until = self.clock.instant() + within;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Keeps a message for the client; `false` when there is no room.
    fn keep(&self, text: &Utf8Bytes) -> bool {
        let mut state = self.state();
        let room = state.waiting.is_empty() || state.waiting_len + text.len() <= WAITING_LEN_MAX;
        if room {
            state.waiting_len += text.len();
            state.waiting.push_back(text.clone());
        }
        room
    }

    fn close(&self, code: u16) {
        self.state().closed.get_or_insert(code);
        self.readable.notify_waiters();
    }
}

/// How long a client may be away between two requests.
fn patience(window: Duration) -> Duration {
    window + window / 2
}

/// A request that waits. When it ends, however it does, the client has a while for the next.
struct Polling<'a> {
    line: &'a Line,
    number: u64,
}

impl<'a> Polling<'a> {
    fn begin(line: &'a Line) -> Self {
        let mut state = line.state();
        state.last_poll += 1;
        let number = state.last_poll;
        line.stays(state, line.window + patience(line.window));
        // The one before gives way.
        line.readable.notify_waiters();
        Self { line, number }
    }

    fn take(&self) -> Option<Heard> {
        let mut state = self.line.state();
        if state.last_poll != self.number {
            return Some(Heard::Nothing);
        }
        if state.waiting.is_empty() {
            let code = state.closed?;
            state.closed_is_told = true;
            self.line.taken.notify_one();
            return Some(Heard::Closed(code));
        }
        state.waiting_len = 0;
        let messages = std::mem::take(&mut state.waiting).into();
        self.line.taken.notify_one();
        Some(Heard::Messages(messages))
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        let state = self.line.state();
        if state.last_poll == self.number {
            self.line.stays(state, patience(self.line.window));
        }
    }
}

/// The connection's end of a line.
pub(super) struct PollTransport {
    line: Arc<Line>,
    messages: mpsc::Receiver<Message>,
    token: Arc<str>,
    registry: Weak<LongPolls>,
    alarm: Pin<Box<Sleep>>,
}

impl PollTransport {
    /// The other end of [`Line::new`]. When it goes, the registry forgets the token.
    pub(super) fn new(
        line: Arc<Line>,
        messages: mpsc::Receiver<Message>,
        token: Arc<str>,
        registry: Weak<LongPolls>,
    ) -> Self {
        Self { line, messages, token, registry, alarm: Box::pin(tokio::time::sleep(Duration::ZERO)) }
    }
}

impl Transport for PollTransport {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        if let Poll::Ready(message) = self.messages.poll_recv(cx) {
            return Poll::Ready(message.map(Incoming::Message));
        }
        loop {
            let mut state = self.line.state();
            let until = state.there_until;
            if until <= self.line.clock.instant() {
                return Poll::Ready(None);
            }
            if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                state.reader = Some(cx.waker().clone());
            }
            drop(state);
            if self.alarm.deadline() != until.into() {
                self.alarm.as_mut().reset(until.into());
            }
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    async fn feed(&mut self, message: Message) -> Result<(), Closed> {
        // The session sends text alone, and pings mean nothing here.
        let Message::Text(text) = message else { return Ok(()) };
        while !self.line.keep(&text) {
            self.line.readable.notify_waiters();
            self.line.taken.notified().await;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        self.line.readable.notify_waiters();
        Ok(())
    }

    async fn close(&mut self, code: u16, _: &'static str) {
        self.line.close(code);
        let told = async {
            while !self.line.state().closed_is_told {
                self.line.taken.notified().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, told).await;
    }

    fn pings(&self) -> bool {
        false
    }
}

impl Drop for PollTransport {
    fn drop(&mut self) {
        // A request that still waits is answered.
        self.line.close(1001);
        if let Some(registry) = self.registry.upgrade() {
            registry.forget(&self.token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_core::Timestamp;

    const WINDOW: Duration = Duration::from_secs(10);

    struct RuntimeClock;

    impl Clock for RuntimeClock {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        #[expect(clippy::disallowed_methods, reason = "the clock that the test stops")]
        fn instant(&self) -> Instant {
            tokio::time::Instant::now().into_std()
        }
    }

    fn line() -> (Arc<Line>, PollTransport) {
        let (line, messages) = Line::new(Arc::new(RuntimeClock), WINDOW);
        let transport = PollTransport::new(Arc::clone(&line), messages, "lp_1".into(), Weak::new());
        (line, transport)
    }

    async fn receive(transport: &mut PollTransport) -> Option<Incoming> {
        std::future::poll_fn(|cx| transport.poll_receive(cx)).await
    }

    fn texts(heard: Heard) -> Vec<String> {
        let Heard::Messages(messages) = heard else { panic!("{heard:?}") };
        messages.iter().map(ToString::to_string).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_is_given_what_was_written_together() {
        let (line, mut transport) = line();
        let write = async {
            for text in ["a", "b"] {
                transport.feed(Message::text(text)).await.unwrap();
            }
            transport.flush().await.unwrap();
        };
        let (heard, ()) = tokio::join!(line.listen(), write);
        assert_eq!(texts(heard), ["a", "b"]);
        assert_eq!(line.listen().await, Heard::Nothing, "once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_request_takes_the_place_of_the_older() {
        let (line, mut transport) = line();
        let write = async {
            transport.feed(Message::text("a")).await.unwrap();
            transport.flush().await.unwrap();
        };
        let (older, newer, ()) = tokio::join!(line.listen(), line.listen(), write);
        assert_eq!((older, texts(newer)), (Heard::Nothing, vec!["a".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_there_while_it_asks_and_gone_one_and_a_half_windows_later() {
        let (line, mut transport) = line();
        let begun = RuntimeClock.instant();
        for _ in 0..5 {
            tokio::select! {
                biased;
                incoming = receive(&mut transport) => panic!("{incoming:?}"),
                heard = line.listen() => assert_eq!(heard, Heard::Nothing),
            }
        }
        assert!(receive(&mut transport).await.is_none());
        assert_eq!((RuntimeClock.instant() - begun).as_secs(), 65);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_breaks_off_counts_until_then() {
        let (line, mut transport) = line();
        let begun = RuntimeClock.instant();
        assert!(tokio::time::timeout(Duration::from_secs(1), line.listen()).await.is_err());
        assert!(receive(&mut transport).await.is_none());
        assert_eq!((RuntimeClock.instant() - begun).as_secs(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_while_too_much_waits_for_the_client() {
        let (line, mut transport) = line();
        let text = "x".repeat(WAITING_LEN_MAX / 4);
        for _ in 0..4 {
            transport.feed(Message::text(text.clone())).await.unwrap();
        }
        let (fed, heard) = tokio::join!(transport.feed(Message::text("more")), line.listen());
        assert!(fed.is_ok());
        assert_eq!(texts(heard).len(), 4);
        assert_eq!(texts(line.listen().await), ["more"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_told_behind_what_waits_and_at_once() {
        let (line, mut transport) = line();
        transport.feed(Message::text("last words")).await.unwrap();
        let requests = async { (line.listen().await, line.listen().await) };
        let ((first, second), ()) = tokio::join!(requests, transport.close(1012, ""));
        assert_eq!((texts(first), second), (vec!["last words".to_owned()], Heard::Closed(1012)));
        drop(transport);
        assert_eq!(line.publish(Message::text("x")).await, Err(Undelivered::Gone));
    }
}
