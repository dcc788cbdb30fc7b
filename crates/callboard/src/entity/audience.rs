use callboard_core::Publication;

use crate::channel::Who;

/// The header that says who sees a publication: a JSON list of subjects and of claims, `["ada","role=gamemaster"]`.
pub const AUDIENCE: &str = "audience";

/// Whether a client is among those who see a publication: `Channel::new(..).per_client(for_audience)`.
///
/// A publication without the header is everybody's. One whose header cannot be read is nobody's.
#[must_use]
pub fn for_audience(publication: &Publication, who: &Who) -> bool {
    let Some(audience) = publication.headers.get(AUDIENCE) else { return true };
    let Ok(audience) = serde_json::from_str::<Vec<String>>(audience) else { return false };
    audience.iter().any(|one| who.is(one) || one.split_once('=').is_some_and(|(claim, value)| who.has(claim, value)))
}
