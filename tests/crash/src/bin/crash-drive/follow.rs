//! [`Follower`]: a gRPC client that follows every topic, goes on behind its last positions after each crash, and compares what
//! it sees with the book.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use callboard::core::Position;
use callboard_crash::account::{self, Deposited};
use callboard_crash::gauge::Moved;
use callboard_crash::heard::Note;
use callboard_crash::node::SHORT_LIVED;
use callboard_crash::picky::Parcel;
use callboard_crash::ticker::Ticked;
use callboard_crash::{gauge, ticker};
use callboard_wire::pb::v1::payload::Content;
use callboard_wire::pb::v1::subscribe_request::Start;
use callboard_wire::pb::v1::subscribe_response::Event;
use callboard_wire::pb::v1::{self, AfterPositions, SubscribeRequest};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::book::{Book, Known};
use crate::door::{Grpc, trouble};
use crate::http::Trouble;

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The last position by topic.
    pub(crate) places: BTreeMap<String, v1::Position>,
    /// The accounts as the last event shows them.
    pub(crate) accounts: BTreeMap<String, Known>,
    mark: u64,
    due: BTreeMap<String, u64>,
    /// How often it went on where it was.
    pub(crate) resumed: u64,
}

/// Follows.
#[derive(Debug)]
pub(crate) struct Follower {
    book: Arc<Book>,
    seen: Arc<Mutex<Seen>>,
    stream: JoinSet<()>,
}

impl Follower {
    pub(crate) fn new(book: &Arc<Book>) -> Self {
        Self { book: Arc::clone(book), seen: Arc::default(), stream: JoinSet::new() }
    }

    /// Goes on at a node.
    pub(crate) fn attach(&mut self, address: SocketAddr) {
        let (book, seen) = (Arc::clone(&self.book), Arc::clone(&self.seen));
        self.stream.spawn(async move {
            match follow(address, &book, &seen).await {
                // The node is gone.
                Ok(()) | Err(Trouble::Unknown(_) | Trouble::Refused(_)) => {}
                Err(Trouble::Wrong(text)) => book.violate(format!("following the topics ended with {text}")),
            }
        });
    }

    /// Ends with the node.
    pub(crate) async fn detach(&mut self) {
        self.stream.shutdown().await;
    }

    /// Looks at what was seen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock())
    }
}

async fn follow(address: SocketAddr, book: &Book, seen: &Mutex<Seen>) -> Result<(), Trouble> {
    let mut grpc = Grpc::connect(address).await?;
    let start = seen.lock().start();
    let request = SubscribeRequest { pattern: ">".to_owned(), start: Some(start), ..SubscribeRequest::default() };
    let mut stream = grpc.topics.subscribe(request).await.map_err(|status| trouble(&status))?.into_inner();
    while let Some(response) = stream.message().await.map_err(|status| trouble(&status))? {
        match response.event {
            Some(Event::Publication(publication)) => {
                book.followed();
                if let Err(wrong) = seen.lock().publication(&publication, book) {
                    book.violate(format!("follower: {wrong}"));
                }
            }
            Some(Event::Gap(gap)) => seen.lock().gap(&gap, book),
            Some(Event::CaughtUp(_)) | None => {}
        }
    }
    Ok(())
}

impl Seen {
    /// The last position by topic.
    pub(crate) fn positions(&self) -> BTreeMap<String, Position> {
        let position = |place: &v1::Position| Position::new(place.epoch, place.seq);
        self.places.iter().map(|(topic, place)| (topic.clone(), position(place))).collect()
    }

    fn start(&mut self) -> Start {
        if self.mark == 0 {
            return Start::Beginning(true);
        }
        self.resumed += 1;
        let positions = self.places.clone().into_iter().collect();
        Start::After(AfterPositions { positions, others: Some(self.mark) })
    }

    fn gap(&mut self, gap: &v1::Gap, book: &Book) {
        let next = gap.next.unwrap_or_default();
        if SHORT_LIVED.contains(&gap.topic.as_str()) {
            self.places.insert(gap.topic.clone(), v1::Position { epoch: next.epoch, seq: next.seq - 1 });
            return;
        }
        book.violate(format!("follower: {} has a gap: {gap:?}", gap.topic));
    }

    fn publication(&mut self, publication: &v1::Publication, book: &Book) -> Result<(), String> {
        let topic = publication.topic.as_str();
        let position = publication.position.unwrap_or_default();
        let before = self.places.insert(topic.to_owned(), position);
        let follows = match before {
            Some(before) => before.epoch == position.epoch && position.seq == before.seq + 1,
            // Short-lived topics may have lost their first ones before anybody followed.
            None => position.seq == 1 || SHORT_LIVED.contains(&topic),
        };
        let ordered = publication.mark > self.mark;
        let mark = std::mem::replace(&mut self.mark, publication.mark);
        if !follows {
            return Err(format!("{topic} {}-{} came behind {before:?}", position.epoch, position.seq));
        }
        if !ordered {
            return Err(format!("{topic} {} has the mark {} behind {mark}", position.seq, publication.mark));
        }
        let payload = publication.payload.as_ref();
        let Some(Content::JsonText(text)) = payload.and_then(|payload| payload.content.as_ref()) else {
            return Err(format!("{topic} {} has no JSON text", position.seq));
        };
        let type_name = payload.map(|payload| payload.r#type.as_str()).unwrap_or_default();
        self.event(topic, position.seq, type_name, text, book)
            .map_err(|wrong| format!("{topic} {}: {wrong}", position.seq))
    }

    fn event(&mut self, topic: &str, seq: u64, type_name: &str, text: &str, book: &Book) -> Result<(), String> {
        match type_name {
            "crash.Deposited" => {
                let event: Deposited = read(text)?;
                book.saw(event.after.op, topic, seq);
                if topic != account::EVENTS { self.deposited(topic, seq, &event) } else { Ok(()) }
            }
            "crash.Note" => {
                book.saw(read::<Note>(text)?.op, topic, seq);
                Ok(())
            }
            "crash.Parcel" => {
                let parcel: Parcel = read(text)?;
                if parcel.bad {
                    book.bad_parcel(seq);
                }
                book.saw(parcel.op, topic, seq);
                Ok(())
            }
            "crash.Moved" if topic == gauge::TOPIC => {
                let Moved { number } = read(text)?;
                if number == seq { Ok(()) } else { Err(format!("it announces move {number}")) }
            }
            "crash.Ticked" if topic == ticker::TOPIC => {
                let Ticked { timer, due } = read(text)?;
                let before = self.due.insert(timer.clone(), due);
                match before {
                    Some(before) if before >= due => Err(format!("{timer} was due at {due} behind {before}")),
                    _ => Ok(()),
                }
            }
            other => Err(format!("nobody announces {other}")),
        }
    }

    /// The n-th deposit is the n-th publication on the account's topic, and adds its amount to the one before.
    fn deposited(&mut self, topic: &str, seq: u64, event: &Deposited) -> Result<(), String> {
        let Deposited { account, after, amount } = event;
        let before = self.accounts.insert(account.clone(), Known { number: after.number, balance: after.balance });
        let before = before.unwrap_or_default();
        if account::topic_of(account) != topic || after.number != seq || after.balance != before.balance + amount {
            return Err(format!("{event:?} came behind {before:?}"));
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{error} in {text}"))
}
