use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callboard_core::{Pattern, Topic};
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const SECRET: &[u8] = b"a shared secret of at least 32 bytes";

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/keys/", $name, ".pem")).as_slice()
    };
}

fn key(algorithm: Algorithm) -> Key {
    Key::new(
        algorithm,
        match algorithm {
            Algorithm::Hs256 => SECRET,
            Algorithm::Rs256 => pem!("rsa.pub"),
            Algorithm::Es256 => pem!("ec.pub"),
            Algorithm::EdDsa => pem!("ed.pub"),
        },
    )
}

fn sign(algorithm: Algorithm, message: &str) -> Vec<u8> {
    let key = match algorithm {
        Algorithm::Hs256 => EncodingKey::from_secret(SECRET),
        Algorithm::Rs256 => EncodingKey::from_rsa_pem(pem!("rsa")).unwrap(),
        Algorithm::Es256 => EncodingKey::from_ec_pem(pem!("ec")).unwrap(),
        Algorithm::EdDsa => EncodingKey::from_ed_pem(pem!("ed")).unwrap(),
    };
    let algorithm = algorithm.as_str().parse().unwrap();
    (DEFAULT_PROVIDER.signer_factory)(&algorithm, &key).unwrap().try_sign(message.as_bytes()).unwrap()
}

fn token_with(header: &Value, claims: &Value, by: Algorithm) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(by, &message));
    format!("{message}.{signature}")
}

fn token(algorithm: Algorithm, claims: &Value) -> String {
    token_with(&json!({ "alg": algorithm.as_str(), "typ": "JWT" }), claims, algorithm)
}

/// Seconds since 1970, relative to [`NOW`].
fn at(seconds: i64) -> i64 {
    i64::try_from(NOW.as_millis() / 1000).unwrap() + seconds
}

fn with(keys: Vec<Key>) -> AuthConfig {
    AuthConfig { keys, ..AuthConfig::default() }
}

fn ask(config: &AuthConfig, token: &str) -> Result<Arc<Principal>, AuthError> {
    Authenticator::new(config).unwrap().authenticate(Some(token), NOW)
}

#[track_caller]
fn refused(config: &AuthConfig, token: &str, word: &str) {
    let error = ask(config, token).unwrap_err();
    assert!(matches!(error, AuthError::Invalid(_)), "{error:?}");
    assert!(error.to_string().contains(word), "{error}");
    assert!(token.len() < 9 || !error.to_string().contains(token));
}

#[test]
fn each_algorithm_lets_in_whom_its_key_signed_until_the_token_ends() {
    for &algorithm in Algorithm::ALL {
        let config = with(vec![key(algorithm)]);
        let claims = json!({ "sub": "u1", "exp": at(60), "role": "x" });
        let principal = ask(&config, &token(algorithm, &claims)).unwrap();
        assert_eq!(principal.subject.as_deref(), Some("u1"));
        assert_eq!(serde_json::from_str::<Value>(&principal.claims).unwrap(), claims);
        assert_eq!(principal.expires, Some(NOW.after(Duration::from_secs(65))));
        assert_eq!(ask(&config, &token(algorithm, &json!({ "exp": at(-60) }))).unwrap_err(), AuthError::Expired);
        let good = token(algorithm, &claims);
        let (message, signature) = good.rsplit_once('.').unwrap();
        let forged = message.replace(
            message.split_once('.').unwrap().1,
            &URL_SAFE_NO_PAD.encode(json!({ "sub": "admin", "exp": at(60) }).to_string()),
        );
        refused(&config, &format!("{forged}.{signature}"), "signature");
        refused(&config, &format!("{message}."), "signature");
        refused(&config, &format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64])), "signature");
    }
}

#[test]
fn a_key_is_good_for_its_own_algorithm_only() {
    let claims = json!({ "exp": at(60) });
    // The public key is public: as a shared secret it must be worth nothing.
    let config = with(vec![key(Algorithm::Rs256)]);
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signer = EncodingKey::from_secret(pem!("rsa.pub"));
    let signer = (DEFAULT_PROVIDER.signer_factory)(&jsonwebtoken::Algorithm::HS256, &signer).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(signer.try_sign(message.as_bytes()).unwrap());
    refused(&config, &format!("{message}.{signature}"), "no key");
    for alg in ["none", "None", "HS512", "RS512", "PS256", "ES384", ""] {
        refused(&config, &token_with(&json!({ "alg": alg }), &claims, Algorithm::Rs256), "algorithm");
    }
    let all = with(Algorithm::ALL.iter().map(|algorithm| key(*algorithm)).collect());
    for &named in Algorithm::ALL {
        for &signed in Algorithm::ALL.iter().filter(|signed| **signed != named) {
            refused(&all, &token_with(&json!({ "alg": named.as_str() }), &claims, signed), "signature");
        }
    }
}

