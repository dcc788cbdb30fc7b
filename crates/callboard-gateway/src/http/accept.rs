//! Which form of answer a client takes (RFC 9110, section 12.5.1).

use callboard_core::Code;
use callboard_wire::problem::Problem;

use super::answer::excerpt;

/// The place of the offer that the client likes best; the first of those that it likes equally.
///
/// # Errors
/// A problem with status 406 that lists the offers, when it takes none of them.
pub(super) fn choose(accept: Option<&str>, offers: &[&str]) -> Result<usize, Problem> {
    let Some(accept) = accept.filter(|accept| !accept.is_empty()) else { return Ok(0) };
    let mut best: Option<(u16, usize)> = None;
    for (place, offer) in offers.iter().enumerate() {
        let quality = quality(accept, offer);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, place));
        }
    }
    best.map(|(_, place)| place).ok_or_else(|| {
        let detail = format!("nothing here has the form {:?}; there is {}", excerpt(accept), offers.join(", "));
        Problem::new(Code::InvalidPayload, detail).with_status(406, "Not acceptable")
    })
}

// How much an offer is liked, in thousandths: what the most specific range that covers it says.
fn quality(accept: &str, offer: &str) -> u16 {
    let (kind, _) = offer.split_once('/').unwrap_or((offer, ""));
    let mut found = (0, 0);
    for range in accept.split(',') {
        let (range, parameters) = range.split_once(';').unwrap_or((range, ""));
        let range = range.trim();
        let wildcard_of_kind = || range.strip_suffix("/*").is_some_and(|wanted| wanted.eq_ignore_ascii_case(kind));
        let specific = if range.eq_ignore_ascii_case(offer) {
            3
        } else if wildcard_of_kind() {
            2
        } else if range == "*/*" {
            1
        } else {
            continue;
        };
        if specific > found.0 {
            found = (specific, weight(parameters));
        }
    }
    found.1
}

fn weight(parameters: &str) -> u16 {
    let weight = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    match weight.map(str::parse::<f32>) {
        None => 1000,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
        Some(Ok(weight)) if weight.is_finite() => (weight.clamp(0.0, 1.0) * 1000.0) as u16,
        Some(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_the_client_likes_best_is_chosen() {
        let offers = ["application/json", "application/protobuf"];
        for (accept, chosen) in [
            (None, Some(0)),
            (Some(""), Some(0)),
            (Some("*/*"), Some(0)),
            (Some("application/*"), Some(0)),
            (Some("Application/Protobuf"), Some(1)),
            (Some("application/json;q=0.5, application/protobuf"), Some(1)),
            (Some("*/*, application/json;q=0"), Some(1)),
            (Some("text/html, application/xhtml+xml;q=0.9, */*;q=0.8"), Some(0)),
            (Some("text/html"), None),
            (Some("application/json;q=0"), None),
            (Some("application/json;q=zzz"), None),
            (Some(",;,/;q=,"), None),
        ] {
            assert_eq!(choose(accept, &offers).ok(), chosen, "{accept:?}");
        }
        assert_eq!(choose(Some("image/png"), &offers).unwrap_err().status(), 406);
    }
}
