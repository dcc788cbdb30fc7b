//! [`Load`]: clients that keep asking until the node is gone, and write down what they were told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use callboard::Code;
use callboard_crash::account::Account;
use callboard_crash::gauge::Moved;
use callboard_crash::heard::{NOTE_TYPE, Note};
use callboard_crash::listener;
use callboard_crash::picky::{self, Parcel};
use callboard_crash::stubborn::{self, Mood};
use serde_json::json;
use tokio::task::JoinSet;

use crate::book::{Book, Deposit, Fate, What};
use crate::door::{Door, Grpc, Notice};
use crate::http::{Http, Trouble};
use crate::random::Random;

/// How many accounts there are.
pub(crate) const ACCOUNTS: u64 = 12;

/// How many listeners there may be.
pub(crate) const LISTENERS: usize = 6;

/// The other topics that clients publish on.
const CHATTER: &[&str] = &["chatter.left", "chatter.right"];

/// How long clients may take to notice that the node is gone.
const NOTICE_WITHIN: Duration = Duration::from_secs(20);

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Volume {
    /// How many clients ask at the same time; every other one over gRPC.
    pub(crate) clients: u64,
    /// How long each waits before it asks again.
    pub(crate) pause: Duration,
    /// Whether one parcel may be bad.
    pub(crate) bad_parcel: bool,
}

/// The clients.
#[derive(Debug)]
pub(crate) struct Load {
    clients: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Lets the clients begin.
    pub(crate) fn start(address: SocketAddr, volume: Volume, book: &Arc<Book>, random: &mut Random) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let shared = Arc::new(tokio::sync::OnceCell::new());
        let bad_parcel = Arc::new(AtomicBool::new(volume.bad_parcel));
        let mut clients = JoinSet::new();
        for number in 0..volume.clients {
            let (book, stop, shared) = (Arc::clone(book), Arc::clone(&stop), Arc::clone(&shared));
            let (bad_parcel, random) = (Arc::clone(&bad_parcel), Random::new(random.within(0, u64::MAX - 1), number));
            clients.spawn(async move {
                let door = match number % 2 {
                    0 => Http::connect(address).await.map(Door::Http),
                    _ => shared
                        .get_or_try_init(|| Grpc::connect(address))
                        .await
                        .map(|grpc| Door::Grpc(Box::new(Grpc::clone(grpc)))),
                };
                // A node that is gone already takes no connection.
                let Ok(door) = door else { return };
                let mut client = Client { door, book, random, bad_parcel };
                while !stop.load(Ordering::Relaxed) {
                    match client.ask().await {
                        Ok(()) => {}
                        Err(Trouble::Refused(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                        Err(Trouble::Unknown(_)) => return,
                        Err(Trouble::Wrong(text)) => return client.book.violate(format!("a client got {text}")),
                    }
                    tokio::time::sleep(volume.pause).await;
                }
            });
        }
        Self { clients, stop }
    }

    /// Waits until every client has noticed that the node is gone, or has ended what it was at.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let all = async { while self.clients.join_next().await.is_some() {} };
        if tokio::time::timeout(NOTICE_WITHIN, all).await.is_err() {
            bail!("a client still waits for an answer {NOTICE_WITHIN:?} after the node ended");
        }
        Ok(())
    }
}

struct Client {
    door: Door,
    book: Arc<Book>,
    random: Random,
    bad_parcel: Arc<AtomicBool>,
}

/// Notes how a request ended and hands the trouble on.
fn settled<T>(book: &Book, op: u64, result: Result<T, Trouble>) -> Result<T, Trouble> {
    match &result {
        Ok(_) => {}
        Err(Trouble::Refused(_)) => book.end(op, Fate::Refused),
        Err(Trouble::Unknown(_) | Trouble::Wrong(_)) => book.end(op, Fate::Unknown),
    }
    result
}

