//! What stands in `#[actor(...)]`.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitBool, LitInt, LitStr, Token, Type, parenthesized};

use crate::channel::{self, Channel};
use crate::duration;

const KEYS: &str = "name, kind, state, stateful, channels, durability, on_failure, deactivate_timeout, mailbox";

/// What an actor declares of itself beside its actions.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) name: Option<LitStr>,
    pub(crate) unnamed: bool,
    pub(crate) state: Option<Type>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) durability: Durability,
    pub(crate) park: bool,
    pub(crate) deactivate_timeout: Option<Duration>,
    pub(crate) mailbox: Option<usize>,
}

#[derive(Clone, Copy, Default)]
pub(crate) enum Durability {
    #[default]
    Durable,
    Snapshot(Duration),
    Volatile,
}

impl Durability {
    pub(crate) fn tokens(self) -> TokenStream {
        let durability = quote!(::callboard::__private::Durability);
        match self {
            Self::Durable => quote!(#durability::Durable),
            Self::Volatile => quote!(#durability::Volatile),
            Self::Snapshot(interval) => {
                let interval = duration::tokens(interval);
                quote!(#durability::Snapshot(#interval))
            }
        }
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut this = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        let mut stateful: Option<LitBool> = None;
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if seen.contains(&key) {
                return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
            }
            input.parse::<Token![=]>().map_err(|error| {
                syn::Error::new(error.span(), format!("`{key}` needs a value: `{key} = ...`; the keys are {KEYS}"))
            })?;
            if key == "stateful" {
                stateful = Some(input.parse()?);
            } else {
                this.set(&key, input)?;
            }
            seen.push(key);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        match (&stateful, &this.state) {
            (Some(LitBool { value: false, span }), Some(_)) => {
                Err(syn::Error::new(*span, "`stateful = false` and `state = ...` contradict each other; leave one out"))
            }
            (Some(LitBool { value: true, span }), None) => {
                Err(syn::Error::new(*span, "say what it remembers: `state = OrderState`"))
            }
            _ => Ok(this),
        }
    }
}

impl Arguments {
    fn set(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "name" => self.name = Some(input.parse()?),
            "kind" => self.unnamed = choice(input, "kind", ["named", "unnamed"])?.1 == 1,
            "state" => self.state = Some(input.parse()?),
            "channels" => self.channels = channel::parse_list(input)?,
            "durability" => self.durability = durability(input)?,
            "on_failure" => self.park = choice(input, "on_failure", ["dead_letter", "park"])?.1 == 1,
            "deactivate_timeout" => self.deactivate_timeout = Some(duration::parse(&input.parse()?)?),
            "mailbox" => self.mailbox = Some(mailbox(&input.parse()?)?),
            _ => return Err(syn::Error::new(key.span(), format!("there is no key `{key}`; the keys are {KEYS}"))),
        }
        Ok(())
    }
}

/// One of a few words, as an identifier or a text; gives where it stands and which it is.
pub(crate) fn choice<const N: usize>(
    input: ParseStream<'_>,
    key: &str,
    words: [&str; N],
) -> syn::Result<(Span, usize)> {
    let (text, span) = if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        (text.value(), text.span())
    } else {
        let word: Ident = input
            .parse()
            .map_err(|error| syn::Error::new(error.span(), format!("`{key}` is one of {}", words.join(", "))))?;
        (word.to_string(), word.span())
    };
    match words.iter().position(|word| *word == text) {
        Some(at) => Ok((span, at)),
        None => Err(syn::Error::new(span, format!("`{key}` is one of {}, not `{text}`", words.join(", ")))),
    }
}

fn durability(input: ParseStream<'_>) -> syn::Result<Durability> {
    let (span, at) = choice(input, "durability", ["durable", "snapshot", "volatile"])?;
    match at {
        0 => Ok(Durability::Durable),
        2 => Ok(Durability::Volatile),
        _ if input.peek(syn::token::Paren) => {
            let interval;
            parenthesized!(interval in input);
            Ok(Durability::Snapshot(duration::parse(&interval.parse()?)?))
        }
        _ => Err(syn::Error::new(span, "say how often it writes: `durability = snapshot(\"1s\")`")),
    }
}

fn mailbox(number: &LitInt) -> syn::Result<usize> {
    match number.base10_parse()? {
        0 => Err(syn::Error::new(number.span(), "a mailbox holds at least 1")),
        len => Ok(len),
    }
}
