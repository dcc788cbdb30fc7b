//! Tokens as an issuer makes them.

use std::time::Duration;

use callboard_gateway::auth::{Algorithm, AuthConfig, Key};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

const SECRET: &[u8] = b"a shared secret of at least 32 bytes";

pub(crate) fn key() -> Key {
    Key::new(Algorithm::Hs256, SECRET)
}

/// A node that lets in whoever has a token of this key.
pub(crate) fn auth(key: &Key) -> AuthConfig {
    AuthConfig { keys: vec![key.clone()], leeway: Duration::ZERO, ..AuthConfig::default() }
}

fn signed(within: Duration, rights: &Value) -> String {
    #[expect(clippy::disallowed_methods, reason = "a token of the real clock, as the node's is")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let claims = json!({ "sub": "u1", "exp": (now + within).as_secs(), "callboard": rights });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

/// A token of user `u1` with these rights.
pub(crate) fn granting(rights: &Value) -> String {
    signed(Duration::from_secs(600), rights)
}

/// A token with every right to hear, for a while.
pub(crate) fn expiring(within: Duration) -> String {
    signed(within, &json!({ "subscribe": [">"] }))
}
