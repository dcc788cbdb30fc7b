use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{ImplItem, ItemImpl};

use crate::arguments::Arguments;
use crate::method::{Method, Role};
use crate::{check, expand};

/// One actor, as it is declared on an `impl` block.
pub(crate) struct Actor {
    pub(crate) name: String,
    pub(crate) arguments: Arguments,
    pub(crate) init: Option<Method>,
    pub(crate) actions: Vec<Action>,
}

/// One action with its handlers, in the order in which they were written.
pub(crate) struct Action {
    pub(crate) name: String,
    pub(crate) methods: Vec<Method>,
}

/// `#[actor(...)] impl ...`. The block itself is always given back, so that one mistake does not bring a hundred errors.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut block: ItemImpl = match syn::parse2(item) {
        Ok(block) => block,
        Err(error) => {
            let message =
                "`#[actor(...)]` stands on an `impl` block: `#[actor(name = \"...\")] impl OrderProcessor { ... }`";
            return syn::Error::new(error.span(), message).into_compile_error();
        }
    };
    let written = match read(arguments, &mut block) {
        Ok(actor) => expand::expand(&actor, &block),
        Err(error) => {
            strip(&mut block);
            error.into_compile_error()
        }
    };
    let mut tokens = block.into_token_stream();
    tokens.extend(written);
    tokens
}

fn read(arguments: TokenStream, block: &mut ItemImpl) -> syn::Result<Actor> {
    if let Some((_, path, _)) = &block.trait_ {
        return Err(syn::Error::new_spanned(
            path,
            "an actor's actions are methods of the type itself: `impl OrderProcessor { ... }`",
        ));
    }
    let arguments: Arguments = syn::parse2(arguments)?;
    let mut methods = Vec::new();
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            methods.extend(Method::take(function, arguments.state.as_ref())?);
        }
    }
    let mut init = None;
    let mut actions: Vec<Action> = Vec::new();
    for method in methods {
        match &method.role {
            Role::Init => {
                if let Some(second) = init.replace(method) {
                    return Err(syn::Error::new(second.ident.span(), "an actor has one `#[init]`"));
                }
            }
            Role::Action { name, .. } => match actions.iter_mut().find(|action| action.name == *name) {
                Some(action) => action.methods.push(method),
                None => actions.push(Action { name: name.clone(), methods: vec![method] }),
            },
        }
    }
    let actor = Actor { name: check::name(&arguments, &block.self_ty)?, arguments, init, actions };
    check::check(&actor, &block.self_ty)?;
    Ok(actor)
}

// Takes the attributes off the methods, so that what the compiler says next is about the mistake.
fn strip(block: &mut ItemImpl) {
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            function
                .attrs
                .retain(|attribute| !attribute.path().is_ident("action") && !attribute.path().is_ident("init"));
        }
    }
}
