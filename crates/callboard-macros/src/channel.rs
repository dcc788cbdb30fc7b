//! What an actor listens to: `[("order.events", "handle"), "user.>" => log, "audit"]`.

use callboard_core::Pattern;
use callboard_core::declaration::DEFAULT_CHANNEL_ACTION;
use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{Ident, LitStr, Token, bracketed, parenthesized};

/// One of the channels.
pub(crate) struct Channel {
    pub(crate) pattern: LitStr,
    pub(crate) action: String,
    /// Where the action is named, or the pattern when it is not.
    pub(crate) span: Span,
    pub(crate) named: bool,
}

/// The list behind `channels =`.
pub(crate) fn parse_list(input: ParseStream<'_>) -> syn::Result<Vec<Channel>> {
    let list;
    bracketed!(list in input);
    let channels: Vec<Channel> = list.parse_terminated(parse_one, Token![,])?.into_iter().collect();
    for (at, channel) in channels.iter().enumerate() {
        if channels[..at].iter().any(|other| other.pattern.value() == channel.pattern.value()) {
            return Err(syn::Error::new(
                channel.pattern.span(),
                format!("the channel {:?} stands here twice; one action hears it", channel.pattern.value()),
            ));
        }
    }
    Ok(channels)
}

fn parse_one(input: ParseStream<'_>) -> syn::Result<Channel> {
    let forms = "write a channel as (\"order.events\", \"handle_order\"), as \"order.>\" => handle_order, or as \
                 \"order.events\" (heard by the action `receive`)";
    let worded = |error: syn::Error| syn::Error::new(error.span(), forms);
    if input.peek(syn::token::Paren) {
        let pair;
        parenthesized!(pair in input);
        let pattern = pattern(&pair).map_err(worded_pattern(worded))?;
        pair.parse::<Token![,]>().map_err(worded)?;
        let (action, span) = action(&pair).map_err(worded)?;
        return Ok(Channel { pattern, action, span, named: true });
    }
    let pattern = pattern(input).map_err(worded_pattern(worded))?;
    if input.peek(Token![=>]) {
        input.parse::<Token![=>]>()?;
        let (action, span) = action(input).map_err(worded)?;
        return Ok(Channel { pattern, action, span, named: true });
    }
    let span = pattern.span();
    Ok(Channel { pattern, action: DEFAULT_CHANNEL_ACTION.to_string(), span, named: false })
}

// A pattern that is no text at all gets the list of forms; one that is no pattern says why.
fn worded_pattern(worded: impl Fn(syn::Error) -> syn::Error) -> impl Fn(PatternError) -> syn::Error {
    move |error| match error {
        PatternError::NoText(error) => worded(error),
        PatternError::NoPattern(error) => error,
    }
}

enum PatternError {
    NoText(syn::Error),
    NoPattern(syn::Error),
}

fn pattern(input: ParseStream<'_>) -> Result<LitStr, PatternError> {
    let text: LitStr = input.parse().map_err(PatternError::NoText)?;
    match Pattern::parse(&text.value()) {
        Ok(_) => Ok(text),
        Err(error) => Err(PatternError::NoPattern(syn::Error::new(text.span(), error))),
    }
}

fn action(input: ParseStream<'_>) -> syn::Result<(String, Span)> {
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return Ok((text.value(), text.span()));
    }
    let name: Ident = input.parse()?;
    Ok((name.to_string(), name.span()))
}