/// Sends a deposit and notes what comes of it.
pub(crate) async fn deposit(door: &mut Door, book: &Book, op: u64, deposit: &Deposit) -> Result<(), Trouble> {
    let Deposit { account, amount, keyed } = deposit;
    let key = keyed.then(|| format!("deposit-{op}"));
    let json = json!({ "op": op, "amount": amount }).to_string();
    let actor = format!("account/{account}");
    let given = door.invoke::<Account>(&actor, "deposit", "crash.Deposit", json, key.as_deref()).await;
    let given = settled(book, op, given)?;
    let Account { number, op: shown, .. } = given.response;
    let mut places = vec![(format!("account.{account}"), number)];
    // A response that was recorded under its key comes without the positions.
    if let [all, own] = given.seqs[..] {
        places.push(("account.events".to_owned(), all));
        if own != number {
            book.violate(format!("deposit {number} of {account} was announced at {own}"));
        }
    }
    book.end(op, Fate::Done(places));
    book.deposited(account, given.response);
    if shown != op || given.revision != Some(number) {
        let text = format!("deposit {op} on {account} was answered {:?} at {:?}", given.response, given.revision);
        book.violate(text);
    }
    Ok(())
}

impl Client {
    async fn ask(&mut self) -> Result<(), Trouble> {
        if let Some((op, again)) = self.book.resend() {
            return deposit(&mut self.door, &self.book, op, &again).await;
        }
        match self.random.weighted(&[420, 200, 80, 50, 30, 50, 60, 20, 80, 10, 5, 10, 5]) {
            0 => self.deposit(false).await,
            1 => self.deposit(true).await,
            2 => self.publish(1).await,
            3 => self.publish(3).await,
            4 => self.parcel().await,
            5 => self.post().await,
            6 => self.bump(false).await,
            7 => self.bump(true).await,
            8 => self.look().await,
            9 => self.greet().await,
            10 => self.dismiss().await,
            11 => self.guest().await,
            _ => self.persuade().await,
        }
    }

    fn account(&mut self) -> String {
        format!("a{:02}", self.random.within(0, ACCOUNTS - 1))
    }

    async fn deposit(&mut self, keyed: bool) -> Result<(), Trouble> {
        let what = Deposit { account: self.account(), amount: self.random.within(1, 100), keyed };
        let op = self.book.begin(What::Deposit(what.clone()));
        deposit(&mut self.door, &self.book, op, &what).await
    }

    async fn publish(&mut self, topics: usize) -> Result<(), Trouble> {
        let topics = match topics {
            1 if self.random.one_in(2) => vec![listener::TOPIC],
            1 => vec![CHATTER[usize::from(self.random.one_in(2))]],
            _ => vec![CHATTER[0], listener::TOPIC, CHATTER[1]],
        };
        let hearers = self.book.hearers();
        let op = self.book.begin(What::Notes(topics.iter().map(|topic| (*topic).to_owned()).collect()));
        let json = json!(Note { op }).to_string();
        let notices: Vec<_> =
            topics.iter().map(|topic| Notice { topic, type_name: NOTE_TYPE, json: json.clone() }).collect();
        let seqs = settled(&self.book, op, self.door.publish(&notices).await)?;
        let places: Vec<_> = topics.iter().map(|topic| (*topic).to_owned()).zip(seqs).collect();
        if let Some((_, seq)) = places.iter().find(|(topic, _)| topic == listener::TOPIC) {
            self.book.must_hear(&hearers, *seq);
        }
        self.book.end(op, Fate::Done(places));
        Ok(())
    }

    async fn parcel(&mut self) -> Result<(), Trouble> {
        let bad = self.bad_parcel.swap(false, Ordering::Relaxed);
        parcel(&mut self.door, &self.book, bad).await
    }

    async fn post(&mut self) -> Result<(), Trouble> {
        let op = self.book.begin(What::Post);
        settled(&self.book, op, self.door.post("mill", "grind", NOTE_TYPE, json!(Note { op }).to_string()).await)?;
        self.book.end(op, Fate::Done(Vec::new()));
        Ok(())
    }

