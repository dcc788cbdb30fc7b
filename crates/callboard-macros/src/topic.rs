use callboard_core::Topic;
use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

/// `topic!("a.b")`.
pub(crate) fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let text: LitStr = syn::parse2(input)
        .map_err(|error| syn::Error::new(error.span(), "write a topic as one text: `topic!(\"order.events\")`"))?;
    Topic::parse(&text.value()).map_err(|error| syn::Error::new(text.span(), error))?;
    Ok(quote! {{
        static TOPIC: ::callboard::__private::LazyLock<::callboard::__private::Topic> =
            ::callboard::__private::LazyLock::new(|| ::callboard::__private::checked_topic(#text));
        ::callboard::__private::Topic::clone(&TOPIC)
    }})
}
