//! Who sits at the table, with the tokens by which the node knows them. In a real application the part that signs people in makes
//! these.

use std::collections::hash_map::RandomState;
use std::fs::OpenOptions;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

use crate::CAMPAIGN;

/// The secret by which tokens are signed and verified.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret of a folder, made when there is none: after a restart the tokens of open pages are still good.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn kept_in(folder: &Path) -> io::Result<Self> {
        let path = folder.join("tokens.secret");
        match std::fs::read(&path) {
            Ok(bytes) if bytes.len() >= 32 => return Ok(Self(bytes)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let secret = Self::new();
        options.open(path)?.write_all(&secret.0)?;
        Ok(secret)
    }

    // The standard library draws its hash keys from the operating system. Good enough for a table on one's own machine.
    fn new() -> Self {
        Self(
            (0..8_u64)
                .flat_map(|n| {
                    let mut hasher = RandomState::new().build_hasher();
                    hasher.write_u64(n);
                    hasher.finish().to_be_bytes()
                })
                .collect(),
        )
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Somebody with a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name, by which the node knows them too.
    pub name: &'static str,
    /// `gamemaster` or `player`.
    pub role: &'static str,
    /// What they connect with.
    pub token: String,
}

#[derive(Serialize)]
struct Claims {
    sub: &'static str,
    role: &'static str,
    campaigns: Vec<u64>,
    exp: u64,
}

/// The people of the page, with tokens that are good for so long.
///
/// # Errors
/// A token cannot be signed.
pub fn at_the_table(secret: &Secret, tokens_for: Duration) -> io::Result<Vec<Person>> {
    let exp = seconds_now().saturating_add(tokens_for.as_secs());
    // Eve plays elsewhere.
    let people = [
        ("ann", "gamemaster", CAMPAIGN),
        ("bob", "player", CAMPAIGN),
        ("cyd", "player", CAMPAIGN),
        ("eve", "player", 8),
    ];
    let signed = people.map(|(name, role, campaign)| {
        let claims = Claims { sub: name, role, campaigns: vec![campaign], exp };
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.bytes()));
        token.map(|token| Person { name, role, token }).map_err(io::Error::other)
    });
    signed.into_iter().collect()
}

#[expect(clippy::disallowed_methods, reason = "a token's end is a time of the machine")]
fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
