use callboard::channel::{Channel, ClientEvent, Who};

#[derive(serde::Deserialize)]
struct CampaignParams {
    id: u64,
}

fn main() {
    let _ = Channel::new("A").topic(7);
    let _ = Channel::new("B").topic("b").authorize(|who| who.is("ada"));
    let _ = Channel::new("C").topic("c").authorize(|_: &Who, p: &CampaignParams| p.id);
    let _ = Channel::new("D").topic("d").on("speak", |_: &ClientEvent| "hello");
}
