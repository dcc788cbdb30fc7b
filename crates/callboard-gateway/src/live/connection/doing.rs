//! What a session asks of its connection, and what comes of it.

use std::sync::Arc;

use callboard_core::acknowledgement::Acked;
use callboard_core::{Code, Error, Position, Topic};
use callboard_wire::session::{Command, Event, From, Member, PresenceChange, SubId, Subscribe};

use super::acks::{Acks, Consumed, begin, consumed, consumer_of};
use super::{Connection, Done, Ready, Sub, Transport};
use crate::live::Live;
use crate::live::asks;
use crate::live::catalogue::Granted;
use crate::live::inbox::Notice;
use crate::live::returning::Seen;
use crate::live::rooms::Seat;
use crate::live::source::{Source, Sources};

impl Sub {
    /// Ends what runs for the subscription.
    pub(super) fn leave(&self, live: &Live, connection: u64, sub: SubId) {
        if let Some(granted) = &self.granted {
            let (room, seat) = (room_of(granted), Seat { connection, sub });
            live.rooms.leave(&room, seat);
            hide(live, &room, seat);
            if let Some(seen) = &self.seen {
                live.returning.left(live.doors.clock.instant(), &granted.request, seen.clone());
            }
        }
    }
}

/// No longer shows the member of a seat.
fn hide(live: &Live, room: &str, seat: Seat) {
    if let Some(change) = live.presence.leave(room, &session_of(seat)) {
        announce(live, room, change);
    }
}

fn announce(live: &Live, room: &str, change: PresenceChange) {
    let changes: Arc<[PresenceChange]> = Arc::new([change]);
    live.rooms.tell(room, None, |sub| Notice::Presence(sub, Arc::clone(&changes)));
}

/// The name under which others see one connection of a member.
fn session_of(Seat { connection, sub }: Seat) -> Arc<str> {
    format!("{connection}.{}", sub.0).into()
}

/// The room of a subscription: everybody who hears the same first topic, over whatever protocol.
fn room_of(granted: &Granted) -> Arc<str> {
    granted.joined.topics.first().map_or_else(|| "".into(), |topic| topic.as_str().into())
}

