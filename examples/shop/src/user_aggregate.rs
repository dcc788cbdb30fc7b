//! A user's profile: each kind of event has a channel of its own.

use callboard::prelude::*;
use callboard::value::Broadcasts;

use crate::messages::{AddressChanged, EmailChanged, Profile, ProfileChanged, ProfileUpdated, UpdateProfile};
use crate::user_manager::email;

/// Bytes of a name and of an address.
pub const TEXT_LEN_MAX: usize = 1000;

/// `user_aggregate/<user id>`: what is known of one user.
#[derive(Debug)]
pub struct UserAggregate;

enum ProfileEvent {
    Profile(ProfileUpdated),
    Email(EmailChanged),
    Address(AddressChanged),
}

impl ProfileEvent {
    /// Announces it on its channel, behind what is announced already.
    fn announce(self, all: Broadcasts) -> Broadcasts {
        match self {
            Self::Profile(event) => all.to(topic!("user.profile"), event),
            Self::Email(event) => all.to(topic!("user.email"), event),
            Self::Address(event) => all.to(topic!("user.address"), event),
        }
    }
}

#[actor(name = "user_aggregate", kind = unnamed, state = Profile)]
impl UserAggregate {
    /// Begins a profile; one that has an e-mail address stays as it is.
    #[action]
    fn register(&self, mut profile: Profile, email: String) -> Value<(), Profile> {
        if profile.email.is_empty() {
            profile.email = email;
        }
        Value::of().state(profile)
    }

    /// Changes what is given, and announces what that changed.
    #[action]
    fn update_profile(
        &self,
        ctx: &Context,
        profile: Profile,
        update: UpdateProfile,
    ) -> Result<Value<ProfileChanged, Profile>> {
        let (profile, events) = apply(ctx.key(), profile, update)?;
        let events_generated = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let announcements = events.into_iter().fold(Broadcast::new(), |all, event| event.announce(all));
        let changed = ProfileChanged { profile: Some(profile.clone()), events_generated };
        if announcements.is_empty() {
            return Ok(Value::response(changed));
        }
        Ok(Value::response(changed).state(profile).broadcast(announcements))
    }
}

/// The business rules: what an update comes to.
fn apply(user: &str, mut profile: Profile, update: UpdateProfile) -> Result<(Profile, Vec<ProfileEvent>)> {
    let user_id = || user.to_owned();
    let mut events = Vec::new();
    if let Some(name) = update.name.filter(|name| *name != profile.name) {
        text("name", &name)?;
        profile.name.clone_from(&name);
        events.push(ProfileEvent::Profile(ProfileUpdated { user_id: user_id(), name }));
    }
    if let Some(new) = update.email.filter(|new| *new != profile.email) {
        email(&new)?;
        profile.email.clone_from(&new);
        events.push(ProfileEvent::Email(EmailChanged { user_id: user_id(), email: new }));
    }
    if let Some(address) = update.address.filter(|address| *address != profile.address) {
        text("address", &address)?;
        profile.address.clone_from(&address);
        events.push(ProfileEvent::Address(AddressChanged { user_id: user_id(), address }));
    }
    Ok((profile, events))
}

fn text(what: &str, text: &str) -> Result<()> {
    if text.len() > TEXT_LEN_MAX {
        return Err(Error::invalid(format!("{what} has {} bytes; give at most {TEXT_LEN_MAX}", text.len())));
    }
    Ok(())
}
