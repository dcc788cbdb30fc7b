//! A request's body: read within its bounds, and as the payload that it is.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use callboard_core::declaration::Handler;
use callboard_core::{Code, Encoding, Name, Payload, TypeRef};
use callboard_wire::descriptors::{Descriptors, type_name};
use callboard_wire::json;
use callboard_wire::problem::Problem;
use futures_util::poll;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::excerpt;
use super::{Call, Http, endpoint};

/// What a payload may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes<'a> {
    /// What an action takes.
    Action(&'a [Handler]),
    /// Anything, as on a topic.
    Anything,
}

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Protobuf,
    Bytes,
}

/// The type name of opaque bytes of which nobody said what they are.
const BYTES_TYPE: Name = Name::from_static("bytes");

/// Reads the whole body.
///
/// # Errors
/// `TooLarge`, without reading more than the limit; status 408 when it takes too long; `InvalidPayload` when it breaks off.
pub(super) async fn read(http: &Http, call: &mut Call) -> Result<Bytes, Problem> {
    let body = std::mem::replace(&mut call.body, Body::empty());
    let (max, within) = (http.config.body_len_max, http.config.body_read_timeout);
    let size = body.size_hint();
    if size.lower() > max as u64 {
        return Err(too_large(max));
    }
    if size.exact() == Some(0) {
        return Ok(Bytes::new());
    }
    if call.parts.headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "the body has a content encoding; send it as it is";
        return Err(Problem::new(Code::InvalidPayload, detail).with_status(415, "Unsupported content encoding"));
    }
    call.share = share(http, size.upper())?;
    let mut reading = pin!(tokio::time::timeout(within, collect(body, max)));
    let read = match poll!(reading.as_mut()) {
        Poll::Ready(read) => read,
        Poll::Pending => {
            // Whoever is slow to say what it wants does not keep others from being served meanwhile.
            call.permit = None;
            let read = reading.await;
            call.permit = Some(endpoint::admit(http)?);
            read
        }
    };
    read.unwrap_or_else(|_| {
        let detail = format!("the body did not arrive within {} s", within.as_secs_f64());
        Err(Problem::new(Code::DeadlineExceeded, detail).with_status(408, "Request timeout"))
    })
}

/// Bodies up to this many bytes are bounded by the number of requests alone.
const SMALL_LEN: u64 = 64 * 1024;

// The share of a large body in the memory that all of them together may take, in KiB.
fn share(http: &Http, len: Option<u64>) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    let most = http.config.body_len_max as u64;
    let len = len.map_or(most, |len| len.min(most));
    if len <= SMALL_LEN {
        return Ok(None);
    }
    let share = u32::try_from(len.div_ceil(1024)).unwrap_or(u32::MAX);
    let permit = Arc::clone(&http.bodies).try_acquire_many_owned(share);
    permit.map(Some).map_err(|_| endpoint::too_many("large bodies"))
}

async fn collect(mut body: Body, max: usize) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::InvalidPayload, format!("the body breaks off: {}", excerpt(&error.to_string())))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + more.len() + data.len() > max {
            return Err(too_large(max));
        }
        // Most bodies are one piece, which then is not copied.
        if first.is_empty() && more.is_empty() {
            first = data;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&std::mem::take(&mut first));
            }
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body has more than {max} bytes; keep large things outside and send a reference");
    Problem::new(Code::TooLarge, detail)
}

/// Reads the body as a JSON document.
pub(super) async fn document(http: &Http, call: &mut Call) -> Result<Value, Problem> {
    match form(&call.parts.headers)? {
        Some(Form::Json) | None => {}
        Some(Form::Protobuf | Form::Bytes) => return Err(unsupported(&call.parts.headers)),
    }
    let bytes = read(http, call).await?;
    require_form(&call.parts.headers, &bytes)?;
    json::parse(&bytes)
}

/// Reads the body as a payload. Nothing is [`Payload::empty`].
///
/// The type is what `?type=`, a `Callboard-Type` header or, in JSON, an `"@type"` member says; without any of them it is what the
/// action declares.
pub(super) async fn payload(
    http: &Http,
    call: &mut Call,
    takes: Takes<'_>,
    explicit: Option<&str>,
) -> Result<Payload, Problem> {
    let form = form(&call.parts.headers)?;
    let bytes = read(http, call).await?;
    let header = call.header("callboard-type")?;
    let explicit = explicit.or(header).filter(|name| !name.is_empty());
    if bytes.is_empty() && form.is_none_or(|form| form == Form::Json) {
        return Ok(Payload::empty());
    }
    require_form(&call.parts.headers, &bytes)?;
    match form.unwrap_or(Form::Json) {
        Form::Json => from_json(&http.doors.descriptors, takes, explicit, &bytes),
        Form::Protobuf => Ok(Payload::new(protobuf_type(takes, explicit)?, Encoding::Protobuf, bytes)),
        Form::Bytes => {
            let name = explicit.map(type_name).transpose()?.map_or(BYTES_TYPE, |name| name.to_owned().into());
            Ok(Payload::new(name, Encoding::Bytes, bytes))
        }
    }
}