#[test]
fn what_is_no_token_is_refused_by_its_form() {
    let config = with(vec![key(Algorithm::Hs256)]);
    let good = token(Algorithm::Hs256, &json!({ "exp": at(60) }));
    let claims = |text: &str| {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(text));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(sign(Algorithm::Hs256, &message)))
    };
    for bad in
        ["x", "a.b", "...", "a.b.c", ".", "🦀.🦀.🦀", &format!("{good}="), &format!("{good}.x"), &format!(" {good}")]
    {
        refused(&config, bad, "JSON Web Token");
    }
    for bad in ["[]", "\"x\"", "", "{\"exp\":1", &"[".repeat(2000)] {
        refused(&config, &claims(bad), "not a JSON object");
    }
    refused(&config, &claims(&format!("{{\"a\":\"{}\"}}", "x".repeat(9000))), "8192");
    refused(&config, &claims("{}"), "exp");
    refused(&config, &claims("{\"exp\":\"soon\"}"), "exp");
    refused(&config, &claims(&json!({ "exp": at(60), "nbf": at(60) }).to_string()), "nbf");
    let critical = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    refused(&config, &token_with(&critical, &json!({ "exp": at(60) }), Algorithm::Hs256), "crit");
    let unending = AuthConfig { unending: true, ..config };
    assert_eq!(ask(&unending, &claims("{}")).unwrap().expires, None);
}

#[test]
fn issuer_and_audience_have_to_be_the_nodes() {
    let says = |claims: Value| {
        let mut claims = claims;
        claims["exp"] = at(60).into();
        token(Algorithm::Hs256, &claims)
    };
    let any = with(vec![key(Algorithm::Hs256)]);
    assert!(ask(&any, &says(json!({ "iss": "anybody" }))).is_ok());
    refused(&any, &says(json!({ "aud": "others" })), "auth.audiences");
    let strict = AuthConfig { issuers: vec!["id".to_owned()], audiences: vec!["a".to_owned(), "b".to_owned()], ..any };
    assert!(ask(&strict, &says(json!({ "iss": "id", "aud": "b" }))).is_ok());
    assert!(ask(&strict, &says(json!({ "iss": "id", "aud": ["x", "a"] }))).is_ok());
    for (claims, word) in [
        (json!({ "aud": "a" }), "iss"),
        (json!({ "iss": "di", "aud": "a" }), "iss"),
        (json!({ "iss": "id" }), "aud"),
        (json!({ "iss": "id", "aud": "c" }), "aud"),
        (json!({ "iss": "id", "aud": [] }), "aud"),
        (json!({ "iss": "id", "aud": { "a": 1 } }), "aud"),
    ] {
        refused(&strict, &says(claims), word);
    }
}

#[test]
fn a_token_names_its_key_where_there_are_many() {
    let other = || Key::new(Algorithm::Hs256, "another secret of more than 32 bytes");
    let signed =
        |kid: Value| token_with(&json!({ "alg": "HS256", "kid": kid }), &json!({ "exp": at(60) }), Algorithm::Hs256);
    let two = with(vec![other().named("old"), key(Algorithm::Hs256).named("new")]);
    assert!(ask(&two, &signed(json!("new"))).is_ok());
    assert!(ask(&two, &token(Algorithm::Hs256, &json!({ "exp": at(60) }))).is_ok());
    refused(&two, &signed(json!("old")), "signature");
    refused(&two, &signed(json!("unknown")), "kid");
    let mut many: Vec<Key> = (0..6).map(|n| other().named(n.to_string())).collect();
    many.push(key(Algorithm::Hs256).named("new"));
    let many = with(many);
    assert!(ask(&many, &signed(json!("new"))).is_ok());
    refused(&many, &token(Algorithm::Hs256, &json!({ "exp": at(60) })), "kid");
}

