use std::sync::Arc;

use callboard_core::batch::{DeadLetter, DeadLetterSource, Parked};
use callboard_core::port::Store;
use callboard_core::{Code, Headers, Position, Write};

use super::fixture::{ALL, Fixture, Shown, id, letter, park, parked, topic};

pub(super) async fn dead_letters_are_kept_in_full_and_listed_oldest_first(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let heard = DeadLetterSource::Publication { id: id(5), topic: topic("a.b"), position: Position::new(1, 9) };
    let other = DeadLetter { source: heard, headers: Headers::new(), code: Code::Internal, ..letter(30) };
    for letter in [letter(20), other.clone(), letter(10)] {
        fx.write("order/1", 1, vec![Write::DeadLetter(Box::new(letter))]).await;
    }
    let list = async |after: Option<u128>, limit| fx.store.dead_letters(after.map(id), limit).await.unwrap().shown();
    assert_eq!(list(None, ALL).await, [letter(10), letter(20), other.clone()].shown());
    assert_eq!(list(None, 1).await, [letter(10)].shown());
    assert_eq!(list(Some(10), 1).await, [letter(20)].shown());
    assert_eq!(list(Some(25), ALL).await, [other.clone()].shown());
    assert_eq!(list(Some(30), ALL).await, "");
    assert_eq!(fx.store.dead_letter(id(30)).await.unwrap().shown(), Some(other).shown());
    assert!(fx.store.dead_letter(id(31)).await.unwrap().is_none());
}

pub(super) async fn a_dead_letter_that_is_there_already_is_not_written_again(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    for attempts in [5, 6] {
        let letter = DeadLetter { attempts, ..letter(1) };
        fx.write("", 1, vec![Write::DeadLetter(Box::new(letter))]).await;
    }
    assert_eq!(fx.store.dead_letters(None, ALL).await.unwrap().shown(), [letter(1)].shown());
}

pub(super) async fn parked_subscriptions_are_kept_in_full_and_parking_again_renews_the_reason(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let renewed = Parked { attempts: 10, position: Position::new(1, 6), ..parked("order/1", "a.b", 4) };
    let writes = [parked("order/1", "a.b", 4), parked("order/2", "a.b", 4), parked("external:order/1", "a.c", 1)];
    for parked in writes.iter().cloned().chain([renewed.clone()]) {
        fx.write("", 1, vec![park(parked)]).await;
    }
    let mut listed: Vec<String> = fx.store.parked().await.unwrap().iter().map(Shown::shown).collect();
    let mut expected: Vec<String> = [&renewed, &writes[1], &writes[2]].map(Shown::shown).into();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}