fn from_json(
    descriptors: &Descriptors,
    takes: Takes<'_>,
    explicit: Option<&str>,
    text: &Bytes,
) -> Result<Payload, Problem> {
    if let Some(payload) = from_plain_json(descriptors, takes, explicit, text) {
        return Ok(payload);
    }
    let value = json::parse(text)?;
    let wanted = match takes {
        Takes::Action(handlers) => descriptors.choose(handlers, explicit, &value)?,
        Takes::Anything => descriptors.resolve(explicit, &value)?,
    };
    typed(descriptors, wanted, &value, text)
}

// The usual case, without a tree: the text itself does not say of what type it is, and is of the type that is wanted. Whatever
// is unusual or wrong is left to the careful way.
fn from_plain_json(
    descriptors: &Descriptors,
    takes: Takes<'_>,
    explicit: Option<&str>,
    text: &[u8],
) -> Option<Payload> {
    if text.contains(&b'@') && text.windows(TYPE_MEMBER.len()).any(|window| window == TYPE_MEMBER) {
        return None;
    }
    let wanted = match takes {
        Takes::Action(handlers) => descriptors.choose(handlers, explicit, &Value::Null),
        Takes::Anything => descriptors.resolve(explicit, &Value::Null),
    };
    let wanted = wanted.ok()?;
    json::read_plain(descriptors, &wanted, text)
}

const TYPE_MEMBER: &[u8] = b"\"@type\"";

// A JSON type keeps its text, number for number, without the blanks; everything else is made from the value.
fn typed(descriptors: &Descriptors, wanted: TypeRef, value: &Value, text: &[u8]) -> Result<Payload, Problem> {
    if wanted.encoding == Encoding::Json && value.get("@type").is_none() {
        return Ok(Payload::new(wanted.name, Encoding::Json, json::squeeze(text)));
    }
    Ok(descriptors.from_json(&wanted, value)?)
}

fn protobuf_type(takes: Takes<'_>, explicit: Option<&str>) -> Result<Name, Problem> {
    if let Some(name) = explicit {
        return Ok(type_name(name)?.to_owned().into());
    }
    if let Takes::Action([Handler { input: Some(input), .. }]) = takes
        && input.encoding == Encoding::Protobuf
    {
        return Ok(input.name.clone());
    }
    let detail = "a protobuf body needs its type: add ?type=<full name> or a Callboard-Type header";
    Err(Problem::new(Code::InvalidPayload, detail))
}

// The form that the content type names; `None` without a content type.
fn form(headers: &HeaderMap) -> Result<Option<Form>, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
    if is("application/json") {
        return Ok(Some(Form::Json));
    }
    if is("application/protobuf") || is("application/x-protobuf") {
        return Ok(Some(Form::Protobuf));
    }
    if is("application/octet-stream") {
        return Ok(Some(Form::Bytes));
    }
    let suffix = b"+json";
    let json = essence.len() > suffix.len() && essence[essence.len() - suffix.len()..].eq_ignore_ascii_case(suffix);
    if json { Ok(Some(Form::Json)) } else { Err(unsupported(headers)) }
}

// A web page may send a body to any address without asking as long as it does not say what the body is. So it has to.
fn require_form(headers: &HeaderMap, bytes: &Bytes) -> Result<(), Problem> {
    if bytes.is_empty() || headers.contains_key(header::CONTENT_TYPE) { Ok(()) } else { Err(unsupported(headers)) }
}

fn unsupported(headers: &HeaderMap) -> Problem {
    let given = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let given = given.map_or_else(|| "no content type".to_owned(), |given| format!("{:?}", excerpt(&given)));
    let detail = format!(
        "the body has {given}; send `content-type: application/json` (curl: --json), or application/protobuf or \
         application/octet-stream where a payload is expected"
    );
    Problem::new(Code::InvalidPayload, detail).with_status(415, "Unsupported content type")
}
