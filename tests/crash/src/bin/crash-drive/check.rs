//! What has to hold of what the node shows: after every start, and when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use callboard::core::{Pattern, Topic};
use callboard_crash::account::{self, topic_of};
use callboard_crash::heard::{Heard, Place};
use callboard_crash::{gauge, journal, ledger, listener, mill, picky, recorder, stubborn};

use crate::book::Book;
use crate::follow::Follower;
use crate::lines::Lines;
use crate::shown::Shown;

/// What is wrong, in words.
#[derive(Debug, Default)]
pub(crate) struct Wrong(pub(crate) Vec<String>);

impl Wrong {
    /// Notes `what` unless it holds.
    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

/// Everything that the checks compare.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) book: &'a Arc<Book>,
    pub(crate) follower: &'a Follower,
    pub(crate) lines: &'a Lines,
    pub(crate) shown: &'a Shown,
    /// What was shown the last time.
    pub(crate) before: &'a Shown,
    /// Parcels that were set aside, checked and dropped.
    pub(crate) dropped: &'a BTreeSet<u64>,
}

/// The pages of an account in the ledger: of the effects that are due at once, and of those that are due later; and how many
/// entries each is to have in the end.
fn pages(shown: &Shown, account: &str, number: u64) -> [(ledger::Page, u64); 2] {
    let page = |pages: &BTreeMap<String, ledger::Page>| pages.get(account).cloned().unwrap_or_default();
    [(page(&shown.ledger.now), number), (page(&shown.ledger.late), number / account::LATE_EVERY)]
}

