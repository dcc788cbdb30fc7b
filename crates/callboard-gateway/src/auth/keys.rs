//! [`KeyRing`]: the keys by which tokens are verified, from the configuration and from a file that may change.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callboard_core::Timestamp;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};

use super::config::{Algorithm, AuthConfig, AuthConfigError, Key};

/// How often the file is looked at, while tokens come.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of the file.
const FILE_LEN_MAX: u64 = 256 * 1024;
/// Keys, of the configuration and of the file.
const KEYS_MAX: usize = 64;
/// Keys that are tried for one token.
const TRIES_MAX: usize = 4;
/// Bytes of a shared secret (RFC 7518, section 3.2).
const SECRET_LEN_MIN: usize = 32;
/// Bits of an RSA key: less is no longer safe, more is not supported.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A key, bound to its algorithm.
#[derive(Debug)]
pub(super) struct VerifyingKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    fn configured(key: &Key) -> Result<Self, String> {
        let material = &*key.material;
        let not_pem = |_| format!("is not a public {} key as PEM text (BEGIN PUBLIC KEY)", key.algorithm.as_str());
        let decoding = match key.algorithm {
            Algorithm::Hs256 => DecodingKey::from_secret(material),
            Algorithm::Rs256 => DecodingKey::from_rsa_pem(material).map_err(not_pem)?,
            Algorithm::Es256 => DecodingKey::from_ec_pem(material).map_err(not_pem)?,
            Algorithm::EdDsa => DecodingKey::from_ed_pem(material).map_err(not_pem)?,
        };
        Self::checked(key.id.clone(), key.algorithm, decoding)
    }

    // `None` for keys of other uses and algorithms, which a set may have beside ours.
    fn from_jwk(jwk: &Jwk) -> Result<Option<Self>, String> {
        let algorithm = match (&jwk.algorithm, jwk.common.key_algorithm) {
            (AlgorithmParameters::OctetKey(_), None | Some(KeyAlgorithm::HS256)) => Algorithm::Hs256,
            (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Algorithm::Rs256,
            (AlgorithmParameters::EllipticCurve(key), None | Some(KeyAlgorithm::ES256))
                if key.curve == EllipticCurve::P256 =>
            {
                Algorithm::Es256
            }
            (AlgorithmParameters::OctetKeyPair(key), None | Some(KeyAlgorithm::EdDSA))
                if key.curve == EllipticCurve::Ed25519 =>
            {
                Algorithm::EdDsa
            }
            _ => return Ok(None),
        };
        if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return Ok(None);
        }
        let key = DecodingKey::from_jwk(jwk).map_err(|_| "has members that are not base64url".to_owned())?;
        Self::checked(jwk.common.key_id.clone(), algorithm, key).map(Some)
    }

    // The library looks at a key only when a token comes, and then takes what it is given.
    fn checked(id: Option<String>, algorithm: Algorithm, key: DecodingKey) -> Result<Self, String> {
        let len = key.try_get_as_bytes().map_or(0, <[u8]>::len);
        match algorithm {
            Algorithm::Hs256 if len < SECRET_LEN_MIN => {
                return Err(format!("is a secret of {len} bytes; give at least {SECRET_LEN_MIN} random ones"));
            }
            Algorithm::Rs256 => {
                let bits = rsa_bits(&key).ok_or("is not a public RSA key")?;
                if !RSA_BITS.contains(&bits) {
                    return Err(format!("has {bits} bits; an RSA key has {} to {}", RSA_BITS.start(), RSA_BITS.end()));
                }
            }
            Algorithm::EdDsa if len != 32 => return Err("is not a public Ed25519 key".to_owned()),
            Algorithm::Hs256 | Algorithm::Es256 | Algorithm::EdDsa => {}
        }
        (DEFAULT_PROVIDER.verifier_factory)(&library(algorithm), &key)
            .map_err(|_| format!("is not a public {} key", algorithm.as_str()))?;
        Ok(Self { id, algorithm, key })
    }

    /// Whether the signature is this key's, by this key's algorithm.
    pub(super) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        // Asked of the backend itself: a program that brings another one along does not change what is done here.
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&library(self.algorithm), &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

const fn library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

fn rsa_bits(key: &DecodingKey) -> Option<usize> {
    use jsonwebtoken::DecodingKeyKind;
    let modulus = match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.clone(),
        DecodingKeyKind::SecretOrDer(der) => {
            (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der).ok()?.0
        }
    };
    let modulus = &modulus[modulus.iter().position(|byte| *byte != 0)?..];
    Some(modulus.len() * 8 - usize::try_from(modulus[0].leading_zeros()).ok()?)
}

/// The keys of one moment.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<Arc<VerifyingKey>>,
    /// Counts the sets, so that what was verified with an older one is not trusted for ever.
    pub(super) generation: u64,
}

impl KeySet {
    /// The keys that may have signed a token. They are few, whatever a token says.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn candidates(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> Result<Vec<&VerifyingKey>, &'static str> {
        let fits = |key: &&VerifyingKey| {
            let named = id.is_none() || key.id.is_none() || key.id.as_deref() == id;
            key.algorithm == algorithm && named
        };
        let found: Vec<_> = self.keys.iter().map(|key| &**key).filter(fits).take(TRIES_MAX + 1).collect();
        match found.len() {
            0 => Err("no key of this node is of its algorithm (alg) and name (kid)"),
            1..=TRIES_MAX => Ok(found),
            _ => Err("it does not say by its kid which of the node's keys signed it"),
        }
    }
}

