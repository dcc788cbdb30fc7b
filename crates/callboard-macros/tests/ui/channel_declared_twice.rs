use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer", channels = ["order.>" => hear, ("order.>", "hear")])]
impl Mailer {
    #[action]
    fn hear(&self, _event: AnyPayload) {}
}

fn main() {}
