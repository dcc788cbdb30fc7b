use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer", channels = [handle_order])]
impl Mailer {
    #[action]
    fn handle_order(&self, _event: AnyPayload) {}
}

fn main() {}
