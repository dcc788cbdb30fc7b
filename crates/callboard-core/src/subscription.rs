//! History first, then live: [`CatchUp`], the machine behind every subscription that may start in the past.

use crate::{Mark, Publication};

/// Decides, for one subscriber of one store's publications, what it gets.
///
/// The driver registers for live publications first, then reads history after [`CatchUp::resume_after`] page by page, gives each
/// publication to [`CatchUp::history`], says [`CatchUp::caught_up`] when a page comes back empty, and from then on gives live ones to
/// [`CatchUp::live`]. When the subscriber's live queue overflowed it says [`CatchUp::overflowed`] and reads history again. So what is
/// delivered is in commit order, without overlap and without a hole.
///
/// Publications of ephemeral topics have no mark and are delivered as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUp {
    last: Mark,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    History,
    Live,
}

impl CatchUp {
    /// Starts behind a mark.
    #[must_use]
    pub const fn after(mark: Mark) -> Self {
        Self { last: mark, phase: Phase::History }
    }

    /// Behind which mark the next page of history is to be read.
    #[must_use]
    pub const fn resume_after(&self) -> Mark {
        self.last
    }

    /// Whether live publications are delivered.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// A publication read from the log: whether to deliver it.
    pub fn history(&mut self, publication: &Publication) -> bool {
        let fresh = publication.mark > self.last;
        self.last = self.last.max(publication.mark);
        fresh
    }

    /// Nothing is left to read behind [`CatchUp::resume_after`].
    pub const fn caught_up(&mut self) {
        self.phase = Phase::Live;
    }

    /// A live publication: whether to deliver it. In history it is left to the log.
    pub fn live(&mut self, publication: &Publication) -> bool {
        if publication.mark == Mark::ZERO {
            return true;
        }
        self.phase == Phase::Live && self.history(publication)
    }

    /// Live publications were lost on the way to the subscriber.
    pub const fn overflowed(&mut self) {
        self.phase = Phase::History;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Headers, MessageId, Payload, Position, Timestamp, Topic};

    fn at(mark: u64) -> Publication {
        Publication {
            id: MessageId::from_bits(u128::from(mark)),
            topic: Topic::parse("a.b").unwrap(),
            position: Position::new(1, mark),
            mark: Mark(mark),
            time: Timestamp::from_millis(0),
            payload: Payload::empty(),
            headers: Headers::new(),
            trace: None,
            publisher: None,
        }
    }

    /// Publications are committed, reach a live queue of three places, and are read from the log in pages of two, in every
    /// interleaving that a seed gives: each is delivered once and in order.
    #[test]
    fn whatever_overflows_and_whenever_everything_is_delivered_once_and_in_order() {
        for seed in 1..500_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = |below: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % below
            };
            let mut committed = next(5);
            let mut catch_up = CatchUp::after(Mark::ZERO);
            let (mut queue, mut overflowed, mut seen) = (std::collections::VecDeque::new(), false, Vec::new());
            let mut quiet = 0;
            while quiet < 20 {
                if committed < 40 && next(2) == 0 {
                    committed += 1;
                    if queue.len() < 3 {
                        queue.push_back(committed)
                    } else {
                        overflowed = true
                    }
                    quiet = 0;
                    continue;
                }
                quiet += 1;
                if std::mem::take(&mut overflowed) {
                    catch_up.overflowed();
                }
                if !catch_up.is_live() {
                    let from = catch_up.resume_after().0 + 1;
                    let page: Vec<u64> = (from..=committed).take(2).collect();
                    if page.is_empty() {
                        catch_up.caught_up();
                    }
                    seen.extend(page.into_iter().filter(|mark| catch_up.history(&at(*mark))));
                } else if let Some(mark) = queue.pop_front()
                    && catch_up.live(&at(mark))
                {
                    seen.push(mark);
                }
            }
            assert_eq!(seen, (1..=committed).collect::<Vec<_>>(), "seed {seed}");
        }
    }

    #[test]
    fn what_has_no_place_in_the_log_is_delivered_as_it_comes() {
        let mut catch_up = CatchUp::after(Mark(7));
        assert!(catch_up.live(&at(0)) && !catch_up.live(&at(8)), "in history, durable ones are left to the log");
        catch_up.caught_up();
        assert!(catch_up.live(&at(0)) && catch_up.live(&at(8)) && !catch_up.live(&at(8)));
    }
}
