use callboard::prelude::*;

fn main() {
    let _ = topic!("order..created");
    let _ = topic!("order.*");
    let _ = topic!(order.created);
}
