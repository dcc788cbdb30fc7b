use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, FnArg, ItemFn};

/// `#[callboard::test]`, `#[callboard::test(shop())]`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut function: ItemFn = syn::parse2(item)?;
    if function.sig.asyncness.take().is_none() {
        return Err(syn::Error::new_spanned(function.sig.fn_token, "the test is async: `async fn`"));
    }
    let builder: Option<Expr> = if arguments.is_empty() { None } else { Some(syn::parse2(arguments)?) };
    let parameters = std::mem::take(&mut function.sig.inputs);
    let body = &function.block;
    let block = match (&builder, parameters.first(), parameters.len()) {
        (None, None, _) => quote!({ ::callboard::testing::run(async move #body) }),
        (Some(builder), Some(FnArg::Typed(system)), 1) => {
            let (pattern, ty) = (&system.pat, &system.ty);
            quote!({
                ::callboard::testing::run(async move {
                    let __system = (#builder).start().await;
                    let #pattern: #ty = ::core::clone::Clone::clone(&__system);
                    let __returned = async move #body.await;
                    __system.stop().await;
                    __returned
                })
            })
        }
        _ => {
            return Err(syn::Error::new_spanned(
                &function.sig,
                "say how the system is built and take it: `#[callboard::test(shop())] async fn a_test(shop: TestSystem)`; \
                 or neither",
            ));
        }
    };
    *function.block = syn::parse2(block)?;
    Ok(quote! {
        #[::core::prelude::v1::test]
        #function
    })
}
