//! Tokens as an issuer makes them, with the keys of the tests.

use std::time::Duration;

use callboard_gateway::auth::{Algorithm, Key};
use callboard_gateway::{AuthConfig, GatewayConfig};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

/// The time that the tests' clocks show.
pub(crate) const NOW: u64 = 1_767_225_600;
const SECRET: &[u8] = b"a shared secret of at least 32 bytes";

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!("../keys/", $name, ".pem")).as_slice()
    };
}

/// A node that verifies what this algorithm signed, and lets in nobody else.
pub(crate) fn auth(algorithm: Algorithm) -> AuthConfig {
    let material = match algorithm {
        Algorithm::Hs256 => SECRET,
        Algorithm::Rs256 => pem!("rsa.pub"),
        Algorithm::Es256 => pem!("ec.pub"),
        Algorithm::EdDsa => pem!("ed.pub"),
    };
    let keys = vec![Key::new(algorithm, material).named("k1")];
    AuthConfig { keys, leeway: Duration::ZERO, ..AuthConfig::default() }
}

pub(crate) fn config(auth: AuthConfig) -> GatewayConfig {
    GatewayConfig::on("127.0.0.1:0".parse().unwrap()).with_auth(auth)
}

/// A signed token.
pub(crate) fn token(algorithm: Algorithm, claims: &Value) -> String {
    let key = match algorithm {
        Algorithm::Hs256 => EncodingKey::from_secret(SECRET),
        Algorithm::Rs256 => EncodingKey::from_rsa_pem(pem!("rsa")).unwrap(),
        Algorithm::Es256 => EncodingKey::from_ec_pem(pem!("ec")).unwrap(),
        Algorithm::EdDsa => EncodingKey::from_ed_pem(pem!("ed")).unwrap(),
    };
    let mut header = Header::new(algorithm.as_str().parse().unwrap());
    header.kid = Some("k1".to_owned());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

/// A token of user `u1` with these rights, good for a minute.
pub(crate) fn granting(rights: &Value) -> String {
    token(Algorithm::Es256, &json!({ "sub": "u1", "exp": NOW + 60, "callboard": rights }))
}
