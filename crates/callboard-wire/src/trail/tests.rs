use callboard_core::{Headers, MessageId, Payload};

use super::*;
use crate::session::Head;

fn publication(topic: &str, position: Position, mark: u64) -> Publication {
    Publication {
        id: MessageId::from_bits(1),
        topic: Topic::parse(topic).unwrap(),
        position,
        mark: Mark(mark),
        time: Timestamp::from_millis(0),
        payload: Payload::empty(),
        headers: Headers::new(),
        trace: None,
        publisher: None,
    }
}

fn started(topics: &[&str], heads: &[(&str, Position)]) -> Started {
    let head =
        |(topic, after): &(&str, Position)| Head { topic: Topic::parse(topic).unwrap(), head: *after, after: *after };
    Started {
        topics: topics.iter().map(|topic| Pattern::parse(topic).unwrap()).collect(),
        heads: heads.iter().map(head).collect(),
        gap: false,
    }
}

fn live(topics: &[&str], heads: &[(&str, Position)]) -> Trail {
    let now = Timestamp::from_millis(1_795_211_400_000);
    Trail::begin(&From::Live, &started(topics, heads), History::None, now, false)
}

fn place(text: &str, pattern: &str) -> Option<From> {
    Trail::place_in(text, &Pattern::parse(pattern).unwrap())
}

fn behind(epoch: u64, seq: u64) -> Option<From> {
    Some(From::After { positions: vec![(None, Some(Position::new(epoch, seq)))], since: None })
}

#[test]
fn the_trail_of_one_topic_or_pattern_is_its_cursor() {
    let mut one = live(&["order.events"], &[("order.events", Position::new(1, 41))]);
    assert_eq!(one.text().unwrap(), "1-41");
    let next = publication("order.events", Position::new(1, 42), 99);
    one.advance(&next);
    assert_eq!((one.stamp(&next).unwrap(), one.text().unwrap()), (Stamp::Position, "1-42".to_owned()));
    assert_eq!(place("1-42", "order.events"), Some(From::Cursor("1-42".to_owned())));

    let mut pattern = live(&["order.*"], &[]);
    pattern.advance(&next);
    let stamp = pattern.stamp(&next).unwrap();
    assert_eq!((&stamp, stamp.text(&next)), (&Stamp::Mark(Mark(99)), "order.events:1-42:99".to_owned()));
    assert_eq!(pattern.text().unwrap(), stamp.text(&next));
}

#[test]
fn the_trail_of_several_says_for_each_where_it_goes_on() {
    let (a, b) = (Position::new(1, 41), Position::new(7, 3));
    let mut trail = live(&["a.a", "b.b", "c.*"], &[("a.a", a), ("b.b", b)]);
    trail.advance(&publication("a.a", Position::new(1, 42), 5));
    let text = trail.text().unwrap();
    assert_eq!(place(&text, "a.a"), behind(1, 42));
    assert_eq!(place(&text, "b.b"), behind(7, 3));
    assert_eq!(place(&text, "c.*"), Some(From::Time(Timestamp::from_millis(1_795_211_398_000))));
    assert_eq!(place(&text, "d.d"), Some(From::Fresh), "a topic that is new to the client");
    let c = publication("c.ü=,%x", Position::new(1, 1), 6);
    trail.advance(&c);
    let text = trail.stamp(&c).unwrap().text(&c);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    assert_eq!(place(&text, "c.*"), Some(From::Cursor("c.ü=,%x:1-1:6".to_owned())));
    assert_eq!(place(&text, "b.b"), behind(7, 3));
}

#[test]
fn what_was_asked_for_counts_until_something_was_given() {
    let now = Timestamp::from_millis(50_000);
    let topics = ["a.a", "b.*"];
    let heads = started(&topics, &[("a.a", Position::new(1, 9))]);
    let begun = |from: &From, history, held| {
        let text = Trail::begin(from, &heads, history, now, held).text().unwrap();
        topics.map(|topic| place(&text, topic).unwrap())
    };
    let nine = behind(1, 9).unwrap();
    assert_eq!(begun(&From::Beginning, History::None, false), [nine.clone(), From::Beginning]);
    assert_eq!(begun(&From::Beginning, History::None, true), [From::Beginning, From::Beginning]);
    let then = From::Time(Timestamp::from_millis(7));
    assert_eq!(begun(&then, History::None, false), [then.clone(), then.clone()]);
    assert_eq!(begun(&From::Fresh, History::All, true), [From::Fresh, From::Beginning]);
    assert_eq!(begun(&From::Fresh, History::None, true), [nine, From::Time(Timestamp::from_millis(48_000))]);
    let resumed = Trail::begin(&From::Live, &heads, History::None, now, false).text().unwrap();
    let again = Trail::begin(&From::Cursor(resumed.clone()), &heads, History::None, now, true);
    assert_eq!(again.text().unwrap(), resumed);
}

#[test]
fn what_is_not_in_the_log_does_not_move_the_place_of_a_pattern() {
    let mut trail = live(&["a.*"], &[]);
    let before = trail.text();
    trail.advance(&publication("a.typing", Position::new(1, 1), 0));
    assert_eq!(trail.text(), before);
    trail.advance(&publication("a.b", Position::new(1, 1), 8));
    let typing = publication("a.typing", Position::new(1, 2), 0);
    trail.advance(&typing);
    assert_eq!(trail.stamp(&typing).unwrap().text(&typing), "a.typing:1-2:8");
}

#[test]
fn what_is_no_trail_is_none() {
    for text in ["", "x", "=", "a=", "a=1", "a=1-2,", "a=tx", "a=1-2,b", "a=%zz", "a=%C3:1-1:1", "%"] {
        assert!(!Trail::is_one(text), "{text}");
    }
    for text in ["1-2", "a.b:1-2:3", "AAAAAAAA=1-2", "AAAAAAAA=t7,BBBBBBBB=b,C=n"] {
        assert!(Trail::is_one(text), "{text}");
    }
}

#[test]
fn what_is_missing_is_named_with_its_reason() {
    let mut started = started(&["a.a", "b.b"], &[("a.a", Position::new(1, 30)), ("b.b", Position::new(8, 0))]);
    started.gap = true;
    let asked = |position| vec![(Some("a.a".to_owned()), Some(position)), (Some("b:b".to_owned()), Some(position))];
    let from = From::After { positions: asked(Position::new(1, 4)), since: None };
    let missed = missed(&from, &started);
    let told: Vec<_> = missed.iter().map(|one| (one.topic.as_ref().unwrap().as_str(), one.reason())).collect();
    assert_eq!(told, [("a.a", "expired"), ("b.b", "other_log")]);
    assert_eq!(missed[0].next, Some(Position::new(1, 31)));
    started.gap = false;
    assert!(super::missed(&from, &started).is_empty());
    started.gap = true;
    let unknown = super::missed(&From::Live, &started);
    assert_eq!((unknown.len(), unknown[0].reason()), (1, "unknown"));
}
