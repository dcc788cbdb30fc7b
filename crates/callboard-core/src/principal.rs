//! Who asks: [`Principal`], and what it may do: [`Grants`].

use std::sync::Arc;

use crate::{ActorId, Pattern, Timestamp, Topic};

/// A client as its credentials show it. Cheap to share; never holds the credentials themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who it is, e.g. a token's `sub`; `None` for anonymous clients.
    pub subject: Option<Arc<str>>,
    /// The verified claims as a JSON object, for channels that decide by them.
    pub claims: Arc<str>,
    /// What it may do without a channel's consent.
    pub grants: Grants,
    /// When the credentials end. A connection does not outlive them.
    pub expires: Option<Timestamp>,
}

/// What a principal may do, by pattern. What no pattern covers is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Topics that it may follow.
    pub subscribe: Vec<Pattern>,
    /// Topics that it may publish on.
    pub publish: Vec<Pattern>,
    /// Actions that it may invoke, as `actor.action`: `order_processor.create_order`, `order_processor.*`, `>`.
    pub invoke: Vec<Pattern>,
    /// Whether it may do what operators do: read states, list and delete actors, list topics, mend what failed.
    pub admin: bool,
}

impl Grants {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        let all = || vec![Pattern::all()];
        Self { subscribe: all(), publish: all(), invoke: all(), admin: true }
    }

    /// Whether every topic of the pattern may be followed.
    #[must_use]
    pub fn may_subscribe(&self, pattern: &Pattern) -> bool {
        self.subscribe.iter().any(|granted| granted.covers(pattern))
    }

    /// Whether the topic may be published on.
    #[must_use]
    pub fn may_publish(&self, topic: &Topic) -> bool {
        self.publish.iter().any(|granted| granted.matches(topic))
    }

    /// Whether the action may be invoked. An instance is granted by the name that was declared.
    #[must_use]
    pub fn may_invoke(&self, actor: &ActorId, action: &str) -> bool {
        if self.invoke.iter().any(|granted| granted.as_str() == ">") {
            return true;
        }
        // A name that is no topic token is covered by `>` alone.
        let asked = Topic::parse(&format!("{}.{action}", actor.declared()));
        asked.is_ok_and(|asked| self.invoke.iter().any(|granted| granted.matches(&asked)))
    }
}

impl Principal {
    /// Somebody without credentials.
    #[must_use]
    pub fn anonymous(grants: Grants) -> Self {
        Self { subject: None, claims: Arc::from("{}"), grants, expires: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn what_no_pattern_covers_is_refused() {
        let grants = Grants {
            subscribe: patterns(&["order.*", "user.42.>"]),
            publish: patterns(&["chat.*"]),
            invoke: patterns(&["order_processor.create_order", "cart.*"]),
            admin: false,
        };
        let follow = |text| grants.may_subscribe(&Pattern::parse(text).unwrap());
        assert!(follow("order.events") && follow("order.*") && follow("user.42.mail") && follow("user.42.>"));
        assert!(!follow("order.>") && !follow("user.43.mail") && !follow("user.*.mail") && !follow(">"));
        assert!(grants.may_publish(&Topic::parse("chat.lobby").unwrap()));
        assert!(!grants.may_publish(&Topic::parse("order.events").unwrap()));
        let named = |name| ActorId::named(name).unwrap();
        assert!(grants.may_invoke(&named("order_processor"), "create_order"));
        assert!(!grants.may_invoke(&named("order_processor"), "delete_all"));
        assert!(grants.may_invoke(&ActorId::instance("cart", "c1").unwrap(), "add"));
        assert!(
            Grants::all().may_invoke(&named("order_processor"), "create_order")
                && Grants::all().may_subscribe(&Pattern::all())
        );
        assert!(!Grants::default().may_subscribe(&Pattern::parse("a.b").unwrap()));
    }
}
