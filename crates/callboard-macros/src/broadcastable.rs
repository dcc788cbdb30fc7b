//! `#[derive(Broadcastable)]`.

use callboard_core::Topic;
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Path};

use crate::check::snake;

const KEYS: &str = "scope, entity, plural, class, id, serializer, version, cache_key, audience";
const SCOPE: &str = "#[broadcastable(scope = \"campaign.{campaign_id}\")]";

/// What stands in `#[broadcastable(...)]`.
#[derive(Default)]
struct Arguments {
    seen: Vec<Ident>,
    scopes: Vec<LitStr>,
    entity: Option<LitStr>,
    plural: Option<LitStr>,
    class: Option<LitStr>,
    id: Option<Ident>,
    serializer: Option<Path>,
    version: Option<Ident>,
    cache_key: Option<LitStr>,
    audience: Option<Path>,
}

/// A text with fields in it: one text more than fields.
struct Template {
    texts: Vec<String>,
    fields: Vec<Ident>,
}

pub(crate) fn derive(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let fields = fields(&input)?;
    let arguments = Arguments::read(&input)?;
    let names = Names::of(&arguments, &input.ident)?;
    let id = arguments.id.clone().unwrap_or_else(|| Ident::new("id", Span::call_site()));
    if !fields.contains(&id) {
        let message = if arguments.id.is_some() {
            unknown_field(&id.to_string(), &fields)
        } else {
            format!("there is no field `id`; say which field says which one it is: `id = {}`", example(&fields))
        };
        return Err(syn::Error::new(arguments.id.map_or_else(|| input.ident.span(), |id| id.span()), message));
    }
    let mut scopes = Vec::new();
    for text in &arguments.scopes {
        scopes.push(scope(text, &fields)?);
    }
    let optional = optional(&arguments, &fields)?;
    let Names { entity, plural, class } = names;
    let serialized = match &arguments.serializer {
        Some(serializer) => quote!(&#serializer(self)),
        None => quote!(self),
    };
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::callboard::entity::Broadcastable for #ident #arguments #clause {
            const ENTITY: &'static str = #entity;
            const PLURAL: &'static str = #plural;
            const CLASS: &'static str = #class;

            fn entity_id(&self) -> ::std::string::String {
                ::callboard::__private::key_text(&self.#id)
            }

            fn scopes(&self) -> ::callboard::entity::Scopes {
                ::callboard::entity::Scopes::new() #(#scopes)*
            }

            fn serialized(&self) -> ::core::result::Result<::callboard::entity::Serialized, ::callboard::CallError> {
                ::callboard::entity::Serialized::of(#serialized, #class)
            }

            #optional
        }
    })
}

fn fields(input: &DeriveInput) -> syn::Result<Vec<Ident>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Ok(named.named.iter().filter_map(|field| field.ident.clone()).collect()),
            Fields::Unnamed(_) | Fields::Unit => Err(no_struct(input)),
        },
        Data::Enum(_) | Data::Union(_) => Err(no_struct(input)),
    }
}

fn no_struct(input: &DeriveInput) -> syn::Error {
    let message = "an entity is a struct with named fields, of which one is its id; implement `Broadcastable` by hand for \
                   anything else";
    syn::Error::new(input.ident.span(), message)
}

impl Arguments {
    fn read(input: &DeriveInput) -> syn::Result<Self> {
        let mut this = Self::default();
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("broadcastable")) {
            attribute.parse_nested_meta(|meta| this.set(&meta))?;
        }
        if this.scopes.is_empty() {
            let message = format!("say on which topic its changes are announced: `{SCOPE}`");
            return Err(syn::Error::new(input.ident.span(), message));
        }
        Ok(this)
    }

    fn set(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let Some(key) = meta.path.get_ident() else { return Err(meta.error(format!("the keys are {KEYS}"))) };
        if key != "scope" && self.seen.contains(key) {
            return Err(meta.error(format!("`{key}` is given twice")));
        }
        self.seen.push(key.clone());
        let value = || {
            meta.value().map_err(|error| {
                syn::Error::new(error.span(), format!("`{key}` needs a value: `{key} = ...`; the keys are {KEYS}"))
            })
        };
        match key.to_string().as_str() {
            "scope" => self.scopes.push(value()?.parse()?),
            "entity" => self.entity = Some(value()?.parse()?),
            "plural" => self.plural = Some(value()?.parse()?),
            "class" => self.class = Some(value()?.parse()?),
            "id" => self.id = Some(value()?.parse()?),
            "serializer" => self.serializer = Some(value()?.parse()?),
            "version" => self.version = Some(value()?.parse()?),
            "cache_key" => self.cache_key = Some(value()?.parse()?),
            "audience" => self.audience = Some(value()?.parse()?),
            _ => return Err(meta.error(format!("there is no key `{key}`; the keys are {KEYS}"))),
        }
        Ok(())
    }
}

