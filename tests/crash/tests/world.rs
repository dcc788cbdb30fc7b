//! The world's actors show what goes wrong; otherwise a crash that breaks something would go by unseen.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::time::Duration;

use callboard::prelude::*;
use callboard::testing::{TestBuilder, TestSystem, Turn};
use callboard_crash::account::{Account, Accounts, Deposit, Deposited};
use callboard_crash::gauge::{Gauge, Moved};
use callboard_crash::heard::{Begins, Heard};
use callboard_crash::journal::{Journal, Line};
use callboard_crash::ledger::{Ledger, Page, Pages};
use callboard_crash::picky::{Parcel, Picky, Taken};
use callboard_crash::stubborn::{Firm, Mood, Stubborn};
use callboard_crash::ticker::{Ticker, Ticks, Times};
use callboard_crash::{account, gauge, picky, recorder, ticker};

fn world() -> TestBuilder {
    let builder = TestSystem::builder().actor(Accounts).actor(Ledger).actor(Gauge).actor(Ticker);
    let builder = builder.actor(Picky).actor(Stubborn);
    recorder::ALL.iter().fold(builder, |builder, recorder| builder.actor(*recorder))
}

#[callboard::test(world())]
async fn a_deposit_is_in_the_state_on_both_topics_and_in_the_ledger(world: TestSystem) {
    for op in 1..=8 {
        Accounts::at(&world, "a").deposit(Deposit { op, amount: 10 }).await.unwrap();
    }
    world.advance(Duration::from_secs(1)).await;
    let state: Account = world.state("account/a").await.unwrap().unwrap();
    assert_eq!(state, Account { number: 8, balance: 80, op: 8 });
    for topic in [account::EVENTS, "account.a"] {
        let first = world.probe(topic).expect::<Deposited>().await;
        assert_eq!((first.event.after.number, first.event.amount), (1, 10), "{topic}");
    }
    let pages: Pages = world.state("ledger").await.unwrap().unwrap();
    let (now, late) = (&pages.now["a"], &pages.late["a"]);
    assert_eq!((now.count, now.sum, now.upto, now.doubled), (8, 80, 8, 0));
    assert_eq!((late.count, late.upto), (1, 1), "every eighth is booked once more, later");
    for recorder in recorder::ALL {
        let heard: Heard = world.state(recorder.name).await.unwrap().unwrap();
        assert_eq!((heard.wrong, heard.places.values().all(|p| p.first == 1 && p.count == p.last)), (0, true));
    }
    let mixed: Heard = world.state("recorder_mixed").await.unwrap().unwrap();
    assert_eq!(mixed.places[&Heard::key("*.events", "account.events")].last, 8);
}

#[test]
fn an_entry_that_comes_twice_shows_and_one_that_is_missing_too() {
    let mut page = Page::default();
    for number in [2, 1, 4, 4, 2] {
        page.add(number, 1);
    }
    assert_eq!((page.doubled, page.doubled_last), (2, 2));
    assert_eq!((page.upto, page.ahead.iter().copied().collect::<Vec<_>>()), (2, vec![4]), "3 is missing");
}

#[test]
fn a_subscriber_says_what_it_missed_and_what_came_again() {
    let mut heard = Heard::default();
    heard.follow("> a", 1, 1, Begins::WithTheFirst);
    heard.follow("> a", 1, 2, Begins::WithTheFirst);
    assert_eq!(heard.wrong, 0);
    for (seq, epoch) in [(2, 1), (4, 1), (5, 2)] {
        let before = heard.wrong;
        heard.follow("> a", epoch, seq, Begins::WithTheFirst);
        assert_eq!(heard.wrong, before + 1, "{epoch}-{seq}");
    }
    heard.follow("> b", 1, 2, Begins::WithTheFirst);
    assert_eq!(heard.violations.last().unwrap(), "> b: 1-2 came behind 0-0");
    heard.follow("> c", 1, 7, Begins::Anywhere);
    assert_eq!(heard.wrong, 4, "who came later begins later");
}

#[test]
fn a_due_time_that_comes_twice_or_is_left_out_shows() {
    let mut once = Times::default();
    for due in [1000, 1200, 2000] {
        once.note(due, 200, false);
    }
    assert_eq!((once.wrong, once.first, once.last), (0, 1000, 2000));
    once.note(2000, 200, false);
    once.note(2300, 200, false);
    assert_eq!(once.wrong, 2, "one came twice, one is off the grid");
    let mut each = Times::default();
    for due in [1000, 1300, 1900] {
        each.note(due, 300, true);
    }
    assert_eq!(each.wrong, 1, "1600 is missing");
}

#[callboard::test(world())]
async fn both_timers_fire_on_their_grids(world: TestSystem) {
    world.advance(Duration::from_secs(3)).await;
    let ticks: Ticks = world.state("ticker").await.unwrap().unwrap();
    assert_eq!((ticks.once.wrong, ticks.each.wrong), (0, 0));
    assert_eq!((ticks.once.count, ticks.each.count), (3000 / ticker::ONCE_MS, 3000 / ticker::EACH_MS));
}

#[callboard::test(world())]
async fn a_bad_parcel_is_set_aside_by_one_and_stops_the_other(world: TestSystem) {
    for (op, bad) in [(1, false), (2, true), (3, false)] {
        world.publish(picky::TOPIC, Parcel { op, bad }).await.unwrap();
    }
    world.advance(Duration::from_secs(10)).await;
    let taken: Taken = world.state("picky").await.unwrap().unwrap();
    assert_eq!((taken.place.last, taken.place.count, taken.left_out, taken.wrong), (3, 2, vec![2], 0));
    assert_eq!(world.operator().dead_letters(None, 10).await.unwrap().len(), 1);
    let stood = world.operator().parked().await.unwrap();
    assert_eq!((stood.len(), stood[0].position.seq.0), (1, 2));
    Stubborn::at(&world).be(Mood { lenient: true }).await.unwrap();
    world.operator().retry_parked(stood[0].subscription.clone(), stood[0].topic.clone()).await.unwrap();
    world.advance(Duration::from_secs(1)).await;
    let firm: Firm = world.state("stubborn").await.unwrap().unwrap();
    let place = firm.heard.places[&Heard::key(picky::TOPIC, picky::TOPIC)];
    assert_eq!((place.last, place.count, firm.heard.wrong), (3, 3, 0));
}

#[callboard::test(world())]
async fn the_nth_move_of_the_gauge_is_the_nth_announcement(world: TestSystem) {
    Gauge::at(&world).bump().await.unwrap();
    assert_eq!(Gauge::at(&world).keep().await.unwrap(), Moved { number: 2 });
    let mut probe = world.probe(gauge::TOPIC);
    for number in 1..=2 {
        let received = probe.expect::<Moved>().await;
        assert_eq!((received.event.number, received.position.seq.0), (number, number));
    }
}

#[callboard::test]
async fn a_deposit_of_nothing_is_refused() {
    let refused = Turn::of(&Accounts).action("deposit").payload(Deposit { op: 1, amount: 0 }).run().await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidPayload);
}

#[test]
fn a_line_that_a_crash_left_unfinished_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.txt");
    let id = "0123456789abcdef0123456789abcdef";
    std::fs::write(&path, format!("a.events 1-1 {id}\na.eve")).unwrap();
    drop(Journal::open(&path).unwrap());
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(file, "a.events 1-2 {id}").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Line> = text.lines().map(|line| Line::parse(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line.position.seq.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(Line::parse("a.events 1-1"), None);
}
