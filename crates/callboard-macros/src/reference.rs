//! The typed reference: `OrderProcessor::at(&system).create_order(data)`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{GenericArgument, Ident, ItemImpl, PathArguments, Type};

use crate::actor::Actor;
use crate::expand::{response, state};
use crate::method::Method;

/// The reference's type, and the `at` that makes one.
pub(crate) fn expand(actor: &Actor, block: &ItemImpl) -> TokenStream {
    let ty = &block.self_ty;
    let Some(ident) = ident(ty) else { return TokenStream::new() };
    let (generics, _, clause) = block.generics.split_for_impl();
    let (name, state) = (&actor.name, state(actor));
    let reference = format_ident!("{ident}Ref", span = ident.span());
    let (key, target, which) = if actor.arguments.unnamed {
        (
            quote!(, key: impl ::core::convert::AsRef<str>),
            quote!(::callboard::ActorId::instance(#name, key.as_ref())),
            format!("The instance of [`{ident}`] with this key, to be called by a system, or by an action's context."),
        )
    } else {
        (
            TokenStream::new(),
            quote!(::callboard::ActorId::named(#name)),
            format!("The actor [`{ident}`], to be called by a system, or by an action's context."),
        )
    };
    let about = format!("A typed reference to the actor `{name}`: one method for each handler of its actions.");
    let methods = actor
        .actions
        .iter()
        .flat_map(|action| action.methods.iter().map(|handler| method(&action.name, handler, &state)));
    let lints = quote! {
        #[allow(dead_code, missing_docs, private_interfaces, private_bounds, unreachable_pub, unnameable_types)]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
    };
    quote! {
        #[doc = #about]
        #lints
        #[derive(Clone, Debug)]
        pub struct #reference {
            client: ::callboard::Client,
            target: ::core::result::Result<::callboard::ActorId, ::callboard::CallError>,
        }

        #lints
        impl #reference {
            #(#methods)*
        }

        #lints
        impl #generics #ty #clause {
            #[doc = #which]
            pub fn at(caller: &impl ::callboard::Caller #key) -> #reference {
                #reference {
                    client: ::callboard::Caller::client(caller),
                    target: #target.map_err(::core::convert::Into::into),
                }
            }
        }
    }
}

// One handler of an action, as it is called.
fn method(action: &str, handler: &Method, state: &Type) -> TokenStream {
    let (ident, docs) = (&handler.ident, &handler.docs);
    let fallback = docs.is_empty().then(|| {
        let text = format!("Calls the action `{action}`.");
        quote!(#[doc = #text])
    });
    // The signature says the type as it was written, for whoever reads it; the body has it checked.
    let response = response(handler, state);
    let shown = written_response(&handler.returns).unwrap_or_else(|| response.clone());
    let parameter = handler.payload().map(|payload| quote!(, payload: #payload));
    let payload = handler.payload().map_or_else(|| quote!(()), |_| quote!(payload));
    quote! {
        #(#docs)*
        #fallback
        pub fn #ident(&self #parameter) -> ::callboard::Call<#shown> {
            ::callboard::Call::<#response>::new(
                &self.client,
                ::core::clone::Clone::clone(&self.target),
                ::callboard::__private::Name::from_static(#action),
                ::callboard::Message::into_payload(#payload),
            )
        }
    }
}

// The `R` of `Value<R, ..>` and of `Result<Value<R, ..>>`, when that is what was written.
fn written_response(returns: &Type) -> Option<TokenStream> {
    let segment = match returns {
        Type::Path(path) => path.path.segments.last()?,
        Type::Tuple(tuple) if tuple.elems.is_empty() => return Some(quote!(())),
        _ => return None,
    };
    let first = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.first(),
        PathArguments::None | PathArguments::Parenthesized(_) => None,
    };
    match (segment.ident.to_string().as_str(), first) {
        ("Result", Some(GenericArgument::Type(inner))) => written_response(inner),
        ("Value", Some(GenericArgument::Type(response))) => Some(quote!(#response)),
        ("Value", None) => Some(quote!(())),
        _ => None,
    }
}

fn ident(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}
