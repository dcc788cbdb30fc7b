use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer", channels = ["order.events" => hear])]
impl Mailer {
    #[action]
    fn hear(&self, _ctx: &Context) {}
}

fn main() {}
