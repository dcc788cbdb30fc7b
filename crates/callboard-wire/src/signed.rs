//! Signed stream names: a name that a web application made for a client, which the client hands on and cannot change.
//!
//! The form is that of Rails' `MessageVerifier` with SHA-256 and JSON, as `signed_stream_name` of AnyCable, Turbo and CableReady have
//! it: `base64(json(name)) + "--" + hex(hmac_sha256(secret, base64(json(name))))`, the base64 being the standard one with padding. The
//! secret is that of the application: AnyCable's `ANYCABLE_STREAMS_SECRET`, or what Turbo derives from its `secret_key_base`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Signs and verifies stream names with one secret.
#[derive(Clone)]
pub struct StreamSigner(Hmac<Sha256>);

/// Why a signed stream name is refused. Nothing in it says what a right one would have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// It is not `<base64>--<hex>`.
    #[error("it is not of the form <base64>--<hex>")]
    Form,
    /// Somebody without the secret made or changed it.
    #[error("its signature is wrong: the application and this node need the same secret")]
    Signature,
    /// The secret's owner signed something that is no stream name.
    #[error("what is signed is not a name: sign a JSON string, without a purpose and an expiry")]
    Content,
}

/// Bytes of a signed name; what is longer is no name of ours.
const SIGNED_LEN_MAX: usize = 4096;

impl StreamSigner {
    /// With the secret of the application that signs.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        // A key of any length is one.
        let mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new_from_slice(secret);
        Self(mac.unwrap_or_else(|_| <Hmac<Sha256> as hmac::digest::KeyInit>::new(&Default::default())))
    }

    /// The signed form of a stream's name.
    #[must_use]
    pub fn sign(&self, name: &str) -> String {
        let mut json = String::with_capacity(name.len() + 2);
        crate::session::envelope::string(&mut json, name);
        let mut signed = STANDARD.encode(json);
        let tag = self.mac(&signed).finalize().into_bytes();
        signed.push_str("--");
        push_hex(&mut signed, &tag);
        signed
    }

    /// The name, if it was signed with this secret. The comparison takes as long for a signature that is nearly right as for any
    /// other.
    ///
    /// # Errors
    /// [`SignedError`].
    pub fn verify(&self, signed: &str) -> Result<String, SignedError> {
        if signed.len() > SIGNED_LEN_MAX {
            return Err(SignedError::Form);
        }
        let (data, tag) = signed.rsplit_once("--").ok_or(SignedError::Form)?;
        let tag = from_hex(tag).ok_or(SignedError::Form)?;
        self.mac(data).verify_slice(&tag).map_err(|_| SignedError::Signature)?;
        let json = STANDARD.decode(data).map_err(|_| SignedError::Content)?;
        serde_json::from_slice(&json).map_err(|_| SignedError::Content)
    }

    fn mac(&self, data: &str) -> Hmac<Sha256> {
        self.0.clone().chain_update(data)
    }
}

impl fmt::Debug for StreamSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamSigner")
    }
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with Python's hmac, hashlib and base64.
    const LONG_SECRET: &[u8] = b"a-much-longer-secret-that-has-more-than-sixty-four-bytes-in-it-so-it-is-hashed";
    const GOLDEN: [(&[u8], &str, &str); 4] = [
        (
            b"s3Krit",
            "order.events",
            "Im9yZGVyLmV2ZW50cyI=--4691f33ab2fc463842d06ee513d41c1cbb4b3b4371dc6284a5ee924b75861523",
        ),
        (b"s3Krit", "campaign:7", "ImNhbXBhaWduOjci--dee4344d39f7a3071a9a9c21390e329e9b10d929b9138ad42df6fcbcc65e4c31"),
        (
            b"s3Krit",
            "straße \"1\"",
            "InN0cmHDn2UgXCIxXCIi--fcce5515185d7fb4610f2375354ca8f8851f62e5f2603102dad1f915411ed518",
        ),
        (
            LONG_SECRET,
            "order.events",
            "Im9yZGVyLmV2ZW50cyI=--c5e1ea5ee73b61b0134e5c08358baa0d5812773cffec96d4794ffb3f36a95f51",
        ),
    ];

    #[test]
    fn names_are_signed_as_rails_signs_them() {
        for (secret, name, signed) in GOLDEN {
            let signer = StreamSigner::new(secret);
            assert_eq!(signer.sign(name), signed);
            assert_eq!(signer.verify(signed).as_deref(), Ok(name));
        }
    }

    #[test]
    fn a_name_that_was_changed_or_signed_by_somebody_else_is_refused() {
        let (_, _, signed) = GOLDEN[0];
        let signer = StreamSigner::new(GOLDEN[0].0);
        assert_eq!(StreamSigner::new(b"other").verify(signed), Err(SignedError::Signature));
        let (data, tag) = signed.split_once("--").unwrap();
        let other = STANDARD.encode("\"order.secrets\"");
        assert_eq!(signer.verify(&format!("{other}--{tag}")), Err(SignedError::Signature));
        let flipped = if tag.starts_with('0') { "1" } else { "0" };
        assert_eq!(signer.verify(&format!("{data}--{flipped}{}", &tag[1..])), Err(SignedError::Signature));
        for bad in [
            "",
            "--",
            data,
            &format!("{data}--"),
            &format!("{data}--{tag}00"),
            &format!("{data}--{}", tag.to_uppercase()),
        ] {
            assert_eq!(signer.verify(bad), Err(SignedError::Form), "{bad}");
        }
        assert_eq!(signer.verify(&format!("{}--{tag}", "A".repeat(100_000))), Err(SignedError::Form));
    }

    #[test]
    fn what_is_signed_and_no_name_is_refused() {
        let signer = StreamSigner::new(b"s3Krit");
        for content in [r#"{"_rails":{"message":"x"}}"#, "7", "[\"a\"]", "\"a\" \"b\"", ""] {
            let mut signed = STANDARD.encode(content);
            let tag = signer.mac(&signed).finalize().into_bytes();
            signed.push_str("--");
            push_hex(&mut signed, &tag);
            assert_eq!(signer.verify(&signed), Err(SignedError::Content), "{content}");
        }
    }
}
