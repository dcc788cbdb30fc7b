use callboard::prelude::*;

struct A;

#[actor(name = "a", kind = pooled)]
impl A {
    #[action]
    fn act(&self) {}
}

struct B;

#[actor(name = "b", durability = snapshot)]
impl B {
    #[action]
    fn act(&self) {}
}

struct C;

#[actor(name = "c", on_failure = ignore)]
impl C {
    #[action]
    fn act(&self) {}
}

struct D;

#[actor(name = "d")]
impl D {
    #[action(timer = "1s", catch_up = never)]
    fn act(&self) {}
}

fn main() {}
