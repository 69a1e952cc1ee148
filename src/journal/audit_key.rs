//! The key of a keyed hash chain: who does not have it cannot compute the hash of a row.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Text;

/// Shorter keys could be guessed.
pub const SHORTEST_AUDIT_KEY: usize = 16;

/// What is authenticated to tell keys apart without showing them.
const KEY_ID_TEXT: &[u8] = b"haltpoint audit key 1";

/// How much of that is shown, in bytes.
const KEY_ID_LENGTH: usize = 8;

/// An audit key. Clones share it; nothing that is printed or stored shows more of it than its id.
#[derive(Clone)]
pub struct AuditKey(Arc<Inner>);

struct Inner {
    mac: Hmac<Sha256>,
    id: Text,
}

/// The key is too short to keep anybody out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an audit key needs at least {SHORTEST_AUDIT_KEY} bytes, the one given has {length}; take 32 random bytes, as \
     `openssl rand -hex 32` prints them"
)]
pub struct ShortAuditKey {
    /// Length of the key that was given, in bytes.
    pub length: usize,
}

impl AuditKey {
    /// The key made of these bytes, taken as they are.
    ///
    /// # Errors
    /// When there are fewer than [`SHORTEST_AUDIT_KEY`].
    pub fn new(bytes: &[u8]) -> Result<Self, ShortAuditKey> {
        let short = ShortAuditKey { length: bytes.len() };
        if bytes.len() < SHORTEST_AUDIT_KEY {
            return Err(short);
        }
        // HMAC takes keys of any length.
        let mac = Hmac::<Sha256>::new_from_slice(bytes).map_err(|_| short)?;
        let digest = mac.clone().chain_update(KEY_ID_TEXT).finalize().into_bytes();
        let id = super::hexadecimal(&digest[..KEY_ID_LENGTH]).into();
        Ok(Self(Arc::new(Inner { mac, id })))
    }

    /// Tells this key from others: 16 hexadecimal digits, from which the key cannot be found.
    #[must_use]
    pub fn id(&self) -> &Text {
        &self.0.id
    }

    /// What authenticates a message with this key.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        self.0.mac.clone()
    }
}

impl PartialEq for AuditKey {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for AuditKey {}

impl fmt::Debug for AuditKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("AuditKey").field(self.id()).finish()
    }
}
