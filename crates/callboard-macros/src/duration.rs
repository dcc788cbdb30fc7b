use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

const FORMS: &str = "write a whole number and its unit: \"500ms\", \"30s\", \"5m\", \"1h\" or \"1d\"";

/// A duration written as a text.
pub(crate) fn parse(text: &LitStr) -> syn::Result<Duration> {
    let value = text.value();
    let error = |message: String| syn::Error::new(text.span(), message);
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(error(format!("{value:?} is not a duration; {FORMS}"))),
    };
    let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms));
    match ms {
        Some(0) => Err(error(format!("{value:?} is no time at all; the least is \"1ms\""))),
        Some(ms) => Ok(Duration::from_millis(ms)),
        None => Err(error(format!("{value:?} is not a duration; {FORMS}"))),
    }
}

/// The duration in generated code.
pub(crate) fn tokens(duration: Duration) -> TokenStream {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote!(::callboard::__private::Duration::from_millis(#ms))
}
