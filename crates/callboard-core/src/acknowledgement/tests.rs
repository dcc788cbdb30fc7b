use std::collections::BTreeSet;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "an instant has no other beginning; the tests only add to it")]
fn start() -> Instant {
    Instant::now()
}

fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

fn nothing() -> Acked {
    Acked::upto(Position::new(1, 0))
}

#[test]
fn whatever_is_acknowledged_in_whatever_order_is_acknowledged_and_nothing_else() {
    for seed in 1..400 {
        let mut next = random(seed);
        let (mut acked, mut model) = (nothing(), BTreeSet::new());
        for _ in 0..80 {
            let seq = 1 + next(40);
            if next(6) == 0 {
                acked.take_upto(Seq(seq));
                model.extend(1..=seq);
            } else {
                assert!(acked.take_one(Seq(seq)));
                model.insert(seq);
            }
            for seq in 1..=41 {
                assert_eq!(acked.contains(Seq(seq)), model.contains(&seq), "seed {seed}: {seq} of {acked}");
            }
            let upto = (1..).take_while(|seq| model.contains(seq)).last().unwrap_or(0);
            assert_eq!(acked.resume_after(), Position::new(1, upto), "seed {seed}: {acked}");
            assert_eq!(acked.beyond(), model.len() as u64 - upto, "seed {seed}: {acked}");
            assert_eq!(Acked::parse(&acked.to_string()), Some(acked.clone()), "seed {seed}");
        }
    }
}

#[test]
fn what_is_kept_reads_back_and_nothing_else_does() {
    let mut acked = Acked::upto(Position::new(3, 41));
    for seq in [43, 45, 44, 50] {
        assert!(acked.take_one(Seq(seq)));
    }
    assert_eq!(acked.to_string(), "3-41+43-45,50");
    for most in ["1-18446744073709551615", "1-5+18446744073709551615"] {
        let mut acked = Acked::parse(most).unwrap();
        assert!(acked.take_one(Seq(u64::MAX)) && acked.take_one(Seq(u64::MAX - 1)) && acked.contains(Seq(u64::MAX)));
    }
    for bad in ["", "41", "1-41+", "1-41+42", "1-41+41", "1-41+45-43", "1-41+50,43", "1-41+43,44", "1-41+a", "1-41+43-"]
    {
        assert_eq!(Acked::parse(bad), None, "{bad}");
    }
}

#[test]
fn holes_have_a_bound_and_the_first_hole_can_always_be_closed() {
    let mut acked = nothing();
    let most = Acked::STRETCHES_MAX as u64;
    for hole in 1..=most {
        assert!(acked.take_one(Seq(2 * hole + 1)));
    }
    assert!(!acked.take_one(Seq(2 * most + 3)), "one more hole");
    assert!(acked.take_one(Seq(2 * most + 2)), "beside one that is there");
    assert!(acked.take_one(Seq(1)) && acked.take_one(Seq(2)));
    assert!(acked.take_one(Seq(2 * most + 4)), "there is room again");
    acked.take_upto(Seq(2 * most + 3));
    assert_eq!(acked.to_string(), format!("1-{}", 2 * most + 4));
}

#[test]
fn an_acknowledgement_said_twice_is_taken_twice() {
    let (now, mut pending) = (start(), Pending::new(Acked::upto(Position::new(1, 41)), Seq(57), TIMEOUT, 100));
    for seq in 42..=57 {
        assert!(pending.sent(Seq(seq), now));
    }
    for changed in [true, false] {
        let expected = Acknowledged { acked: Seq(42), upto: Seq(42), pending: 15, changed };
        assert_eq!(pending.acknowledge_one(Seq(42)), Ok(expected));
    }
    for changed in [true, false] {
        let expected = Acknowledged { acked: Seq(50), upto: Seq(50), pending: 7, changed };
        assert_eq!(pending.acknowledge_upto(Seq(50)), Ok(expected));
    }
    let late = pending.acknowledge_upto(Seq(44)).unwrap();
    assert_eq!((late.upto, late.pending), (Seq(50), 7), "an older one takes nothing back");
    assert_eq!(pending.acknowledge_one(Seq(58)), Err(AckError::UnknownSeq { head: Seq(57) }));
    assert_eq!(pending.acknowledge_upto(Seq(58)), Err(AckError::UnknownSeq { head: Seq(57) }));
}

