//! A method of the `impl` block that is an action or the init.

use callboard_core::declaration::INIT_ACTIONS;
use callboard_core::limits::ACTION_LEN_MAX;
use proc_macro2::Span;
use quote::ToTokens;
use syn::{Attribute, FnArg, Ident, ImplItemFn, LitStr, PatType, ReturnType, Type, TypePath, TypeReference};

use crate::arguments::choice;
use crate::duration;

/// A method that the runtime runs.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    pub(crate) role: Role,
    pub(crate) is_async: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Type,
    pub(crate) docs: Vec<Attribute>,
}

pub(crate) enum Role {
    Init,
    Action { name: String, span: Span, timer: Option<Timer> },
}

#[derive(Clone, Copy)]
pub(crate) struct Timer {
    pub(crate) every: std::time::Duration,
    /// Once, all, skip.
    pub(crate) catch_up: usize,
    pub(crate) span: Span,
}

/// What a parameter takes, told by its type.
pub(crate) enum Parameter {
    Context,
    State,
    StateRef,
    Payload(Box<Type>),
}

impl Method {
    /// The method, when it has one of the attributes, which are taken off it.
    pub(crate) fn take(function: &mut ImplItemFn, state: Option<&Type>) -> syn::Result<Option<Self>> {
        let mut role = None;
        let mut kept = Vec::new();
        for attribute in std::mem::take(&mut function.attrs) {
            let found = match attribute.path() {
                path if path.is_ident("action") => action(&attribute, &function.sig.ident)?,
                path if path.is_ident("init") => init(&attribute)?,
                _ => {
                    kept.push(attribute);
                    continue;
                }
            };
            if role.replace(found).is_some() {
                return Err(syn::Error::new_spanned(
                    &attribute,
                    "a method is one action or the init; leave one attribute out",
                ));
            }
        }
        function.attrs = kept;
        let Some(role) = role else { return Ok(None) };
        // What an action takes and whether it waits is the form of an action, not a choice of its author.
        function.attrs.push(syn::parse_quote! {
            #[allow(clippy::needless_pass_by_value, clippy::unused_async, clippy::unused_self)]
        });
        let signature = &function.sig;
        if !signature.generics.params.is_empty() {
            return Err(syn::Error::new_spanned(
                &signature.generics,
                "an action takes one type; to take several, write one method for each, with the same `#[action(name = ...)]`",
            ));
        }
        let parameters = parameters(&signature.inputs, &signature.ident, state)?;
        let method = Self {
            ident: signature.ident.clone(),
            role,
            is_async: signature.asyncness.is_some(),
            parameters,
            returns: match &signature.output {
                ReturnType::Default => syn::parse_quote!(()),
                ReturnType::Type(_, returned) => (**returned).clone(),
            },
            docs: function.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect(),
        };
        method.check()?;
        Ok(Some(method))
    }

    /// The payload's type, if it takes one.
    pub(crate) fn payload(&self) -> Option<&Type> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Payload(payload) => Some(&**payload),
            Parameter::Context | Parameter::State | Parameter::StateRef => None,
        })
    }

    fn check(&self) -> syn::Result<()> {
        let Some(payload) = self.payload() else { return Ok(()) };
        match &self.role {
            Role::Init => Err(syn::Error::new_spanned(
                payload,
                "the init takes no payload: nobody calls it; take `&Context` or the state",
            )),
            Role::Action { timer: Some(timer), .. } => Err(syn::Error::new(
                timer.span,
                format!("a timer brings no payload; leave out `{}`, or the timer", shown(payload)),
            )),
            Role::Action { timer: None, .. } => Ok(()),
        }
    }
}

fn init(attribute: &Attribute) -> syn::Result<Role> {
    attribute.meta.require_path_only().map_err(|error| syn::Error::new(error.span(), "`#[init]` takes no keys"))?;
    Ok(Role::Init)
}

fn action(attribute: &Attribute, method: &Ident) -> syn::Result<Role> {
    let mut name: Option<LitStr> = None;
    let mut every: Option<(std::time::Duration, Span)> = None;
    let mut catch_up: Option<(Span, usize)> = None;
    if !matches!(attribute.meta, syn::Meta::Path(_)) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("timer") {
                let text: LitStr = meta.value()?.parse()?;
                every = Some((duration::parse(&text)?, text.span()));
            } else if meta.path.is_ident("catch_up") {
                catch_up = Some(choice(meta.value()?, "catch_up", ["once", "all", "skip"])?);
            } else {
                return Err(meta.error("there is no such key; the keys of `#[action]` are name, timer, catch_up"));
            }
            Ok(())
        })?;
    }
    let span = name.as_ref().map_or_else(|| method.span(), LitStr::span);
    let name = name.map_or_else(|| method.to_string().trim_start_matches("r#").to_owned(), |name| name.value());
    if name.is_empty() || name.len() > ACTION_LEN_MAX {
        return Err(syn::Error::new(span, format!("an action's name has 1 to {ACTION_LEN_MAX} bytes")));
    }
    if INIT_ACTIONS.contains(&name.to_lowercase().as_str()) {
        return Err(syn::Error::new(
            span,
            format!("`{name}` runs at each activation; write `#[init]` instead of `#[action]`"),
        ));
    }
    let timer = match (every, catch_up) {
        (Some((every, span)), catch_up) => Some(Timer { every, catch_up: catch_up.map_or(0, |(_, at)| at), span }),
        (None, Some((span, _))) => {
            return Err(syn::Error::new(span, "only a timer catches up; add `timer = \"30s\"`"));
        }
        (None, None) => None,
    };
    Ok(Role::Action { name, span, timer })
}