#[test]
fn without_a_token_one_is_what_the_configuration_says() {
    let closed = Authenticator::new(&AuthConfig::default()).unwrap();
    assert_eq!(closed.authenticate(None, NOW).unwrap_err(), AuthError::Closed);
    assert_eq!(closed.authenticate(Some("x"), NOW).unwrap_err(), AuthError::Closed);
    let keyed = with(vec![key(Algorithm::Hs256)]);
    let strict = Authenticator::new(&keyed).unwrap();
    assert_eq!(strict.authenticate(None, NOW).unwrap_err(), AuthError::Missing);
    assert_eq!(strict.authenticate(Some(""), NOW).unwrap_err(), AuthError::Missing);
    let open = Authenticator::new(&AuthConfig::open()).unwrap();
    assert!(open.authenticate(None, NOW).unwrap().grants.admin);
    // Nothing could be verified, and nothing is gained by a token.
    assert_eq!(open.authenticate(Some("x"), NOW).unwrap().subject, None);
    let readers = Grants { subscribe: vec![Pattern::parse("public.*").unwrap()], ..Grants::default() };
    let mixed = AuthConfig { anonymous: Some(readers), ..keyed };
    let mixed = Authenticator::new(&mixed).unwrap();
    assert!(mixed.authenticate(None, NOW).unwrap().grants.may_subscribe(&Pattern::parse("public.a").unwrap()));
    assert!(matches!(mixed.authenticate(Some("x"), NOW), Err(AuthError::Invalid(_))));
    // Who says who he is may do no less than who does not.
    let known = mixed.authenticate(Some(&token(Algorithm::Hs256, &json!({ "sub": "u", "exp": at(9) }))), NOW).unwrap();
    assert!(known.grants.may_subscribe(&Pattern::parse("public.a").unwrap()));
}

#[test]
fn rules_and_the_claim_grant_by_the_verified_claims() {
    let rule = Rule {
        when: BTreeMap::from([("plan".to_owned(), "pro".to_owned())]),
        subscribe: vec!["user.{sub}.>".to_owned()],
        ..Rule::default()
    };
    let config = AuthConfig { rules: vec![rule], ..with(vec![key(Algorithm::Es256)]) };
    let claims = json!({ "sub": "u1", "exp": at(60), "plan": "pro", "callboard": { "publish": ["chat.*"] } });
    let grants = &ask(&config, &token(Algorithm::Es256, &claims)).unwrap().grants;
    assert!(grants.may_subscribe(&Pattern::parse("user.u1.mail").unwrap()));
    assert!(!grants.may_subscribe(&Pattern::parse("user.u2.mail").unwrap()));
    assert!(grants.may_publish(&Topic::parse("chat.lobby").unwrap()) && !grants.admin);
    let wrong = json!({ "exp": at(60), "callboard": { "publish": "all" } });
    refused(&config, &token(Algorithm::Es256, &wrong), "callboard.publish");
    let anycable = json!({ "exp": at(60), "ext": "{\"user_id\":7}" });
    let principal = ask(&config, &token(Algorithm::Es256, &anycable)).unwrap();
    assert_eq!(principal.subject.as_deref(), Some("{\"user_id\":7}"));
}

#[test]
fn a_verified_token_is_good_until_it_ends_and_no_longer() {
    let config = AuthConfig { leeway: Duration::ZERO, ..with(vec![key(Algorithm::EdDsa)]) };
    let authenticator = Authenticator::new(&config).unwrap();
    let token = token(Algorithm::EdDsa, &json!({ "sub": "u", "exp": at(10) }));
    let first = authenticator.authenticate(Some(&token), NOW).unwrap();
    let again = authenticator.authenticate(Some(&token), NOW.after(Duration::from_secs(9))).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let late = authenticator.authenticate(Some(&token), NOW.after(Duration::from_secs(10)));
    assert_eq!(late.unwrap_err(), AuthError::Expired);
}

fn jwks(keys: &[(Algorithm, &str)]) -> Value {
    let jwk = |(algorithm, kid): &(Algorithm, &str)| {
        let decoding = match algorithm {
            Algorithm::Hs256 => DecodingKey::from_secret(SECRET),
            Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem!("rsa.pub")).unwrap(),
            Algorithm::Es256 => DecodingKey::from_ec_pem(pem!("ec.pub")).unwrap(),
            Algorithm::EdDsa => DecodingKey::from_ed_pem(pem!("ed.pub")).unwrap(),
        };
        let mut jwk = serde_json::to_value(Jwk::from_decoding_key(&decoding, None).unwrap()).unwrap();
        jwk["kid"] = (*kid).into();
        jwk["use"] = "sig".into();
        jwk
    };
    json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() })
}

