use callboard::prelude::*;

struct Monitor;

#[actor(name = "monitor")]
impl Monitor {
    #[action(timer = "30 seconds")]
    fn check(&self) {}
}

struct Patient;

#[actor(name = "patient", deactivate_timeout = "0s")]
impl Patient {
    #[action]
    fn wait(&self) {}
}

fn main() {}