fn parameters(
    inputs: &syn::punctuated::Punctuated<FnArg, syn::Token![,]>,
    method: &Ident,
    state: Option<&Type>,
) -> syn::Result<Vec<Parameter>> {
    match inputs.first() {
        Some(FnArg::Receiver(receiver)) if receiver.reference.is_some() && receiver.mutability.is_none() => {}
        Some(FnArg::Receiver(receiver)) => {
            return Err(syn::Error::new_spanned(
                receiver,
                "an action takes `&self`: the actor's code is shared; what changes is the state, a parameter of its own",
            ));
        }
        _ => return Err(syn::Error::new(method.span(), "an action takes `&self` first")),
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    for input in inputs.iter().skip(1) {
        let FnArg::Typed(typed) = input else { continue };
        let parameter = parameter(typed, state)?;
        let same = |other: &Parameter| match (other, &parameter) {
            (Parameter::Context, Parameter::Context) | (Parameter::Payload(_), Parameter::Payload(_)) => true,
            (Parameter::State | Parameter::StateRef, Parameter::State | Parameter::StateRef) => true,
            (Parameter::Context | Parameter::State | Parameter::StateRef | Parameter::Payload(_), _) => false,
        };
        if parameters.iter().any(same) {
            return Err(twice(typed, &parameter, state));
        }
        parameters.push(parameter);
    }
    Ok(parameters)
}

fn twice(typed: &PatType, parameter: &Parameter, state: Option<&Type>) -> syn::Error {
    let message = match (parameter, state) {
        (Parameter::Payload(_), None) => "an action takes one payload. If one of the two is the state, declare it: \
                                          `#[actor(state = ...)]`; if both are sent, make them one message"
            .to_owned(),
        (Parameter::Payload(_), Some(state)) => format!(
            "an action takes one payload, beside `&Context` and the state `{}`; if both are sent, make them one message",
            shown(state)
        ),
        _ => "this parameter stands here twice".to_owned(),
    };
    syn::Error::new_spanned(typed, message)
}

fn parameter(typed: &PatType, state: Option<&Type>) -> syn::Result<Parameter> {
    if let Type::Reference(TypeReference { mutability, elem, .. }) = &*typed.ty {
        if mutability.is_some() {
            return Err(syn::Error::new_spanned(
                &typed.ty,
                format!(
                    "take it by value, `mut {}: {}`, and return the new state: `.state(..)`",
                    pattern(typed),
                    shown(elem)
                ),
            ));
        }
        if last_segment(elem).is_some_and(|segment| segment == "Context") {
            return Ok(Parameter::Context);
        }
        return match state {
            Some(state) if same_type(elem, state) => Ok(Parameter::StateRef),
            Some(state) => Err(syn::Error::new_spanned(
                &typed.ty,
                format!("only `&Context` and the state, `&{}`, are borrowed; take the payload by value", shown(state)),
            )),
            None => Err(stateless(typed, elem)),
        };
    }
    match state {
        Some(state) if same_type(&typed.ty, state) => Ok(Parameter::State),
        None if is_called_state(typed) => Err(stateless(typed, &typed.ty)),
        _ if last_segment(&typed.ty).is_some_and(|segment| segment == "Context") => {
            Err(syn::Error::new_spanned(&typed.ty, "the context is borrowed: `&Context`"))
        }
        _ => Ok(Parameter::Payload(typed.ty.clone())),
    }
}

fn stateless(typed: &PatType, ty: &Type) -> syn::Error {
    let ty = shown(ty);
    syn::Error::new_spanned(
        typed,
        format!(
            "this actor remembers nothing. If `{ty}` is its state, declare it: `#[actor(state = {ty})]`; if it is the payload, \
             take it by value under another name than `state`"
        ),
    )
}

fn is_called_state(typed: &PatType) -> bool {
    matches!(pattern(typed).as_str(), "state" | "_state")
}

fn pattern(typed: &PatType) -> String {
    match &*typed.pat {
        syn::Pat::Ident(ident) => ident.ident.to_string(),
        _ => "state".to_owned(),
    }
}

fn last_segment(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(TypePath { qself: None, path }) => path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

// `OrderState` and `domain::OrderState` are taken for the same type, `order::State` and `user::State` are not.
fn same_type(a: &Type, b: &Type) -> bool {
    let segments = |ty: &Type| -> Option<Vec<String>> {
        match ty {
            Type::Path(TypePath { qself: None, path }) => {
                Some(path.segments.iter().map(|segment| segment.to_token_stream().to_string()).collect())
            }
            _ => None,
        }
    };
    match (segments(a), segments(b)) {
        (Some(a), Some(b)) => a.ends_with(&b) || b.ends_with(&a),
        _ => a == b,
    }
}

/// A type as a person writes it.
pub(crate) fn shown(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string();
    text.replace(" :: ", "::").replace(" < ", "<").replace(" >", ">").replace(" ,", ",").replace("& ", "&")
}

/// Where a method stands in the source.
pub(crate) fn span(method: &Method) -> Span {
    match &method.role {
        Role::Init => method.ident.span(),
        Role::Action { span, .. } => *span,
    }
}
