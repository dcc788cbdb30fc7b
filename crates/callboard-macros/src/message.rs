use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, LitStr};

/// `#[derive(Message)]`.
pub(crate) fn derive(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &input.generics,
            "a message has one name, so its type takes no parameters; derive `Message` for a struct that holds the concrete type",
        ));
    }
    let mut name = input.ident.to_string();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("message")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("the only key is `name`: `#[message(name = \"shop.Order\")]`"));
            }
            let text: LitStr = meta.value()?.parse()?;
            name = text.value();
            check_name(&name).map_err(|message| syn::Error::new(text.span(), message))
        })?;
    }
    let ident = &input.ident;
    let type_name = quote!(::callboard::__private::Name::from_static(#name));
    Ok(quote! {
        impl ::callboard::Message for #ident {
            const TYPE: ::core::option::Option<::callboard::__private::TypeRef> =
                ::core::option::Option::Some(::callboard::__private::TypeRef {
                    name: #type_name,
                    encoding: ::callboard::__private::Encoding::Json,
                });

            fn to_payload(&self) -> ::core::result::Result<::callboard::Payload, ::callboard::CallError> {
                ::callboard::__private::encode_json(self, #type_name)
            }

            fn from_payload(
                payload: &::callboard::Payload,
            ) -> ::core::result::Result<Self, ::callboard::CallError> {
                ::callboard::__private::decode_json(payload)
            }
        }
    })
}

fn check_name(name: &str) -> Result<(), String> {
    let token = |token: &str| {
        token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if name.len() <= 255 && name.split('.').all(token) {
        return Ok(());
    }
    Err(format!("{name:?} is not a type's name; write identifiers joined by dots, as in protobuf: \"shop.v1.Order\""))
}
