use callboard::prelude::*;

struct CampaignId(u64);

#[derive(Broadcastable, serde::Serialize)]
#[broadcastable(scope = "campaign.{campaign_id}")]
struct Character {
    id: u64,
    #[serde(skip)]
    campaign_id: CampaignId,
}

fn main() {}
