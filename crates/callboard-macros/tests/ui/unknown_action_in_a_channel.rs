use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer", channels = [("order.events", "handle_order"), "user.>" => handle_usr])]
impl Mailer {
    #[action]
    fn handle_order(&self, _event: AnyPayload) {}

    #[action]
    fn handle_user(&self, _event: AnyPayload) {}
}

fn main() {}
