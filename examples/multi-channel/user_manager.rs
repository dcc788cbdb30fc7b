//! One action, three audiences: all of them hear of it, or none does.

use callboard::prelude::*;
use serde::{Deserialize, Serialize};

/// Asks for an account.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "users.UserData")]
pub struct UserData {
    /// How the user is reached.
    pub email: String,
    /// Where the user came from.
    pub source: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "users.User")]
pub struct User {
    /// The user's name.
    pub id: String,
    /// How the user is reached.
    pub email: String,
}

/// For everyone who deals with users.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "users.UserCreated")]
pub struct UserCreated {
    /// Who.
    pub user_id: String,
    /// How the user is reached.
    pub email: String,
}

/// For those who count: no address in it.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "users.UserSignup")]
pub struct UserSignup {
    /// Who.
    pub user_id: String,
    /// Where the user came from.
    pub signup_source: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// For those who have to know later.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "users.AuditLog")]
pub struct AuditLog {
    /// What was done.
    pub action: String,
    /// To whom.
    pub user_id: String,
}

/// Creates users. Its state is how many there are.
#[derive(Debug)]
pub struct UserManager;

#[actor(name = "user_manager", state = u64)]
impl UserManager {
    #[action]
    fn create_user(&self, ctx: &Context, count: u64, data: UserData) -> Value<User, u64> {
        let id = ctx.new_id().to_string();
        let created = UserCreated { user_id: id.clone(), email: data.email.clone() };
        let at_ms = ctx.now().as_millis();
        let signup = UserSignup { user_id: id.clone(), signup_source: data.source, at_ms };
        let audit = AuditLog { action: "user_created".to_owned(), user_id: id.clone() };
        Value::response(User { id, email: data.email })
            .state(count + 1)
            .broadcast(Broadcast::to("user.events", created).to("analytics.events", signup).to("audit.events", audit))
    }
}

#[cfg(test)]
mod tests {
    use callboard::testing::{TestSystem, Turn};

    use super::*;

    fn data() -> UserData {
        UserData { email: "ada@example.org".to_owned(), source: "web".to_owned() }
    }

    #[callboard::test(TestSystem::builder().actor(UserManager))]
    async fn each_audience_hears_of_a_new_user(system: TestSystem) {
        let user = UserManager::at(&system).create_user(data()).await.unwrap();
        assert_eq!(system.probe("user.events").expect::<UserCreated>().await.event.email, user.email);
        assert_eq!(system.probe("analytics.*").expect::<UserSignup>().await.event.signup_source, "web");
        assert_eq!(system.probe("audit.>").expect::<AuditLog>().await.event.user_id, user.id);
    }

    // The same as a function: nothing is started, the Value is in hand.
    #[callboard::test]
    async fn the_audiences_are_told_in_one_value() {
        let value = Turn::of(&UserManager).action("create_user").state(6).payload(data()).run().await.unwrap();
        assert_eq!(value.state(), &7);
        assert_eq!(value.topics(), ["user.events", "analytics.events", "audit.events"]);
    }
}
