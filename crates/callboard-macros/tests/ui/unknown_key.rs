use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer", topics = ["order.events"])]
impl Mailer {
    #[action]
    fn hear(&self, _event: AnyPayload) {}
}

struct Monitor;

#[actor(name = "monitor")]
impl Monitor {
    #[action(every = "30s")]
    fn check(&self) {}
}

fn main() {}
