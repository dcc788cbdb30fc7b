use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer", channels = ["order.>.created" => hear])]
impl Mailer {
    #[action]
    fn hear(&self, _event: AnyPayload) {}
}

fn main() {}
