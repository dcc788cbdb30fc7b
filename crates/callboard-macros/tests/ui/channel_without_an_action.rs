use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer", channels = ["order.events"])]
impl Mailer {
    #[action]
    fn handle_order(&self, _event: AnyPayload) {}
}

fn main() {}