/// What the entity is called.
struct Names {
    entity: String,
    plural: String,
    class: String,
}

impl Names {
    fn of(arguments: &Arguments, ident: &Ident) -> syn::Result<Self> {
        let entity = match &arguments.entity {
            Some(text) => word(text)?,
            None => snake(&ident.to_string()),
        };
        let plural = match &arguments.plural {
            Some(text) => word(text)?,
            None => format!("{entity}s"),
        };
        if entity == plural {
            let span = arguments.plural.as_ref().map_or_else(|| ident.span(), LitStr::span);
            let message = "the entity and its collection have the same name, and clients could not tell the two messages apart; \
                           give the collection another one: `plural = \"..\"`";
            return Err(syn::Error::new(span, message));
        }
        let class = match &arguments.class {
            Some(text) if text.value().is_empty() => {
                return Err(syn::Error::new(text.span(), "a class has a name: `class = \"Character\"`"));
            }
            Some(text) => text.value(),
            None => ident.to_string(),
        };
        Ok(Self { entity, plural, class })
    }
}

fn word(text: &LitStr) -> syn::Result<String> {
    let value = text.value();
    if !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return Ok(value);
    }
    Err(syn::Error::new(text.span(), format!("{value:?} is no name; write one word: \"character\"")))
}

// What the trait has an answer for by itself.
fn optional(arguments: &Arguments, fields: &[Ident]) -> syn::Result<TokenStream> {
    let mut methods = TokenStream::new();
    if let Some(version) = &arguments.version {
        if !fields.contains(version) {
            return Err(syn::Error::new(version.span(), unknown_field(&version.to_string(), fields)));
        }
        methods.extend(quote! {
            fn version(&self) -> ::core::option::Option<u64> {
                ::core::option::Option::Some(::core::convert::Into::into(self.#version))
            }
        });
    }
    if let Some(text) = &arguments.cache_key {
        let Template { texts, fields } = Template::read(text, fields)?;
        methods.extend(quote! {
            fn cache_key(&self) -> ::std::string::String {
                ::callboard::__private::filled(&[#(#texts),*], &[#(&self.#fields),*])
            }
        });
    }
    if let Some(audience) = &arguments.audience {
        methods.extend(quote! {
            fn audience(&self) -> ::std::vec::Vec<::std::string::String> {
                #audience(self)
            }
        });
    }
    Ok(methods)
}

// One `.and_filled(..)`.
fn scope(text: &LitStr, known: &[Ident]) -> syn::Result<TokenStream> {
    let Template { texts, fields } = Template::read(text, known)?;
    // With something in each place it has to be a topic.
    Topic::parse(&texts.join("x")).map_err(|error| syn::Error::new(text.span(), error))?;
    Ok(quote!(.and_filled(&[#(#texts),*], &[#(&self.#fields),*])))
}

impl Template {
    fn read(text: &LitStr, known: &[Ident]) -> syn::Result<Self> {
        let value = text.value();
        let wrong = |message: String| syn::Error::new(text.span(), message);
        let (mut texts, mut fields) = (Vec::new(), Vec::new());
        let mut rest = value.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, behind) = rest.split_at(at);
            let Some((name, behind)) = behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
                return Err(wrong(format!(
                    "{value:?} has a brace without its other one; write a field as \"{{campaign_id}}\""
                )));
            };
            let Some(field) = known.iter().find(|field| **field == name) else {
                return Err(wrong(unknown_field(name, known)));
            };
            texts.push(literal.to_owned());
            fields.push(Ident::new(&field.to_string(), text.span()));
            rest = behind;
        }
        texts.push(rest.to_owned());
        Ok(Self { texts, fields })
    }
}

fn unknown_field(name: &str, fields: &[Ident]) -> String {
    let known: Vec<String> = fields.iter().map(ToString::to_string).collect();
    format!("there is no field `{name}`; the fields are {}", known.join(", "))
}

fn example(fields: &[Ident]) -> String {
    fields.first().map_or_else(|| "uuid".to_owned(), ToString::to_string)
}
