//! `GET /v1/topics/{pattern}`: follow topics, as lines of JSON or as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use callboard_core::port::{BoxFuture, Events, Start, StreamEvent, SubscribeRequest};
use callboard_core::{Code, Error, Mark, Pattern};
use callboard_wire::descriptors::Descriptors;
use callboard_wire::json::{self, Cursor};
use callboard_wire::problem::Problem;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::{HeaderValue, header};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{Answer, excerpt};
use super::{Call, Http, accept, endpoint};
use crate::auth::{expired, permit};
use crate::doors::Closing;
use crate::metrics::OpenStream;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowQuery {
    from: Option<String>,
    limit: Option<u64>,
    follow: Option<bool>,
}

const NDJSON: &str = "application/x-ndjson";
const EVENT_STREAM: &str = "text/event-stream";

pub(super) async fn follow(http: Arc<Http>, mut call: Call) -> Answer {
    let [pattern] = call.path().await?;
    let pattern = Pattern::parse(&pattern).map_err(Error::from)?;
    permit::subscribe(&call.principal, &pattern)?;
    let query: FollowQuery = call.query()?;
    let form = match accept::choose(call.header("accept")?, &[NDJSON, EVENT_STREAM])? {
        0 => Form::Lines,
        _ => Form::Events,
    };
    let follow = query.follow.unwrap_or(true);
    // A reconnecting client repeats its address, `from` included, and adds what it has seen.
    let from = call.header("last-event-id")?.filter(|id| !id.is_empty()).or(query.from.as_deref());
    let (start, mark) = start(from, &pattern, follow)?;
    let permit = Arc::clone(&http.streams).try_acquire_owned().map_err(|_| endpoint::too_many("streams"))?;
    let events = http.doors.dispatcher.subscribe(SubscribeRequest { pattern: pattern.clone(), start }).await?;
    let follower = Follower {
        events,
        closing: http.closing.clone(),
        credentials: Box::pin(expired(call.principal.expires, Arc::clone(&http.doors.clock))),
        descriptors: Arc::clone(&http.doors.descriptors),
        form,
        pattern,
        mark,
        left: query.limit.unwrap_or(u64::MAX),
        follow,
        ping: http.config.ping_interval,
        ended: query.limit == Some(0),
        _permit: permit,
        _open: OpenStream::opened(),
    };
    let mut response = Response::new(Body::from_stream(follower.into_stream()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks the proxies that buffer answers not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Where the stream starts, and the mark up to which its reader has seen everything.
fn start(from: Option<&str>, pattern: &Pattern, follow: bool) -> Result<(Start, Mark), Problem> {
    let from = match from {
        None if follow => return Ok((Start::Live, Mark::ZERO)),
        // Whoever does not wait for what comes wants what was.
        None => return Ok((Start::Beginning, Mark::ZERO)),
        Some("live") => return Ok((Start::Live, Mark::ZERO)),
        Some("beginning") => return Ok((Start::Beginning, Mark::ZERO)),
        Some(from) => from,
    };
    if let Some(cursor) = Cursor::parse(from) {
        let mark = cursor.mark();
        return cursor.start(pattern).map(|start| (start, mark)).ok_or_else(|| {
            let detail = format!(
                "{:?} is not a place in {:?}: a position alone is a place in one topic; for a pattern give the \
                 \"cursor\" of its last publication, or a time",
                excerpt(from),
                excerpt(pattern.as_str())
            );
            Problem::new(Code::InvalidPayload, detail)
        });
    }
    json::parse_time(from).map(|time| (Start::Time(time), Mark::ZERO)).ok_or_else(|| {
        let detail = format!(
            "{:?} is no place to start from; give live, beginning, a time (RFC 3339 or milliseconds), a position \
             (1-42), or the cursor of the last publication",
            excerpt(from)
        );
        Problem::new(Code::InvalidPayload, detail)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    Events,
}

impl Form {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Lines => NDJSON,
            Self::Events => EVENT_STREAM,
        }
    }
}

/// Publications that are ready at once leave in one piece, up to about this many bytes.
const PIECE_LEN: usize = 16 * 1024;

/// One subscription on its way to one client. It is read no faster than the client reads.
struct Follower {
    events: Events,
    closing: Closing,
    // Resolves when the credentials end.
    credentials: BoxFuture<'static, ()>,
    descriptors: Arc<Descriptors>,
    form: Form,
    pattern: Pattern,
    // The greatest mark that was sent.
    mark: Mark,
    // Publications that may still be sent.
    left: u64,
    follow: bool,
    ping: Duration,
    ended: bool,
    _permit: OwnedSemaphorePermit,
    _open: OpenStream,
}

impl Follower {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold(self, |mut follower| async move {
            let piece = follower.piece().await?;
            Some((Ok(piece), follower))
        })
    }

    async fn piece(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = Vec::new();
        while out.is_empty() {
            let first = tokio::select! {
                biased;
                () = self.closing.closed() => {
                    let error = Error::new(Code::Unavailable, "the node stops; go on from the last cursor");
                    Some(Some(Err(error)))
                }
                () = self.credentials.as_mut() => {
                    let text = "the token has expired; get a new one and go on from the last cursor";
                    Some(Some(Err(Error::new(Code::Unauthenticated, text))))
                }
                // The timeout looks at the stream first, and sets its timer only when nothing is there.
                next = tokio::time::timeout(self.ping, self.events.next()) => next.ok(),
            };
            match first {
                Some(event) => self.write(&mut out, event),
                None if self.form == Form::Events => out.extend_from_slice(b": ping\n\n"),
                None => {}
            }
            if self.ended && out.is_empty() {
                return None;
            }
        }
        while !self.ended && out.len() < PIECE_LEN {
            let Some(event) = self.events.next().now_or_never() else { break };
            self.write(&mut out, event);
        }
        Some(out.into())
    }

    fn write(&mut self, out: &mut Vec<u8>, event: Option<Result<StreamEvent, Error>>) {
        match event {
            None => self.ended = true,
            Some(Ok(StreamEvent::Publication(publication))) => {
                let cursor = Cursor::behind(&self.pattern, &publication, self.mark);
                self.mark = self.mark.max(publication.mark);
                let event = match self.form {
                    Form::Lines => Some("publication"),
                    Form::Events => {
                        out.extend_from_slice(format!("id: {cursor}\ndata: ").as_bytes());
                        None
                    }
                };
                json::write_publication(out, &self.descriptors, event, &publication, &cursor);
                self.end_event(out);
                self.left -= 1;
                self.ended = self.left == 0;
            }
            Some(Ok(StreamEvent::Gap { topic, after, next })) => {
                self.notice(out, "gap", json::gap(&topic, after, next));
            }
            Some(Ok(StreamEvent::CaughtUp)) => {
                self.notice(out, "caught-up", Value::Object(serde_json::Map::new()));
                self.ended = !self.follow;
            }
            Some(Err(error)) => {
                let problem: Value = serde_json::from_slice(&Problem::from(error).to_json()).unwrap_or_default();
                self.notice(out, "problem", problem);
                self.ended = true;
            }
        }
    }

    // What is not a publication: a named event, or a line that names itself.
    fn notice(&self, out: &mut Vec<u8>, name: &str, mut document: Value) {
        match self.form {
            Form::Events => out.extend_from_slice(format!("event: {name}\ndata: ").as_bytes()),
            Form::Lines => {
                if let Some(members) = document.as_object_mut() {
                    members.insert("event".to_owned(), name.into());
                }
            }
        }
        // A value can always be written to memory.
        let _ = serde_json::to_writer(&mut *out, &document);
        self.end_event(out);
    }

    fn end_event(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.form {
            Form::Lines => b"\n",
            Form::Events => b"\n\n",
        });
    }
}
