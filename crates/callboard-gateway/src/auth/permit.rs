//! What a principal may do, as errors that say what to do about it.

use callboard_core::declaration::{STATE_ACTIONS, fold};
use callboard_core::{ActorId, Code, Error, Pattern, Principal, Topic};

/// Whether it may follow every topic of the pattern.
///
/// # Errors
/// `Unauthenticated` for clients without a token, `Denied` for others.
pub(crate) fn subscribe(principal: &Principal, pattern: &Pattern) -> Result<(), Error> {
    if principal.grants.may_subscribe(pattern) {
        return Ok(());
    }
    Err(refusal(principal, format_args!("follow {:?}", pattern.as_str()), "subscribe"))
}

/// Whether it may publish on the topic.
///
/// # Errors
/// `Unauthenticated` for clients without a token, `Denied` for others.
pub(crate) fn publish(principal: &Principal, topic: &Topic) -> Result<(), Error> {
    if principal.grants.may_publish(topic) {
        return Ok(());
    }
    Err(refusal(principal, format_args!("publish on {:?}", topic.as_str()), "publish"))
}

/// Whether it may invoke the action, which has its declared name. To read a state is the action `get`, under whatever name it goes.
///
/// # Errors
/// `Unauthenticated` for clients without a token, `Denied` for others.
pub(crate) fn invoke(principal: &Principal, actor: &ActorId, action: &str) -> Result<(), Error> {
    let grants = &principal.grants;
    let reads = || STATE_ACTIONS.contains(&fold(action).as_str()) && grants.may_invoke(actor, STATE_ACTIONS[0]);
    if grants.may_invoke(actor, action) || reads() {
        return Ok(());
    }
    // Names are the caller's own text.
    let action: String = action.chars().take(100).collect();
    Err(refusal(principal, format_args!("invoke {:?} of {:?}", action, actor.declared()), "invoke"))
}

/// Whether it may do what operators do.
///
/// # Errors
/// `Unauthenticated` for clients without a token, `Denied` for others.
pub(crate) fn operate(principal: &Principal) -> Result<(), Error> {
    if principal.grants.admin {
        return Ok(());
    }
    Err(refusal(principal, format_args!("do what operators do"), "admin"))
}

/// Whether nothing is known of it.
fn is_anonymous(principal: &Principal) -> bool {
    principal.subject.is_none() && &*principal.claims == "{}"
}

fn refusal(principal: &Principal, what: std::fmt::Arguments<'_>, right: &str) -> Error {
    if is_anonymous(principal) {
        let text = format!("clients without a token may not {what}; send one: `Authorization: Bearer <token>`");
        return Error::new(Code::Unauthenticated, text);
    }
    let text = format!(
        "this token does not let its holder {what}; it needs the right {right:?}, by its claim \"callboard\" or by a rule \
                        of the node (docs/security.md)"
    );
    Error::new(Code::Denied, text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use callboard_core::Grants;

    use super::*;

    #[test]
    fn who_sent_no_token_is_asked_for_one_and_who_did_is_told_what_is_missing() {
        let anonymous = Principal::anonymous(Grants::default());
        let known = Principal { subject: Some(Arc::from("u1")), ..anonymous.clone() };
        let (topic, actor) = (Topic::parse("a.b").unwrap(), ActorId::named("clerk").unwrap());
        let asked = |principal: &Principal| {
            [
                subscribe(principal, &Pattern::all()).unwrap_err(),
                publish(principal, &topic).unwrap_err(),
                invoke(principal, &actor, "echo").unwrap_err(),
                operate(principal).unwrap_err(),
            ]
        };
        for error in asked(&anonymous) {
            assert_eq!(error.code(), Code::Unauthenticated);
            assert!(error.message().contains("Bearer"), "{error}");
        }
        for (error, right) in asked(&known).iter().zip(["subscribe", "publish", "invoke", "admin"]) {
            assert_eq!(error.code(), Code::Denied);
            assert!(error.message().contains(right), "{error}");
        }
    }
}
