use std::sync::Arc;

use callboard_core::batch::OutboxEntry;
use callboard_core::port::{EffectPlace, Store};
use callboard_core::{Headers, Write};

use super::fixture::{ALL, Fixture, Shown, at, effect, id, payload};

async fn ids(fx: &Fixture, after: EffectPlace, until: u64, limit: usize) -> Vec<u128> {
    let effects = fx.store.effects(after, at(until), limit).await.unwrap();
    effects.iter().map(|effect| effect.id.to_bits()).collect()
}

pub(super) async fn effects_come_in_the_order_of_their_due_times_in_pages(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let none = EffectPlace::default();
    assert_eq!(fx.store.next_effect_due(none).await.unwrap(), None);
    for (number, due) in [(9, 100), (2, 300), (1, 200), (7, 200), (3, 0)] {
        fx.write("order/1", 1, vec![Write::Effect(effect(number, due))]).await;
    }
    assert_eq!(ids(&fx, none, 1000, ALL).await, [3, 9, 1, 7, 2]);
    assert_eq!(ids(&fx, none, 200, ALL).await, [3, 9, 1, 7]);
    assert_eq!(ids(&fx, none, 199, ALL).await, [3, 9]);
    assert_eq!(ids(&fx, none, 1000, 2).await, [3, 9]);
    let place = |due, number: Option<u128>| EffectPlace { due: at(due), id: number.map(id) };
    assert_eq!(ids(&fx, place(100, Some(9)), 1000, 2).await, [1, 7]);
    assert_eq!(ids(&fx, place(200, Some(1)), 1000, ALL).await, [7, 2]);
    assert_eq!(ids(&fx, place(200, None), 1000, ALL).await, [1, 7, 2]);
    assert_eq!(ids(&fx, place(200, Some(1)), 200, ALL).await, [7]);
    assert_eq!(fx.store.next_effect_due(none).await.unwrap(), Some(at(0)));
    assert_eq!(fx.store.next_effect_due(place(0, Some(3))).await.unwrap(), Some(at(100)));
    assert_eq!(fx.store.next_effect_due(place(300, Some(2))).await.unwrap(), None);
}

pub(super) async fn an_effect_waits_as_it_was_written(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let full = effect(1, 5);
    let bare = OutboxEntry { id: id(2), origin: None, headers: Headers::new(), trace: None, ..full.clone() };
    fx.write("order/1", 1, vec![Write::Effect(full.clone()), Write::Effect(bare.clone())]).await;
    let waiting = fx.store.effects(EffectPlace::default(), at(5), ALL).await.unwrap();
    assert_eq!(waiting.shown(), [full, bare].shown());
}

pub(super) async fn an_effect_that_is_there_already_is_not_written_again(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/1", 1, vec![Write::Effect(effect(1, 5))]).await;
    let other = OutboxEntry { payload: payload("other"), ..effect(1, 9) };
    fx.write("order/1", 2, vec![Write::Effect(other)]).await;
    let waiting = fx.store.effects(EffectPlace::default(), at(99), ALL).await.unwrap();
    assert_eq!(waiting.shown(), [effect(1, 5)].shown());
}

pub(super) async fn only_who_asked_for_an_effect_cancels_it(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let from_outside = OutboxEntry { origin: None, ..effect(2, 5) };
    fx.write("order/1", 1, vec![Write::Effect(effect(1, 5)), Write::Effect(from_outside)]).await;
    for other in ["order/2", "mailer", ""] {
        fx.write(other, 1, vec![Write::CancelEffect(id(1))]).await;
    }
    fx.write("order/1", 1, vec![Write::CancelEffect(id(2)), Write::CancelEffect(id(404))]).await;
    assert_eq!(ids(&fx, EffectPlace::default(), 99, ALL).await, [1, 2]);
    fx.write("order/1", 1, vec![Write::CancelEffect(id(1))]).await;
    fx.write("", 1, vec![Write::CancelEffect(id(2))]).await;
    assert!(ids(&fx, EffectPlace::default(), 99, ALL).await.is_empty());
}
