//! Instances by key. Each kind of event has its channel, and one change may announce several.

use callboard::prelude::*;
use callboard::value::Broadcasts;
use serde::{Deserialize, Serialize};

/// What is known of one user.
#[derive(Clone, Debug, Default, PartialEq, Message, Serialize, Deserialize)]
#[message(name = "users.Profile")]
pub struct Profile {
    /// How the user is called.
    pub name: String,
    /// How the user is reached.
    pub email: String,
}

/// Changes what is given and leaves the rest.
#[derive(Clone, Debug, Default, Message, Serialize, Deserialize)]
#[message(name = "users.UpdateProfile")]
pub struct UpdateProfile {
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// A new address.
    #[serde(default)]
    pub email: Option<String>,
}

/// Announced on `user.profile`.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "users.ProfileUpdated")]
pub struct ProfileUpdated {
    /// Who.
    pub user_id: String,
    /// How the user is called now.
    pub name: String,
}

/// Announced on `user.email`.
#[derive(Clone, Debug, Message, Serialize, Deserialize)]
#[message(name = "users.EmailChanged")]
pub struct EmailChanged {
    /// Who.
    pub user_id: String,
    /// How the user is reached now.
    pub email: String,
}

enum Event {
    Profile(ProfileUpdated),
    Email(EmailChanged),
}

impl Event {
    fn announce(self, all: Broadcasts) -> Broadcasts {
        match self {
            Self::Profile(event) => all.to("user.profile", event),
            Self::Email(event) => all.to("user.email", event),
        }
    }
}

/// One user: `user_aggregate/<user id>`. There may be millions; only those that are in use are in memory.
#[derive(Debug)]
pub struct UserAggregate;

#[actor(name = "user_aggregate", kind = unnamed, state = Profile)]
impl UserAggregate {
    /// Answers how many events came of it.
    #[action]
    fn update_profile(&self, ctx: &Context, profile: Profile, update: UpdateProfile) -> Value<u32, Profile> {
        let (profile, events) = apply(ctx.key(), profile, update);
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let announcements = events.into_iter().fold(Broadcast::new(), |all, event| event.announce(all));
        Value::response(count).state(profile).broadcast(announcements)
    }
}

/// The business rules, as a function of what was and what is asked.
fn apply(user_id: &str, mut profile: Profile, update: UpdateProfile) -> (Profile, Vec<Event>) {
    let mut events = Vec::new();
    if let Some(name) = update.name {
        profile.name.clone_from(&name);
        events.push(Event::Profile(ProfileUpdated { user_id: user_id.to_owned(), name }));
    }
    if let Some(email) = update.email {
        profile.email.clone_from(&email);
        events.push(Event::Email(EmailChanged { user_id: user_id.to_owned(), email }));
    }
    (profile, events)
}

#[cfg(test)]
mod tests {
    use callboard::testing::TestSystem;

    use super::*;

    #[callboard::test(TestSystem::builder().actor(UserAggregate))]
    async fn each_event_is_heard_on_its_channel_in_the_order_of_the_change(system: TestSystem) {
        let update = UpdateProfile { name: Some("Ada".to_owned()), email: Some("ada@example.org".to_owned()) };
        assert_eq!(UserAggregate::at(&system, "u1").update_profile(update).await.unwrap(), 2);
        let mut probe = system.probe("user.*");
        let first = probe.expect::<ProfileUpdated>().await;
        assert_eq!((first.topic.as_str(), first.event.user_id.as_str()), ("user.profile", "u1"));
        assert_eq!(probe.expect::<EmailChanged>().await.topic.as_str(), "user.email");
    }

    #[callboard::test(TestSystem::builder().actor(UserAggregate))]
    async fn instances_know_nothing_of_each_other(system: TestSystem) {
        for user in ["u1", "u2"] {
            let update = UpdateProfile { name: Some(user.to_owned()), ..UpdateProfile::default() };
            UserAggregate::at(&system, user).update_profile(update).await.unwrap();
        }
        let profile: Profile = system.state("user_aggregate/u1").await.unwrap().unwrap();
        assert_eq!(profile.name, "u1");
    }
}