// As it is done by careful people: written beside it, then moved over it.
fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

#[test]
fn keys_are_rotated_by_changing_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let mut all = jwks(&[(Algorithm::Rs256, "a"), (Algorithm::EdDsa, "d"), (Algorithm::Hs256, "h")]);
    let strange = json!([{ "kty": "RSA", "use": "enc", "n": "AQ", "e": "AQ" }, { "kty": "EC", "crv": "P-521", "x": "", "y": "" }, 7]);
    all["keys"].as_array_mut().unwrap().extend(strange.as_array().unwrap().iter().cloned());
    put(&file, &all.to_string());
    let config = AuthConfig { jwks: Some(file.clone()), ..AuthConfig::default() };
    let authenticator = Authenticator::new(&config).unwrap();
    let signed = |algorithm: Algorithm, kid: &str| {
        token_with(
            &json!({ "alg": algorithm.as_str(), "kid": kid }),
            &json!({ "sub": kid, "exp": at(3600) }),
            algorithm,
        )
    };
    let (old, new) = (signed(Algorithm::Rs256, "a"), signed(Algorithm::Es256, "e"));
    let asked = |token: &str, second| authenticator.authenticate(Some(token), NOW.after(Duration::from_secs(second)));
    for (algorithm, kid) in [(Algorithm::Rs256, "a"), (Algorithm::EdDsa, "d"), (Algorithm::Hs256, "h")] {
        assert_eq!(asked(&signed(algorithm, kid), 0).unwrap().subject.as_deref(), Some(kid));
    }
    assert!(asked(&new, 0).is_err());
    // Both for a while, then the new one alone.
    put(&file, &jwks(&[(Algorithm::Rs256, "a"), (Algorithm::Es256, "e")]).to_string());
    assert!(asked(&new, 2).is_ok() && asked(&old, 2).is_ok());
    put(&file, &jwks(&[(Algorithm::Es256, "e")]).to_string());
    assert!(asked(&new, 4).is_ok());
    assert!(asked(&old, 4).is_err(), "what a key verified that is gone is verified no more");
    // What cannot be used changes nothing.
    let huge = format!("{{\"keys\":[]}}{}", " ".repeat(300_000));
    for (second, broken) in [(6, "{"), (8, "{\"keys\":[]}"), (10, "{\"keys\":{}}"), (12, huge.as_str())] {
        put(&file, broken);
        assert!(asked(&new, second).is_ok() && asked(&old, second).is_err());
    }
    std::fs::remove_file(&file).unwrap();
    assert!(asked(&new, 14).is_ok());
    put(&file, &jwks(&[(Algorithm::Rs256, "a")]).to_string());
    assert!(asked(&old, 16).is_ok() && asked(&new, 16).is_err());
}

#[test]
fn wrong_keys_are_found_before_anybody_is_let_in() {
    let wrong = |key: Key| Authenticator::new(&with(vec![key])).unwrap_err().to_string();
    for (key, word) in [
        (Key::new(Algorithm::Hs256, "short"), "32"),
        (Key::new(Algorithm::Rs256, pem!("rsa1024.pub")), "1024 bits"),
        (Key::new(Algorithm::Rs256, pem!("rsa")), "public"),
        (Key::new(Algorithm::Rs256, pem!("ec.pub")), "public"),
        (Key::new(Algorithm::Es256, pem!("p384.pub")), "ES256"),
        (Key::new(Algorithm::Es256, pem!("ed.pub")), "ES256"),
        (Key::new(Algorithm::EdDsa, pem!("ec.pub")), "EdDSA"),
        (Key::new(Algorithm::EdDsa, "text"), "PEM"),
    ] {
        let text = wrong(key);
        assert!(text.contains(word) && text.contains("auth.keys[0]"), "{text}");
    }
    let missing = AuthConfig { jwks: Some("no-such-file.json".into()), ..AuthConfig::default() };
    assert!(Authenticator::new(&missing).unwrap_err().to_string().contains("no-such-file.json"));
}