#[test]
fn what_was_received_on_an_earlier_connection_may_be_acknowledged_before_it_is_delivered_again() {
    let mut pending = Pending::new(Acked::upto(Position::new(1, 41)), Seq(57), TIMEOUT, 100);
    assert_eq!(pending.acknowledge_one(Seq(57)).map(|answer| answer.pending), Ok(0));
    assert!(pending.wants(Seq(56)) && !pending.wants(Seq(57)));
}

#[test]
fn nothing_more_is_delivered_while_too_much_waits() {
    let (now, mut pending) = (start(), Pending::new(nothing(), Seq(0), TIMEOUT, 2));
    assert!(pending.sent(Seq(1), now) && pending.sent(Seq(2), now) && pending.is_full());
    assert!(!pending.sent(Seq(3), now) && pending.wants(Seq(3)));
    pending.acknowledge_one(Seq(2)).unwrap();
    assert!(!pending.is_full() && pending.sent(Seq(3), now));
    assert!(!pending.sent(Seq(3), now), "it is on its way");
}

#[test]
fn what_is_no_longer_kept_is_not_waited_for() {
    let (now, mut pending) = (start(), Pending::new(nothing(), Seq(0), TIMEOUT, 10));
    for seq in 1..=5 {
        assert!(pending.sent(Seq(seq), now));
    }
    pending.lost_before(Seq(4));
    assert_eq!((pending.len(), pending.acked().to_string()), (2, "1-3".to_owned()));
    assert_eq!(pending.due(now + TIMEOUT, 10), [Seq(4), Seq(5)]);
}

/// A topic grows, a client that loses some deliveries and some of its acknowledgements comes and goes, and the node keeps only
/// what it must: in the end the client has everything, and what was acknowledged is not delivered any more.
#[test]
fn whatever_is_lost_on_the_way_everything_is_received_and_nothing_acknowledged_is_sent_again() {
    for seed in 1..300 {
        let mut next = random(seed);
        let (mut now, mut kept, mut head) = (start(), nothing().to_string(), 0_u64);
        let mut received = BTreeSet::new();
        for connection in 0.. {
            let last_one = connection >= 4;
            let mut pending = Pending::new(Acked::parse(&kept).unwrap(), Seq(head), TIMEOUT, 8);
            let mut place = pending.acked().resume_after().seq;
            let mut steps = 20 + next(40);
            while steps > 0 || (last_one && pending.acked().resume_after().seq.0 < head) {
                steps = steps.saturating_sub(1);
                now += Duration::from_secs(next(10));
                let mut delivered = pending.due(now, 3);
                if head < 60 && next(2) == 0 {
                    head += 1;
                }
                if place.0 < head && !pending.is_full() {
                    place = place.next();
                    if pending.sent(place, now) {
                        delivered.push(place);
                    }
                }
                assert!(pending.len() <= 8 && pending.due_at().is_some() != pending.is_empty(), "seed {seed}");
                let acknowledged = delivered.iter().filter(|seq| pending.acked().contains(**seq)).count();
                assert_eq!(acknowledged, 0, "seed {seed}: {delivered:?}");
                for seq in delivered {
                    if next(4) == 0 {
                        continue;
                    }
                    received.insert(seq.0);
                    let whole = (1..).take_while(|seq| received.contains(seq)).last();
                    let answer = match whole.filter(|_| next(3) == 0) {
                        Some(whole) => pending.acknowledge_upto(Seq(whole)),
                        None if next(4) > 0 => pending.acknowledge_one(seq),
                        None => continue,
                    };
                    assert!(answer.unwrap().upto <= Seq(head));
                    kept = pending.acked().to_string();
                }
            }
            if last_one {
                break;
            }
        }
        assert_eq!(received, (1..=head).collect(), "seed {seed}");
    }
}