/// The keys, kept as the file says.
#[derive(Debug)]
pub(super) struct KeyRing {
    configured: Vec<Arc<VerifyingKey>>,
    file: Option<KeyFile>,
    current: RwLock<Arc<KeySet>>,
}

#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    // When it was looked at last, in milliseconds.
    looked: AtomicU64,
    // What was seen then. Whoever holds the lock looks; nobody waits for it.
    seen: Mutex<Option<Stamp>>,
}

impl KeyRing {
    /// Reads and checks all keys.
    ///
    /// # Errors
    /// A key that is none, a file that cannot be read. Nothing of a key is in the text.
    pub(super) fn new(config: &AuthConfig) -> Result<Self, AuthConfigError> {
        if config.keys.len() > KEYS_MAX {
            return Err(AuthConfigError(format!("auth.keys has {} keys; the most is {KEYS_MAX}", config.keys.len())));
        }
        let mut configured = Vec::with_capacity(config.keys.len());
        for (place, key) in config.keys.iter().enumerate() {
            let read = VerifyingKey::configured(key);
            configured.push(Arc::new(read.map_err(|why| AuthConfigError(format!("auth.keys[{place}] {why}")))?));
        }
        let ring = Self { configured, file: None, current: RwLock::default() };
        let Some(path) = &config.jwks else {
            ring.replace(Vec::new());
            return Ok(ring);
        };
        let (stamp, keys) =
            read(path).map_err(|why| AuthConfigError(format!("auth.jwks, {}: {why}", path.display())))?;
        ring.replace(keys);
        let file = KeyFile { path: path.clone(), looked: AtomicU64::new(0), seen: Mutex::new(Some(stamp)) };
        Ok(Self { file: Some(file), ..ring })
    }

    /// The keys as they are now. When the file was changed it is read, by whoever comes first; when it cannot be used the keys stay as
    /// they were and the log says why.
    pub(super) fn at(&self, now: Timestamp) -> Arc<KeySet> {
        if let Some(file) = &self.file
            && let Some(keys) = file.changed(now)
        {
            tracing::info!(file = %file.path.display(), keys = keys.len(), "the keys for tokens were read again");
            self.replace(keys);
        }
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, from_file: Vec<VerifyingKey>) {
        let keys = self.configured.iter().cloned().chain(from_file.into_iter().map(Arc::new)).collect();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(KeySet { keys, generation: current.generation + 1 });
    }
}

impl KeyFile {
    fn changed(&self, now: Timestamp) -> Option<Vec<VerifyingKey>> {
        let (now, last) = (now.as_millis(), self.looked.load(Ordering::Relaxed));
        // The wall clock may be set back.
        if u128::from(now.abs_diff(last)) < LOOK_INTERVAL.as_millis() {
            return None;
        }
        let mut seen = self.seen.try_lock().ok()?;
        self.looked.store(now, Ordering::Relaxed);
        let stamp = std::fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata));
        if stamp.as_ref().ok() == seen.as_ref() {
            return None;
        }
        // Seen before it is read: when it changes in between, it is read once more.
        *seen = stamp.ok();
        match read(&self.path) {
            Ok((_, keys)) => Some(keys),
            Err(why) => {
                tracing::warn!(file = %self.path.display(), why, "the keys for tokens stay as they were");
                None
            }
        }
    }
}

/// By what a changed file is told from an unchanged one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { len: metadata.len(), modified: metadata.modified().ok(), inode }
    }
}

fn read(path: &Path) -> Result<(Stamp, Vec<VerifyingKey>), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let stamp = Stamp::of(&file.metadata().map_err(|error| error.to_string())?);
    let mut text = Vec::new();
    file.take(FILE_LEN_MAX + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_LEN_MAX {
        return Err(format!("it has more than {FILE_LEN_MAX} bytes"));
    }
    Ok((stamp, parse(&text)?))
}

#[derive(serde::Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

fn parse(text: &[u8]) -> Result<Vec<VerifyingKey>, String> {
    // Errors of the parser may quote what they found, which may be a secret.
    let document: Document =
        serde_json::from_slice(text).map_err(|_| "it is not a JSON Web Key Set: {\"keys\": [...]}".to_owned())?;
    let mut keys = Vec::new();
    for (place, value) in document.keys.into_iter().enumerate() {
        let Ok(jwk) = serde_json::from_value::<Jwk>(value) else {
            tracing::debug!(place, "a key of the set is of a kind that is not used here");
            continue;
        };
        match VerifyingKey::from_jwk(&jwk) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => tracing::debug!(place, "a key of the set is for something else"),
            Err(why) => return Err(format!("keys[{place}] {why}")),
        }
    }
    match keys.len() {
        0 => Err("it has no key for HS256, RS256, ES256 or EdDSA".to_owned()),
        1..=KEYS_MAX => Ok(keys),
        len => Err(format!("it has {len} keys; the most is {KEYS_MAX}")),
    }
}

/// Bytes as tokens and key sets have them.
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
