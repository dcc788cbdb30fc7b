use std::sync::Arc;

use callboard_core::Headers;
use callboard_core::port::{ActorQuery, Store, TopicQuery};

use super::fixture::{ALL, Fixture, actor, at, name, pattern, publish, state, tagged, topic};

async fn listed(fx: &Fixture, query: ActorQuery) -> Vec<String> {
    let actors = fx.store.actors(query).await.unwrap();
    actors.iter().map(|summary| summary.id.to_string()).collect()
}

pub(super) async fn actors_are_listed_by_declared_name_prefix_and_page(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let all = ["order", "order-x", "order/1", "order/10", "order/2", "order0", "orders/1", "user/1", "ü/1"];
    for id in all.iter().rev() {
        fx.write(id, 1, vec![state(1, "x")]).await;
    }
    let query = ActorQuery { limit: ALL, ..ActorQuery::default() };
    assert_eq!(listed(&fx, query.clone()).await, all);
    let of = ActorQuery { declared: Some(name("order")), ..query.clone() };
    assert_eq!(listed(&fx, of.clone()).await, ["order", "order/1", "order/10", "order/2"]);
    assert_eq!(listed(&fx, ActorQuery { limit: 2, ..of.clone() }).await, ["order", "order/1"]);
    let after = Some(actor("order/1"));
    assert_eq!(listed(&fx, ActorQuery { after: after.clone(), ..of.clone() }).await, ["order/10", "order/2"]);
    let prefix = Some("order/1".to_owned());
    assert_eq!(listed(&fx, ActorQuery { prefix: prefix.clone(), ..query.clone() }).await, ["order/1", "order/10"]);
    assert_eq!(listed(&fx, ActorQuery { prefix: prefix.clone(), after, ..of.clone() }).await, ["order/10"]);
    assert_eq!(listed(&fx, ActorQuery { prefix, declared: Some(name("user")), ..query.clone() }).await, [""; 0]);
    let prefix = Some("ü".to_owned());
    assert_eq!(listed(&fx, ActorQuery { prefix, ..query.clone() }).await, ["ü/1"]);
    assert_eq!(listed(&fx, ActorQuery { after: Some(actor("zzz")), ..query.clone() }).await, ["ü/1"]);
    assert_eq!(listed(&fx, ActorQuery { limit: 0, ..query }).await, [""; 0]);
}

pub(super) async fn a_listing_shows_revision_tags_and_time_and_knows_who_came_when(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    fx.write("order/1", 10, vec![tagged(1, &[("a", "b")])]).await;
    let published = fx.write("order/2", 20, vec![state(1, "x"), publish("a.b", "x")]).await.publications;
    fx.write("order/1", 30, vec![tagged(2, &[("a", "c")])]).await;
    fx.write("order/3", 40, vec![publish("a.b", "y"), state(1, "x")]).await;
    let query = ActorQuery { limit: ALL, ..ActorQuery::default() };
    let listed = fx.store.actors(query.clone()).await.unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.revision.0, one.time)).collect();
    assert_eq!(seen, [("order/1", 2, at(30)), ("order/2", 1, at(20)), ("order/3", 1, at(40))]);
    assert_eq!(listed[0].tags, Headers::new().with("a", "c"));
    assert!(listed[0].created < listed[1].created && listed[1].created < listed[2].created);
    assert!(listed[1].created < published[0].mark, "an actor is there before what its first batch publishes");
    let until = ActorQuery { created_until: Some(published[0].mark), ..query };
    assert_eq!(super::listing::listed(&fx, until).await, ["order/1", "order/2"]);
}

pub(super) async fn topics_are_listed_by_pattern_and_page(store: Arc<dyn Store>) {
    let fx = Fixture::new(store).await;
    let all = ["a", "a.b", "a.b.c", "a.c", "b.a", "b.b"];
    for text in all.iter().rev() {
        fx.write("", 1, vec![publish(text, "1"), publish(text, "2")]).await;
    }
    let list = async |selected: &str, after: Option<&str>, limit| {
        let query = TopicQuery { pattern: pattern(selected), after: after.map(topic), limit };
        let topics = fx.store.topics(query).await.unwrap();
        assert!(topics.iter().all(|one| one.head.seq.0 == 2 && one.first.0 == 1));
        topics.iter().map(|one| one.topic.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(">", None, ALL).await, all);
    assert_eq!(list("a.>", None, ALL).await, ["a.b", "a.b.c", "a.c"]);
    assert_eq!(list("*.b", None, ALL).await, ["a.b", "b.b"]);
    assert_eq!(list("*.b", Some("a.b"), ALL).await, ["b.b"]);
    assert_eq!(list("a.b", None, ALL).await, ["a.b"]);
    assert_eq!(list("*.*", None, 2).await, ["a.b", "a.c"]);
    assert_eq!(list("c.>", None, ALL).await, [""; 0]);
}
