//! The hash chain: each row's hash covers its content and the hash of the row before.

use sha2::{Digest, Sha256};

use crate::Timestamp;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// The hash that stands before a run's first row.
#[must_use]
pub fn genesis_hash(run_id: &str) -> Hash {
    Sha256::new()
        .chain_update(b"haltpoint journal 1\0")
        .chain_update(run_id.as_bytes())
        .finalize()
        .into()
}

/// The hash of a row. Each part goes in with its length, so that no two rows share an encoding.
#[must_use]
pub fn chain_hash(previous: &Hash, seq: u64, at: Timestamp, outsider: bool, kind: &str, payload: &str) -> Hash {
    Sha256::new()
        .chain_update(previous)
        .chain_update(seq.to_le_bytes())
        .chain_update(at.0.to_le_bytes())
        .chain_update([u8::from(outsider)])
        .chain_update((kind.len() as u64).to_le_bytes())
        .chain_update(kind.as_bytes())
        .chain_update((payload.len() as u64).to_le_bytes())
        .chain_update(payload.as_bytes())
        .finalize()
        .into()
}