    async fn bump(&mut self, keep: bool) -> Result<(), Trouble> {
        let action = if keep { "keep" } else { "bump" };
        let given = self.door.invoke::<Moved>("gauge", action, "", String::new(), None).await?;
        self.book.moved(given.response.number, keep);
        Ok(())
    }

    /// What was acknowledged before the question is in the answer.
    async fn look(&mut self) -> Result<(), Trouble> {
        let name = self.account();
        let known = self.book.account(&name);
        let shown = self.door.account(&name).await?.unwrap_or_default();
        if shown.1.number < known.number || shown.0 != shown.1.number {
            self.book.violate(format!("account {name} shows {shown:?} when {known:?} was acknowledged before"));
        }
        Ok(())
    }

    /// A listener comes, if there are not enough.
    async fn greet(&mut self) -> Result<(), Trouble> {
        if self.book.listeners().len() >= LISTENERS {
            return Ok(());
        }
        let name = format!("l{}", self.random.within(0, u64::MAX - 1));
        let actor = format!("listener/{name}");
        self.book.guest(&actor, None);
        self.door.invoke::<serde_json::Value>(&actor, "hello", "", String::new(), None).await?;
        self.book.greeted(&name);
        Ok(())
    }

    /// A listener is deleted while it hears.
    async fn dismiss(&mut self) -> Result<(), Trouble> {
        let Some(name) = self.book.dismiss(LISTENERS / 2, &mut self.random) else { return Ok(()) };
        let actor = format!("listener/{name}");
        self.door.delete(&actor).await?;
        self.book.guest(&actor, Some(false));
        Ok(())
    }

    /// A guest comes, and perhaps is deleted.
    async fn guest(&mut self) -> Result<(), Trouble> {
        let actor = format!("guest/g{}", self.random.within(0, u64::MAX - 1));
        self.book.guest(&actor, None);
        self.door.invoke::<serde_json::Value>(&actor, "sign", "", String::new(), None).await?;
        self.book.guest(&actor, Some(true));
        if self.random.one_in(2) {
            self.book.guest(&actor, None);
            self.door.delete(&actor).await?;
            self.book.guest(&actor, Some(false));
        }
        Ok(())
    }

    /// The stubborn one changes its mood, and goes on where it stands still.
    async fn persuade(&mut self) -> Result<(), Trouble> {
        persuade(&mut self.door, self.random.one_in(2)).await?;
        go_on(&mut self.door).await
    }
}

/// Publishes a parcel and notes what comes of it.
pub(crate) async fn parcel(door: &mut Door, book: &Book, bad: bool) -> Result<(), Trouble> {
    let op = book.begin(What::Parcel);
    let json = json!(Parcel { op, bad }).to_string();
    let notices = [Notice { topic: picky::TOPIC, type_name: "crash.Parcel", json }];
    let seqs = settled(book, op, door.publish(&notices).await)?;
    book.end(op, Fate::Done(seqs.into_iter().map(|seq| (picky::TOPIC.to_owned(), seq)).collect()));
    Ok(())
}

/// Changes the mood of the stubborn one.
pub(crate) async fn persuade(door: &mut Door, lenient: bool) -> Result<(), Trouble> {
    let json = json!(Mood { lenient }).to_string();
    door.invoke::<Mood>(stubborn::NAME, "be", "crash.Mood", json, None).await.map(drop)
}

/// Lets the stubborn one go on, if it stands still.
pub(crate) async fn go_on(door: &mut Door) -> Result<(), Trouble> {
    match door.go_on(stubborn::NAME, picky::TOPIC).await {
        // It was not parked.
        Err(Trouble::Wrong(text)) if text.starts_with(Code::InvalidPayload.as_str()) => Ok(()),
        other => other,
    }
}
