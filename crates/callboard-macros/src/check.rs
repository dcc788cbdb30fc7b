//! What the parts of a declaration must say together. The rules are the core's own.

use callboard_core::ActorId;
use callboard_core::declaration::fold;
use syn::Type;

use crate::actor::{Action, Actor};
use crate::arguments::Arguments;
use crate::channel::Channel;
use crate::method::{Role, shown, span};

/// The actor's name: as given, or the type's in snake case.
pub(crate) fn name(arguments: &Arguments, ty: &Type) -> syn::Result<String> {
    if let Some(name) = &arguments.name {
        return match ActorId::named(&name.value()) {
            Ok(_) => Ok(name.value()),
            Err(error) => Err(syn::Error::new(name.span(), error)),
        };
    }
    match ty {
        Type::Path(path) => {
            Ok(path.path.segments.last().map_or_else(String::new, |segment| snake(&segment.ident.to_string())))
        }
        _ => Err(syn::Error::new_spanned(ty, "give the actor a name: `#[actor(name = \"...\")]`")),
    }
}

pub(crate) fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for (at, c) in camel.char_indices() {
        if c.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Everything that only shows when the parts are seen together.
pub(crate) fn check(actor: &Actor, ty: &Type) -> syn::Result<()> {
    if actor.actions.is_empty() {
        return Err(syn::Error::new_spanned(ty, "an actor has at least one action; write `#[action]` on a method"));
    }
    for (at, action) in actor.actions.iter().enumerate() {
        for other in &actor.actions[..at] {
            apart(other, action)?;
        }
        handlers(action)?;
    }
    actor.arguments.channels.iter().try_for_each(|channel| heard(actor, channel))
}

fn apart(a: &Action, b: &Action) -> syn::Result<()> {
    let (Some(_), Some(method)) = (a.methods.first(), b.methods.first()) else { return Ok(()) };
    if fold(&a.name) != fold(&b.name) {
        return Ok(());
    }
    Err(syn::Error::new(
        span(method),
        format!(
            "the actions `{}` and `{}` differ only in case, `_` or `-`, and callers could not tell them apart; rename one, or \
             give both the same name if they are handlers of one action",
            a.name, b.name
        ),
    ))
}

fn handlers(action: &Action) -> syn::Result<()> {
    for (at, method) in action.methods.iter().enumerate() {
        let input = |at: usize| action.methods[at].payload().map(shown);
        if let Some(first) = (0..at).find(|first| input(*first) == input(at)) {
            let taken = input(at).map_or_else(|| "no payload".to_owned(), |payload| format!("`{payload}`"));
            return Err(syn::Error::new(
                method.ident.span(),
                format!(
                    "`{}` and `{}` are both the handler of `{}` that takes {taken}; handlers of one action differ by payload \
                     type; give this one another name: `#[action(name = \"...\")]`",
                    action.methods[first].ident, method.ident, action.name
                ),
            ));
        }
        let timed = matches!(method.role, Role::Action { timer: Some(_), .. });
        if timed && action.methods.len() > 1 {
            return Err(syn::Error::new(span(method), "an action with a timer has one handler"));
        }
    }
    Ok(())
}

fn heard(actor: &Actor, channel: &Channel) -> syn::Result<()> {
    let folded = fold(&channel.action);
    let exact = actor.actions.iter().find(|action| action.name == channel.action);
    let Some(action) = exact.or_else(|| actor.actions.iter().find(|action| fold(&action.name) == folded)) else {
        let known: Vec<String> = actor.actions.iter().map(|action| format!("`{}`", action.name)).collect();
        let (wanted, pattern) = (&channel.action, channel.pattern.value());
        let message = if channel.named {
            format!("there is no action `{wanted}`; the actions are {}", known.join(", "))
        } else {
            format!(
                "a channel that names no action is heard by `{wanted}`, which is not there; name one: \
                 (\"{pattern}\", \"...\"); the actions are {}",
                known.join(", ")
            )
        };
        return Err(syn::Error::new(channel.span, message));
    };
    if action.methods.iter().any(|method| method.payload().is_some()) {
        return Ok(());
    }
    let method = action.methods.first().map_or(channel.span, span);
    Err(syn::Error::new(
        method,
        format!(
            "`{}` hears the channel {:?} and takes no payload; add what it hears: `event: OrderCreated`, or \
             `event: AnyPayload` for whatever comes",
            action.name,
            channel.pattern.value()
        ),
    ))
}
