//! The one mapping between dotted topics and the names that client protocols use.
//!
//! | client writes | topic |
//! |---|---|
//! | `order.events` (any protocol; AnyCable's `stream_name`, Phoenix's topic, SSE's `topic`) | `order.events` |
//! | `campaign:7`, `campaign:7:fights` (the colons of Phoenix and Rails) | `campaign.7`, `campaign.7.fights` |
//!
//! A declared channel goes before this mapping: its name is looked up first, and what topics it stands for is its own affair. Back to the
//! client a topic goes under its dotted name, beside the name that the client itself used for the subscription.

use callboard_core::{Error, Pattern};

/// The topic or pattern that a client means by a name.
///
/// # Errors
/// `InvalidTopic` when the name is neither.
pub fn topic_of(name: &str) -> Result<Pattern, Error> {
    let dotted = if name.contains(':') { &name.replace(':', ".") } else { name };
    Pattern::parse(dotted).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colons_are_dots_and_dots_stay() {
        for (name, topic) in [
            ("order.events", "order.events"),
            ("campaign:7", "campaign.7"),
            ("campaign:7:fights", "campaign.7.fights"),
            ("order.*", "order.*"),
            ("order:>", "order.>"),
        ] {
            assert_eq!(topic_of(name).unwrap().as_str(), topic);
        }
        for bad in ["", "a::b", "a. b", ":", "campaign:"] {
            assert_eq!(topic_of(bad).unwrap_err().code(), callboard_core::Code::InvalidTopic, "{bad}");
        }
    }
}