impl<T: Transport> Connection<T> {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Subscribe(subscribe) => self.subscribe(subscribe),
            Command::Start { sub, from } => self.start(sub, from),
            Command::Unsubscribe(sub) => self.leave(sub),
            Command::Perform { sub, ask, name, data } => {
                let Some(granted) = self.granted(sub) else { return };
                let job = asks::perform(Arc::clone(&self.live), granted, name, data);
                self.jobs.push(Box::pin(async move { Done::Answered { ask, result: job.await } }));
            }
            Command::Invoke { ask, actor, action, json, key } => {
                let job = asks::invoke(Arc::clone(&self.live), Arc::clone(&self.principal), actor, action, json, key);
                self.jobs.push(Box::pin(async move { Done::Answered { ask: Some(ask), result: job.await } }));
            }
            Command::Publish { ask, topic, type_name, json } => {
                let job = asks::publish(Arc::clone(&self.live), Arc::clone(&self.principal), topic, type_name, json);
                self.jobs.push(Box::pin(async move { Done::Answered { ask: Some(ask), result: job.await } }));
            }
            Command::Whisper { sub, json } => {
                let Some(granted) = self.granted(sub).filter(|granted| granted.declaration.whisper) else { return };
                let from = Seat { connection: self.id, sub };
                let json: Arc<str> = json.into();
                let whispered = |sub| Notice::Whispered(sub, Arc::clone(&json));
                self.live.rooms.tell(&room_of(&granted), Some(from), whispered);
            }
            Command::Acknowledge { sub, ask, topic, ack } => self.acknowledge(sub, ask, topic.as_deref(), ack),
            Command::PresenceJoin { sub, id, info } => self.show(sub, id, info),
            Command::PresenceLeave(sub) => {
                if let Some(granted) = self.granted(sub) {
                    hide(&self.live, &room_of(&granted), Seat { connection: self.id, sub });
                }
            }
            Command::PresenceList(sub) => {
                let granted = self.granted(sub).filter(|granted| granted.declaration.presence);
                let members = granted.map(|granted| self.live.presence.members(&room_of(&granted)));
                let members = members.ok_or_else(|| Error::new(Code::Denied, "the channel has no presence"));
                let now = self.now();
                self.session.event(now, Event::PresenceList { sub, members }, &mut self.outbox);
            }
        }
    }

    /// Shows the client to the others of a channel, under the name that the channel or the token gives it; where neither does, under
    /// its own.
    fn show(&self, sub: SubId, id: Option<String>, info: String) {
        let Some(granted) = self.granted(sub).filter(|granted| granted.declaration.presence) else { return };
        let known = granted.joined.presence_id.clone().or_else(|| self.principal.subject.clone());
        let seat = Seat { connection: self.id, sub };
        let member = Member {
            id: known.or_else(|| id.map(Into::into)).unwrap_or_else(|| format!("anonymous-{}", self.id).into()),
            session: session_of(seat),
            info: info.into(),
            since: self.live.doors.clock.now(),
        };
        let room = room_of(&granted);
        if let Some(change) = self.live.presence.join(&room, member) {
            announce(&self.live, &room, change);
        }
    }

    fn granted(&self, sub: SubId) -> Option<Granted> {
        self.subs.get(&sub)?.granted.clone()
    }

    fn subscribe(&mut self, subscribe: Subscribe) {
        let Subscribe { sub, target, from, heads, consumer } = subscribe;
        let seat = Sub {
            generation: 0,
            granted: None,
            catching_up: 0,
            held: None,
            wants_heads: heads,
            seen: None,
            acks: None,
            consumer: None,
            quiet: false,
        };
        self.subs.insert(sub, seat);
        let (live, principal) = (Arc::clone(&self.live), Arc::clone(&self.principal));
        self.jobs.push(Box::pin(async move {
            let granted = async {
                let granted = live.channels.grant(target, &principal, |signed| live.signed_name(signed)).await?;
                let consumer = consumer_of(&granted, consumer.as_deref());
                let consumer = match consumer {
                    Some(name) => Some((Arc::clone(&name), consumed(&live, &granted, &name).await?)),
                    None => None,
                };
                // What a consumer has acknowledged counts more than what it says that it has seen.
                let from = match &consumer {
                    Some((_, consumed)) if from != From::Held && !consumed.is_empty() => resumed(consumed),
                    _ => from,
                };
                let heads = heads || consumer.is_some();
                // Whoever may have missed something is known by where the topics stand.
                let source = source(&live, &granted, heads || !granted.declaration.reload.is_empty());
                Ok(if from == From::Held {
                    let started = source.held().await?;
                    Ready { granted, sources: None, started, consumer }
                } else {
                    let sources = source.open(&from).await?;
                    let started = sources.started.clone();
                    if let Some((name, consumed)) = &consumer {
                        begin(&live, name, consumed, &started).await?;
                    }
                    Ready { granted, sources: Some(sources), started, consumer }
                })
            };
            Done::Granted { sub, generation: 0, result: granted.await.map(Box::new) }
        }));
    }

    fn start(&mut self, sub: SubId, from: From) {
        let Some(seat) = self.subs.get_mut(&sub) else { return };
        let Some(granted) = seat.granted.clone() else { return };
        seat.generation += 1;
        seat.quiet = false;
        self.streams.end(sub);
        let consumer = seat.consumer.clone();
        let (generation, heads) = (seat.generation, seat.wants_heads || consumer.is_some());
        // What is live begins where it stood when it was asked for.
        let from = match (from, seat.held.take()) {
            (From::Live, Some(held)) => From::After {
                positions: held
                    .heads
                    .into_iter()
                    .map(|head| (Some(head.topic.as_str().to_owned()), Some(head.head)))
                    .collect(),
                since: None,
            },
            (from, _) => from,
        };
        let from = match &consumer {
            Some((_, consumed)) if !consumed.is_empty() => resumed(consumed),
            _ => from,
        };
        let live = Arc::clone(&self.live);
        self.jobs.push(Box::pin(async move {
            let opened = async {
                let sources = source(&live, &granted, heads).open(&from).await?;
                if let Some((name, consumed)) = &consumer {
                    begin(&live, name, consumed, &sources.started).await?;
                }
                Ok(sources)
            };
            Done::Started { sub, generation, result: opened.await }
        }));
    }

    /// Goes on behind some positions, after delivery has rested.
    pub(super) fn resume(&mut self, sub: SubId, positions: Vec<(Option<String>, Option<Position>)>) {
        self.start(sub, From::After { positions, since: None });
        if let Some(seat) = self.subs.get_mut(&sub) {
            seat.quiet = true;
        }
    }

    pub(super) fn leave(&mut self, sub: SubId) {
        if let Some(seat) = self.subs.remove(&sub) {
            self.streams.end(sub);
            seat.leave(&self.live, self.id, sub);
        }
    }

    pub(super) fn answer(
        &mut self,
        ask: Option<callboard_wire::session::AskId>,
        answer: Result<callboard_wire::session::Data, Error>,
    ) {
        if let Some(ask) = ask {
            let now = self.now();
            self.session.event(now, Event::Answer { ask, answer }, &mut self.outbox);
        }
    }

    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Granted { sub, generation, result } => {
                // The client may have left meanwhile.
                if self.subs.get(&sub).is_none_or(|seat| seat.generation != generation) {
                    return;
                }
                match result {
                    Ok(ready) => self.joined(sub, *ready),
                    Err(error) => {
                        self.subs.remove(&sub);
                        let now = self.now();
                        self.session.event(now, Event::Refused { sub, error }, &mut self.outbox);
                    }
                }
            }
            Done::Started { sub, generation, result } => {
                if self.subs.get(&sub).is_none_or(|seat| seat.generation != generation) {
                    return;
                }
                let now = self.now();
                match result {
                    Ok(sources) => {
                        let started = sources.started.clone();
                        if let Some(seat) = self.subs.get_mut(&sub)
                            && let (Some(granted), Some((name, consumed))) = (&seat.granted, seat.consumer.take())
                        {
                            seat.acks = Some(Acks::new(granted, name, &started, consumed));
                        }
                        if !self.subs.get(&sub).is_some_and(|seat| seat.quiet) {
                            self.session.event(now, Event::Started { sub, started }, &mut self.outbox);
                        }
                        self.listen(sub, sources);
                    }
                    Err(error) => {
                        self.leave(sub);
                        self.session.event(now, Event::Ended { sub, error }, &mut self.outbox);
                    }
                }
            }
            Done::Answered { ask, result } => self.answer(ask, result),
            // Sent by the loop itself.
            Done::Again { .. } => {}
        }
    }

    fn joined(&mut self, sub: SubId, ready: Ready) {
        let Ready { granted, sources, started, consumer } = ready;
        let declaration = Arc::clone(&granted.declaration);
        let response = granted.joined.response.clone();
        if declaration.whisper || declaration.presence {
            self.live.rooms.enter(&room_of(&granted), Seat { connection: self.id, sub }, &self.inbox);
        }
        let mut missed = false;
        if let Some(seat) = self.subs.get_mut(&sub) {
            if !declaration.reload.is_empty() {
                let heads: Seen = started.heads.iter().map(|head| (head.topic.clone(), head.head)).collect();
                missed = self.live.returning.missed(self.live.doors.clock.instant(), &granted.request, &heads);
                seat.seen = Some(heads);
            }
            if sources.is_none() {
                seat.held = Some(started.clone());
                seat.consumer = consumer;
            } else {
                seat.acks = consumer.map(|(name, consumed)| Acks::new(&granted, name, &started, consumed));
            }
            seat.granted = Some(granted);
        }
        let now = self.now();
        let event = Event::Subscribed { sub, channel: &declaration, started, response, missed };
        self.session.event(now, event, &mut self.outbox);
        if let Some(sources) = sources {
            self.listen(sub, sources);
        }
    }

    fn listen(&mut self, sub: SubId, sources: Sources) {
        let Some(seat) = self.subs.get_mut(&sub) else { return };
        seat.catching_up = sources.catching_up;
        for events in sources.streams {
            self.streams.push(sub, seat.generation, events);
        }
        // Without a past it is there already.
        if seat.catching_up == 0 && !seat.quiet {
            let now = self.now();
            self.session.event(now, Event::CaughtUp(sub), &mut self.outbox);
        }
    }
}

fn source<'a>(live: &'a Live, granted: &'a Granted, heads: bool) -> Source<'a> {
    Source {
        doors: &live.doors,
        topics: &granted.joined.topics,
        declaration: &granted.declaration,
        heads,
        replay_max: live.config.clients.replay_max,
    }
}

fn resumed(consumed: &Consumed) -> From {
    let place = |(topic, acked): (&Topic, &Acked)| (Some(topic.as_str().to_owned()), Some(acked.resume_after()));
    From::After { positions: consumed.iter().map(place).collect(), since: None }
}
