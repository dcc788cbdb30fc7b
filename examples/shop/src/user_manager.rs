//! Creates users, and tells three audiences at once.

use callboard::prelude::*;

use crate::messages::{AuditLog, User, UserCreated, UserData, UserManagerState, UserSignup, at};
use crate::user_aggregate::UserAggregate;

/// The newest users that it names.
pub const NEWEST_LEN: usize = 20;
/// Bytes of an e-mail address.
pub const EMAIL_LEN_MAX: usize = 254;

/// Creates users. One Value tells three audiences and begins the profile: all of it happens, or nothing.
#[derive(Debug)]
pub struct UserManager;

#[actor(name = "user_manager", state = UserManagerState)]
impl UserManager {
    /// Creates a user. Sent twice with the same Idempotency-Key, it creates one.
    #[action]
    fn create_user(
        &self,
        ctx: &Context,
        mut state: UserManagerState,
        data: UserData,
    ) -> Result<Value<User, UserManagerState>> {
        email(&data.email)?;
        let now = at(ctx.now());
        let user = User { user_id: format!("user_{}", ctx.new_id()), email: data.email, created_at: now };
        state.created = state.created.saturating_add(1);
        state.newest.push(user.clone());
        let surplus = state.newest.len().saturating_sub(NEWEST_LEN);
        state.newest.drain(..surplus);

        let (user_id, email) = (user.user_id.clone(), user.email.clone());
        let created = UserCreated { user_id: user_id.clone(), email: email.clone(), created_at: now };
        let metadata = data.metadata;
        let signup = UserSignup { user_id: user_id.clone(), signup_source: data.source, timestamp: now, metadata };
        let audit = AuditLog { action: "user_created".to_owned(), user_id: user_id.clone(), timestamp: now };
        let announcements = Broadcast::to(topic!("user.events"), created)
            .to(topic!("analytics.events"), signup)
            .to(topic!("audit.events"), audit);
        let begin = UserAggregate::at(ctx, &user_id).register(email);
        Ok(Value::response(user).state(state).broadcast(announcements).effect(begin))
    }
}

pub(crate) fn email(text: &str) -> Result<()> {
    let plain = text.len() <= EMAIL_LEN_MAX && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    let halves = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if plain && halves {
        return Ok(());
    }
    Err(Error::invalid("email is not an address; write e.g. ada@example.org"))
}
