use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer")]
impl Mailer {
    #[action]
    fn send(&self, _to: String, _times: u32) {}
}

fn main() {}
