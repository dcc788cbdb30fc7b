//! The macros of [`callboard`](https://docs.rs/callboard). They write trait impls that a person could write by hand, and check
//! at compile time, by the same code, what the runtime checks at start.

use proc_macro::TokenStream;

mod actor;
mod arguments;
mod broadcastable;
mod channel;
mod check;
mod duration;
mod expand;
mod message;
mod method;
mod reference;
mod test;
mod topic;

/// Makes the `impl` block of a type the code of an actor: writes its `Actor` impl, and a typed reference (`OrderProcessorRef`,
/// from `OrderProcessor::at`) to call it by.
///
/// | key | |
/// |---|---|
/// | `name = "order_processor"` | its name; without it the type's in snake case |
/// | `kind = named` or `unnamed` | one in the system, or a template of instances that are addressed by a key; `named` without it |
/// | `state = OrderState` | what it remembers; without it (or with `stateful = false`) nothing |
/// | `channels = [("order.events", "handle"), "user.>" => log, "audit"]` | what it listens to, and the action that handles it; `receive` without one |
/// | `durability = durable`, `snapshot("1s")` or `volatile` | how soon what it decides is on disk; `durable` without it |
/// | `on_failure = dead_letter` or `park` | what happens to what it keeps failing to handle; `dead_letter` without it |
/// | `deactivate_timeout = "10s"` | how long it may be idle before it leaves memory |
/// | `mailbox = 1024` | how much mail may wait for it |
///
/// A method with `#[action]` is an action; other methods are left alone. Its parameters are told apart by their types, in any
/// order, and none is needed: `&self`, `&Context`, the state (`S` to change it, `&S` to look at it), and one more, which is the
/// payload. It may be async. It returns a `Value`, nothing, or a `Result` of either.
///
/// | key | |
/// |---|---|
/// | `name = "create_order"` | the action's name; without it the method's. Methods of one name differ by payload type |
/// | `timer = "30s"` | the runtime invokes it every so often; it takes no payload |
/// | `catch_up = once`, `all` or `skip` | what happens to the times that passed while the node was down; `once` without it |
///
/// A method with `#[init]` runs at each activation, once the state is loaded.
#[proc_macro_attribute]
pub fn actor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    actor::expand(arguments.into(), item.into()).into()
}

/// Makes a serde type a message, encoded as JSON, under `#[message(name = "shop.Order")]` or the type's own name.
#[proc_macro_derive(Message, attributes(message))]
pub fn message(item: TokenStream) -> TokenStream {
    message::derive(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct an entity whose changes are announced: `#[broadcastable(scope = "campaign.{campaign_id}")]`.
///
/// | key | |
/// |---|---|
/// | `scope = "campaign.{campaign_id}"` | on which topic its changes are announced, with its fields in braces; may be said several times. A field that is `None` leaves the topic out |
/// | `entity = "character"` | its name in a message; without it the type's in snake case |
/// | `plural = "characters"` | its collection's name; without it the entity's with an `s` |
/// | `class = "Character"` | its `entity_class`; without it the type's name |
/// | `id = uuid` | the field that says which one it is; `id` without it |
/// | `serializer = full_view` | a function `fn(&Character) -> impl Serialize` for what is shown of it; without it what serde makes of it |
/// | `version = revision` | a field with a number that grows with each change |
/// | `cache_key = "character/{id}/{locale}"` | under what its serialized form is kept for a short while; `character/{id}` without it |
/// | `audience = who_may_see` | a function `fn(&Character) -> Vec<String>`: the subjects and claims that may see it |
#[proc_macro_derive(Broadcastable, attributes(broadcastable))]
pub fn broadcastable(item: TokenStream) -> TokenStream {
    broadcastable::derive(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Runs an async test on one thread with time that stands still. With a test system to build in its brackets, the test gets it
/// started, and it is stopped behind the test:
///
/// ```text
/// fn shop() -> TestBuilder {
///     TestSystem::builder().actor(OrderProcessor)
/// }
///
/// #[callboard::test(shop())]
/// async fn creating_an_order_is_announced(shop: TestSystem) { ... }
/// ```
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A topic that is checked when it is compiled and parsed once: `topic!("order.events")`.
#[proc_macro]
pub fn topic(text: TokenStream) -> TokenStream {
    topic::expand(text.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
