//! The `Actor` impl.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{ItemImpl, Type};

use crate::actor::{Action, Actor};
use crate::duration;
use crate::method::{Method, Parameter, Role};
use crate::reference;

/// Everything that the macro adds to the block.
pub(crate) fn expand(actor: &Actor, block: &ItemImpl) -> TokenStream {
    let implementation = implementation(actor, block);
    let reference = reference::expand(actor, block);
    quote!(#implementation #reference)
}

fn implementation(actor: &Actor, block: &ItemImpl) -> TokenStream {
    let ty = &block.self_ty;
    let (generics, _, clause) = block.generics.split_for_impl();
    let state = state(actor);
    let declaration = declaration(actor, &state);
    let arms = actor.actions.iter().enumerate().flat_map(|(at, action)| {
        action.methods.iter().enumerate().map(move |(handler, method)| {
            let body = body(method);
            quote!(::callboard::Route::Handler { action: #at, handler: #handler } => { #body })
        })
    });
    let init = actor.init.as_ref().map(|method| {
        let body = body(method);
        quote!(::callboard::Route::Init => { #body })
    });
    quote! {
        #[automatically_derived]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
        impl #generics ::callboard::Actor for #ty #clause {
            type State = #state;

            fn declaration(&self) -> ::callboard::Declare {
                #declaration
            }

            // Not an `async fn`: its future would hold the turn twice, as an argument and as a variable.
            fn handle(
                &self,
                mut turn: ::callboard::ActorTurn<'_, #state>,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<::callboard::Outcome, ::callboard::CallError>,
            > + ::core::marker::Send {
                async move {
                    match turn.route() {
                        #(#arms)*
                        #init
                        _ => turn.refuse(),
                    }
                }
            }
        }
    }
}

/// The state's type.
pub(crate) fn state(actor: &Actor) -> Type {
    actor.arguments.state.clone().unwrap_or_else(|| syn::parse_quote!(::callboard::Stateless))
}

fn declaration(actor: &Actor, state: &Type) -> TokenStream {
    let (name, arguments) = (&actor.name, &actor.arguments);
    let constructor = if arguments.unnamed { quote!(unnamed) } else { quote!(named) };
    let durability = arguments.durability.tokens();
    let policy = if arguments.park { quote!(Park) } else { quote!(DeadLetter) };
    let timeout =
        arguments.deactivate_timeout.map(duration::tokens).map(|timeout| quote!(.deactivate_timeout(#timeout)));
    let mailbox = arguments.mailbox.map(|len| quote!(.mailbox(#len)));
    let init = actor.init.as_ref().map(|_| quote!(.init()));
    let actions = actor.actions.iter().map(|action| declared(action, state));
    let channels = arguments.channels.iter().map(|channel| {
        let (pattern, action) = (&channel.pattern, &channel.action);
        quote!(.channel(#pattern, #action))
    });
    quote! {
        ::callboard::Declare::#constructor(#name)
            .state::<#state>()
            .durability(#durability)
            .on_failure(::callboard::__private::FailurePolicy::#policy)
            #timeout
            #mailbox
            #init
            #(#actions)*
            #(#channels)*
    }
}

fn declared(action: &Action, state: &Type) -> TokenStream {
    let name = &action.name;
    let handlers = action.methods.iter().map(|method| {
        let payload = method.payload().cloned().unwrap_or_else(|| syn::parse_quote!(()));
        let response = response(method, state);
        quote!(.takes::<#payload>().gives::<#response>())
    });
    let timers = action.methods.iter().filter_map(|method| match &method.role {
        Role::Action { timer, .. } => *timer,
        Role::Init => None,
    });
    let timers = timers.map(|timer| {
        let every = duration::tokens(timer.every);
        let catch_up = [quote!(Once), quote!(All), quote!(Skip)][timer.catch_up].clone();
        quote!(.timer(#every, ::callboard::__private::CatchUp::#catch_up))
    });
    quote!(.action(#name) #(#handlers)* #(#timers)*)
}

/// The type of a method's response.
pub(crate) fn response(method: &Method, state: &Type) -> TokenStream {
    let returns = &method.returns;
    let span = Span::call_site().located_at(syn::spanned::Spanned::span(returns));
    quote_spanned!(span=> <#returns as ::callboard::__private::Decide<#state>>::Response)
}

fn body(method: &Method) -> TokenStream {
    let ident = &method.ident;
    let span = ident.span();
    let (mut before, mut arguments) = (TokenStream::new(), Vec::new());
    let local = |name: &str| -> Ident { format_ident!("__{name}", span = Span::mixed_site()) };
    let (ctx, state, payload) = (local("ctx"), local("state"), local("payload"));
    if let Some(ty) = method.payload() {
        before.extend(quote!(let #payload = turn.payload::<#ty>()?;));
    }
    let takes = |wanted: fn(&Parameter) -> bool| method.parameters.iter().any(wanted);
    let access = if takes(|parameter| matches!(parameter, Parameter::State)) {
        quote!(let (#ctx, #state) = turn.take()?;)
    } else if takes(|parameter| matches!(parameter, Parameter::StateRef)) {
        quote!(let (#ctx, #state) = turn.look()?;)
    } else {
        quote!(let #ctx = turn.ctx();)
    };
    before.extend(access);
    if !takes(|parameter| matches!(parameter, Parameter::Context)) {
        before.extend(quote!(let _ = #ctx;));
    }
    for parameter in &method.parameters {
        arguments.push(match parameter {
            Parameter::Context => quote!(#ctx),
            Parameter::State | Parameter::StateRef => quote!(#state),
            Parameter::Payload(_) => quote!(#payload),
        });
    }
    let wait = method.is_async.then(|| quote!(.await));
    quote_spanned! {span=>
        #before
        let __returned = self.#ident(#(#arguments),*)#wait;
        turn.decide(__returned)
    }
}
