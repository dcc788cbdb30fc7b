//! From subscriptions to the client.

use std::sync::Arc;

use callboard_core::Publication;
use callboard_core::port::StreamEvent;
use callboard_wire::session::{Delivery, End, Event, SubId};

use super::acks::Verdict;
use super::streams::Tag;
use super::{BURST_LEN, Connection, Finish, Transport};
use crate::live::encoded;
use crate::live::inbox::Notice;

impl<T: Transport> Connection<T> {
    /// Delivers what is ready, and sends it in one piece.
    pub(super) async fn burst(&mut self, first: Tag) -> Result<(), Finish> {
        self.deliver(first).await?;
        for _ in 1..BURST_LEN {
            let Some(next) = self.streams.ready() else { break };
            self.deliver(next).await?;
        }
        self.bursted = true;
        self.flush().await
    }

    async fn deliver(&mut self, (sub, generation, event): Tag) -> Result<(), Finish> {
        let Some(seat) = self.subs.get_mut(&sub).filter(|seat| seat.generation == generation) else { return Ok(()) };
        let publication = match event {
            Ok(StreamEvent::Publication(publication)) => publication,
            Ok(StreamEvent::CaughtUp) => {
                seat.catching_up = seat.catching_up.saturating_sub(1);
                if seat.catching_up == 0 && !seat.quiet {
                    let now = self.now();
                    self.session.event(now, Event::CaughtUp(sub), &mut self.outbox);
                }
                return self.pass_on().await;
            }
            Ok(StreamEvent::Gap { topic, after, next }) => {
                let now = self.now();
                self.session.event(now, Event::Gap { sub, topic: &topic, after, next }, &mut self.outbox);
                return self.pass_on().await;
            }
            Err(error) => {
                self.leave(sub);
                let now = self.now();
                self.session.event(now, Event::Ended { sub, error }, &mut self.outbox);
                return self.pass_on().await;
            }
        };
        if let Some(seen) = &mut seat.seen {
            seen.insert(publication.topic.clone(), publication.position);
        }
        let replay = seat.catching_up > 0;
        let Some(acks) = &mut seat.acks else {
            return self.publication(sub, publication, Delivery { replay, ..Delivery::default() }).await;
        };
        match acks.take(&publication, self.live.doors.clock.instant()) {
            Verdict::Deliver => {
                let delivery = Delivery { replay, ack_required: true, again: false };
                self.publication(sub, publication, delivery).await
            }
            Verdict::Skip => Ok(()),
            Verdict::Pause => {
                self.streams.end(sub);
                Ok(())
            }
        }
    }

    pub(super) async fn publication(
        &mut self,
        sub: SubId,
        publication: Arc<Publication>,
        delivery: Delivery,
    ) -> Result<(), Finish> {
        let granted = self.subs.get(&sub).and_then(|seat| seat.granted.as_ref());
        let own = granted.filter(|granted| granted.declaration.per_client).and_then(|granted| {
            granted.channel.as_ref().map(|channel| channel.present(&publication, &granted.request))
        });
        let Some(wrap) = self.session.deliver(sub, &publication, delivery) else { return Ok(()) };
        let descriptors = &self.live.doors.descriptors;
        let message = match own {
            None => self.live.encoded.message(descriptors, &publication, wrap),
            Some(None) => return Ok(()),
            Some(Some(payload)) => {
                encoded::encode(descriptors, &Publication { payload, ..(*publication).clone() }, &wrap)
            }
        };
        self.feed(message).await
    }

    /// Sends what the session answered within a burst, so that it stands at its place among the publications.
    async fn pass_on(&mut self) -> Result<(), Finish> {
        Box::pin(self.settle()).await
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        let now = self.now();
        match notice {
            Notice::Whispered(sub, json) if self.subs.contains_key(&sub) => {
                self.session.event(now, Event::Whispered { sub, json: &json }, &mut self.outbox);
            }
            Notice::Presence(sub, changes) if self.subs.contains_key(&sub) => {
                self.session.event(now, Event::Presence { sub, changes: &changes }, &mut self.outbox);
            }
            Notice::Whispered(..) | Notice::Presence(..) => {}
            Notice::Drained => self.session.end(End::Draining, &mut self.outbox),
        }
    }
}
