//! The typed reference: `OrderProcessor::at(&system).create_order(data)`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, ItemImpl, Type};

use crate::actor::Actor;
use crate::expand::{response, state};

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
    let methods = actor.actions.iter().flat_map(|action| {
        action.methods.iter().map(|method| {
            let (method_ident, docs, action_name) = (&method.ident, &method.docs, &action.name);
            let fallback = docs.is_empty().then(|| {
                let text = format!("Calls the action `{action_name}`.");
                quote!(#[doc = #text])
            });
            let response = response(method, &state);
            let parameter = method.payload().map(|payload| quote!(, payload: #payload));
            let payload = method.payload().map_or_else(|| quote!(()), |_| quote!(payload));
            quote! {
                #(#docs)*
                #fallback
                pub fn #method_ident(&self #parameter) -> ::callboard::Call<#response> {
                    ::callboard::Call::new(
                        ::core::clone::Clone::clone(&self.client),
                        ::core::clone::Clone::clone(&self.target),
                        ::callboard::__private::Name::from_static(#action_name),
                        ::callboard::Message::into_payload(#payload),
                    )
                }
            }
        })
    });
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

fn ident(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}
