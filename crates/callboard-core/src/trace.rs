//! W3C trace context: [`TraceContext`] (<https://www.w3.org/TR/trace-context/>, version 00).

use std::fmt;

/// The part of a trace that crosses process borders: `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole trace; never zero.
    pub trace_id: u128,
    /// The span that is the parent of what follows; never zero.
    pub span_id: u64,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` header; anything that the standard calls invalid is `None` and is to be ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let lower_hex = |range: std::ops::Range<usize>| -> Option<&str> {
            let part = text.get(range)?;
            part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then_some(part)
        };
        let version = lower_hex(0..2)?;
        let longer_allowed = version != "00" && version != "ff" && bytes.get(55) == Some(&b'-');
        if version == "ff" || (bytes.len() != 55 && !longer_allowed) {
            return None;
        }
        if [2, 35, 52].iter().any(|at| bytes[*at] != b'-') {
            return None;
        }
        let trace_id = u128::from_str_radix(lower_hex(3..35)?, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(lower_hex(36..52)?, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(lower_hex(53..55)?, 16).ok()?;
        Some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }

    /// The same trace, below another span.
    #[must_use]
    pub const fn child(self, span_id: u64) -> Self {
        Self { span_id, ..self }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_read_as_the_standard_says() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = TraceContext::parse(text).unwrap();
        assert!(trace.sampled);
        assert_eq!(trace.to_string(), text);
        // A later version may be longer; version 00 may not, ff is never valid, zero ids are not valid.
        assert!(TraceContext::parse(&format!("01{}-more", &text[2..])).is_some());
        assert!(TraceContext::parse(&format!("{text}-more")).is_none());
        assert!(TraceContext::parse(&format!("ff{}", &text[2..])).is_none());
        assert!(TraceContext::parse(&format!("00-{}-b7ad6b7169203331-01", "0".repeat(32))).is_none());
        assert!(TraceContext::parse(&text.to_uppercase()).is_none());
        assert!(TraceContext::parse("ü").is_none());
    }
}
