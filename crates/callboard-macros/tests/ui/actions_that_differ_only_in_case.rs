use callboard::prelude::*;

struct Mailer;

#[actor(name = "mailer")]
impl Mailer {
    #[action]
    fn send_mail(&self, _text: String) {}

    #[action(name = "SendMail")]
    fn send_again(&self, _number: u32) {}
}

fn main() {}
