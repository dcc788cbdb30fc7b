use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer")]
impl Mailer {
    #[action(name = "send")]
    fn send_text(&self, _text: String) {}

    #[action(name = "send")]
    fn send_more(&self, _text: String) {}
}

fn main() {}