impl Evidence<'_> {
    /// What holds at any time that nobody asks anything.
    pub(crate) fn after_start(&self, wrong: &mut Wrong) {
        self.accounts(wrong);
        self.topics(wrong);
        self.subscribers(wrong);
        self.progress(wrong);
    }

    fn accounts(&self, wrong: &mut Wrong) {
        let shown = self.shown;
        for (name, known) in self.book.accounts() {
            let (_, account) = shown.accounts.get(&name).copied().unwrap_or_default();
            wrong.unless(account.number >= known.number, || {
                format!("account {name} has {} deposits and {} were acknowledged", account.number, known.number)
            });
            wrong.unless(account.number != known.number || account.balance == known.balance, || {
                format!("account {name} has {account:?} and {known:?} was acknowledged")
            });
        }
        for (name, (revision, account)) in &shown.accounts {
            let number = account.number;
            wrong.unless(*revision == number, || {
                format!("account {name} has revision {revision} after {number} deposits")
            });
            let head = shown.head(&topic_of(name));
            wrong.unless(head == number, || {
                format!("account {name} has {number} deposits and {head} announcements on its own topic")
            });
            for (page, most) in pages(shown, name, number) {
                wrong.unless(page.doubled == 0, || {
                    format!("{} effects of account {name} ran twice, the last is {}", page.doubled, page.doubled_last)
                });
                wrong.unless(page.count <= most && page.sum <= account.balance, || {
                    format!("the ledger has {page:?} of account {name}, which has {account:?}")
                });
            }
        }
        let deposits: u64 = shown.accounts.values().map(|(_, account)| account.number).sum();
        let head = shown.head(account::EVENTS);
        wrong.unless(deposits == head, || {
            format!("there are {deposits} deposits and {head} announcements on {}", account::EVENTS)
        });
    }

    fn topics(&self, wrong: &mut Wrong) {
        for (topic, seq) in self.book.heads() {
            let head = self.shown.head(&topic);
            wrong.unless(head >= seq, || format!("{topic} ends at {head} and {seq} was acknowledged"));
        }
        for (topic, place) in &self.shown.followed {
            let head = self.shown.heads.get(topic).copied().unwrap_or_default();
            wrong.unless(head.epoch == place.epoch && head.seq >= place.seq, || {
                format!("{topic} ends at {head} and {place} was followed before")
            });
        }
    }

    fn subscribers(&self, wrong: &mut Wrong) {
        let shown = self.shown;
        for (name, (revision, heard)) in &shown.recorders {
            self.heard(name, heard, wrong);
            for (key, place) in &heard.places {
                wrong.unless(place.first == 1 && place.count == place.last, || {
                    format!("{name} heard {key} as {place:?}: not each once from the first on")
                });
            }
            let turns: u64 = heard.places.values().map(|place| place.count).sum();
            wrong.unless(*revision == turns, || format!("{name} has revision {revision} after {turns} deliveries"));
        }
        for (name, heard) in &shown.listeners {
            self.heard(name, heard, wrong);
            for place in heard.places.values() {
                wrong
                    .unless(place.count == place.last + 1 - place.first, || format!("listener {name} heard {place:?}"));
            }
        }
        let (picky, ticks) = (&shown.picky, &shown.ticks);
        wrong.unless(picky.wrong == 0, || format!("picky took {} parcels out of their order", picky.wrong));
        wrong.unless(ticks.once.wrong == 0 && ticks.each.wrong == 0, || format!("the timers fired as {ticks:?}"));
        self.heard(stubborn::NAME, &shown.stubborn.heard, wrong);
        let stands = shown.parked.iter().find(|parked| parked.parcel().is_none());
        wrong.unless(stands.is_none(), || format!("{stands:?} stands still"));
        wrong.unless(shown.parked.len() < 2, || format!("{:?} stand still", shown.parked));
        let strange = shown.letters.iter().find(|letter| letter.parcel().is_none());
        wrong.unless(strange.is_none(), || format!("{strange:?} was set aside"));
    }

    fn heard(&self, name: &str, heard: &Heard, wrong: &mut Wrong) {
        wrong.unless(heard.wrong == 0, || format!("{name} says: {}", heard.violations.join("; ")));
    }

    /// What was committed once stays.
    fn progress(&self, wrong: &mut Wrong) {
        let (shown, before) = (self.shown, self.before);
        for (topic, head) in &before.heads {
            let now = shown.heads.get(topic).copied().unwrap_or_default();
            wrong.unless(now.epoch == head.epoch && now.seq >= head.seq, || {
                format!("{topic} ends at {now}, and ended at {head} before")
            });
        }
        for name in before.accounts.keys() {
            let (now, then) = (pages(shown, name, 0), pages(before, name, 0));
            let stayed = now.iter().zip(&then).all(|((now, _), (then, _))| now.count >= then.count);
            wrong.unless(stayed, || format!("the ledger has {now:?} of {name}, and had {then:?}"));
        }
        let then = |place: &Place, now: Option<&Place>| now.is_some_and(|now| now.last >= place.last);
        for (name, (_, heard)) in &before.recorders {
            let now = shown.recorders.get(name).map(|(_, heard)| heard);
            let forgot =
                heard.places.iter().find(|(key, place)| !then(place, now.and_then(|now| now.places.get(*key))));
            wrong.unless(forgot.is_none(), || format!("{name} had heard {forgot:?}, and has not any more"));
        }
        let there: BTreeSet<String> = self.book.listeners().into_iter().map(|(name, _)| name).collect();
        for (name, heard) in before.listeners.iter().filter(|(name, _)| there.contains(*name)) {
            let now = shown.listeners.get(name);
            let forgot =
                heard.places.iter().find(|(key, place)| !then(place, now.and_then(|now| now.places.get(*key))));
            wrong.unless(forgot.is_none(), || format!("listener {name} had heard {forgot:?}, and has not any more"));
        }
        wrong.unless(shown.picky.place.last >= before.picky.place.last, || "picky forgot parcels".to_owned());
        wrong.unless(shown.ticks.once.last >= before.ticks.once.last, || "a timer went back".to_owned());
        wrong.unless(shown.ticks.each.last >= before.ticks.each.last, || "a timer went back".to_owned());
        wrong.unless(shown.mill >= before.mill, || "the mill forgot what it ground".to_owned());
    }

    /// What is still on its way. Nothing, some time after the last request.
    pub(crate) fn under_way(&self) -> Vec<String> {
        let mut missing = Wrong::default();
        let shown = self.shown;
        for (name, (_, account)) in &shown.accounts {
            for (page, all) in pages(shown, name, account.number) {
                missing
                    .unless(page.count >= all, || format!("the ledger has {} of {all} entries of {name}", page.count));
            }
        }
        for (topic, head) in &shown.heads {
            let (topic, head) = (topic.as_str(), head.seq.0);
            for (name, place) in places(shown, topic) {
                missing.unless(place.last >= head, || format!("{name} is at {} of {head} on {topic}", place.last));
            }
            if matches(journal::PATTERN, topic) {
                let last = self.lines.last.get(topic).map_or(0, |line| line.position.seq.0);
                missing.unless(last >= head, || format!("the journal is at {last} of {head} on {topic}"));
            }
            let last = self.follower.look(|seen| seen.places.get(topic).map_or(0, |place| place.seq));
            missing.unless(last >= head, || format!("the follower is at {last} of {head} on {topic}"));
        }
        let key = Heard::key(listener::TOPIC, listener::TOPIC);
        for (name, first) in self.book.listeners() {
            let head = shown.head(listener::TOPIC);
            let last =
                shown.listeners.get(&name).and_then(|heard| heard.places.get(&key)).map_or(0, |place| place.last);
            missing.unless(first.is_none() || last >= head, || format!("listener {name} is at {last} of {head}"));
        }
        let (parcels, done) = (shown.head(picky::TOPIC), self.parcels_done());
        let taken = self.stubborn_place().last;
        missing.unless(taken >= parcels, || format!("stubborn took {taken} of {parcels} parcels"));
        missing.unless(done >= parcels, || format!("picky is done with {done} of {parcels} parcels"));
        let moved = shown.head(gauge::TOPIC);
        missing.unless(shown.gauge.number == moved, || {
            format!("the gauge moved {} times and announced {moved}", shown.gauge.number)
        });
        let unseen = self.book.unseen();
        missing.unless(unseen == 0, || format!("the announcements of {unseen} acknowledged requests were not seen"));
        missing.0
    }

    /// How much is on its way, to choose how much more is asked.
    pub(crate) fn backlog(&self) -> u64 {
        let shown = self.shown;
        let deposits: u64 = shown.accounts.values().map(|(_, account)| account.number).sum();
        let booked: u64 = shown.ledger.now.values().map(|page| page.count).sum();
        let mut behind = deposits.saturating_sub(booked);
        for (topic, head) in &shown.heads {
            let last = places(shown, topic).map(|(_, place)| head.seq.0.saturating_sub(place.last));
            behind += last.sum::<u64>();
        }
        behind
    }

    fn stubborn_place(&self) -> Place {
        let key = Heard::key(picky::TOPIC, picky::TOPIC);
        self.shown.stubborn.heard.places.get(&key).copied().unwrap_or_default()
    }

    /// The parcels that picky took or that were set aside, without a hole.
    fn parcels_done(&self) -> u64 {
        let aside = self.set_aside();
        let mut done = self.shown.picky.place.last;
        while aside.contains(&(done + 1)) {
            done += 1;
        }
        done
    }

    /// The parcels that were set aside, each once.
    pub(crate) fn set_aside(&self) -> BTreeSet<u64> {
        self.shown.letters.iter().filter_map(|letter| letter.parcel()).chain(self.dropped.iter().copied()).collect()
    }

    /// What holds when nothing is under way any more, besides what holds at any time.
    pub(crate) fn at_rest(&self, wrong: &mut Wrong) {
        let shown = self.shown;
        for (name, (_, account)) in &shown.accounts {
            let pages = pages(shown, name, account.number);
            let whole =
                pages.iter().all(|(page, all)| page.upto == *all && page.ahead.is_empty() && page.count == *all);
            wrong.unless(whole && pages[0].0.sum == account.balance, || {
                format!("the ledger has {pages:?} of account {name}, which has {account:?}")
            });
            let told = self.follower.look(|seen| seen.accounts.get(name).copied()).unwrap_or_default();
            wrong.unless(told.number == account.number && told.balance == account.balance, || {
                format!("account {name} has {account:?} and announced {told:?}")
            });
        }
        let key = Heard::key(listener::TOPIC, listener::TOPIC);
        for (name, must) in self.book.listeners() {
            let Some(must) = must else { continue };
            let first = shown.listeners.get(&name).and_then(|heard| heard.places.get(&key)).map(|place| place.first);
            wrong.unless(first.is_some_and(|first| first <= must), || {
                format!("listener {name} was there before {must} was published, and began with {first:?}")
            });
        }
        let ground = shown.head(mill::TOPIC);
        wrong.unless(shown.mill == ground, || format!("the mill ground {} and announced {ground}", shown.mill));
        self.parcels(wrong);
    }

    fn parcels(&self, wrong: &mut Wrong) {
        let (bad, aside) = (self.book.bad_parcels(), self.set_aside());
        wrong.unless(bad == aside, || format!("the bad parcels are {bad:?}, and {aside:?} were set aside"));
        let letters = self.shown.letters.len() + self.dropped.len();
        wrong.unless(letters == aside.len(), || format!("{} parcels were set aside in {letters} letters", aside.len()));
        let place = self.shown.picky.place;
        let left_out: BTreeSet<u64> = self.shown.picky.left_out.iter().copied().collect();
        let before: BTreeSet<u64> = bad.iter().copied().filter(|seq| *seq < place.last).collect();
        wrong.unless(left_out == before, || format!("picky left out {left_out:?} and {before:?} are bad"));
        let taken = place.last - before.len() as u64;
        wrong.unless(place.count == taken, || format!("picky took {} of {taken} good parcels", place.count));
        let all = self.stubborn_place();
        wrong.unless(all.count == all.last, || format!("stubborn took the parcels as {all:?}"));
        wrong.unless(self.shown.parked.is_empty(), || format!("{:?} still stand still", self.shown.parked));
    }
}

fn matches(pattern: &str, topic: &str) -> bool {
    match (Pattern::parse(pattern), Topic::parse(topic)) {
        (Ok(pattern), Ok(topic)) => pattern.matches(&topic),
        _ => false,
    }
}

/// How far each recorder is with a topic that it hears.
fn places<'a>(shown: &'a Shown, topic: &'a str) -> impl Iterator<Item = (&'static str, Place)> {
    recorder::ALL.iter().flat_map(move |recorder| {
        let heard = shown.recorders.get(recorder.name).map(|(_, heard)| heard);
        recorder.patterns.iter().filter(move |pattern| matches(pattern, topic)).map(move |pattern| {
            let place = heard.and_then(|heard| heard.places.get(&Heard::key(pattern, topic)));
            (recorder.name, place.copied().unwrap_or_default())
        })
    })
}
