use std::fmt::Write as _;
use std::time::Duration;

use crate::handle::Handle;
use crate::received::{EventStream, Received};
use crate::{AnyPayload, Message};

/// How long an expected publication may take, in the test's time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks at what is published on the topics of a pattern, one after the other, from the beginning of the test.
#[derive(Debug)]
pub struct Probe {
    handle: Handle,
    pattern: String,
    stream: Option<EventStream<AnyPayload>>,
    // What went by, for the text of a failure.
    seen: Vec<String>,
}

impl Probe {
    pub(super) fn new(handle: Handle, pattern: &str) -> Self {
        Self { handle, pattern: pattern.to_owned(), stream: None, seen: Vec::new() }
    }

    /// The next publication of type `T`; those of other types before it are passed over. [`AnyPayload`] is every type.
    ///
    /// # Panics
    /// When none comes within a second of the test's time; the text lists what did come.
    pub async fn expect<T: Message>(&mut self) -> Received<T> {
        loop {
            let Some(received) = self.next().await else {
                let wanted = T::TYPE.map_or_else(|| "publication".to_owned(), |wanted| wanted.name.to_string());
                panic!("no {wanted} on {:?} within a second; {}", self.pattern, self.came());
            };
            match Received::of(received.publication().clone()) {
                Ok(Some(typed)) => return typed,
                Ok(None) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Nothing more comes within a second of the test's time.
    ///
    /// # Panics
    /// When something does, with what it is.
    pub async fn expect_none(&mut self) {
        if self.next().await.is_some() {
            panic!("nothing more was to come on {:?}; {}", self.pattern, self.came());
        }
    }

    async fn next(&mut self) -> Option<Received> {
        if self.stream.is_none() {
            match self.handle.subscribe(&self.pattern).from_the_beginning().await {
                Ok(stream) => self.stream = Some(stream),
                Err(error) => panic!("the probe of {:?} cannot listen: {error}", self.pattern),
            }
        }
        let stream = self.stream.as_mut()?;
        match tokio::time::timeout(PATIENCE, stream.next()).await {
            Err(_) | Ok(None) => None,
            Ok(Some(Err(error))) => panic!("the probe of {:?} failed: {error}", self.pattern),
            Ok(Some(Ok(received))) => {
                self.seen.push(format!(
                    "{} on {} at {}",
                    received.payload.type_name(),
                    received.topic,
                    received.position
                ));
                Some(received)
            }
        }
    }

    fn came(&self) -> String {
        if self.seen.is_empty() {
            return "nothing came".to_owned();
        }
        self.seen.iter().fold("what came: ".to_owned(), |mut text, seen| {
            let _ = write!(text, "\n  {seen}");
            text
        })
    }
}
