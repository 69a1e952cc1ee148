//! The hash chain: each row's hash covers its content and the hash of the row before.

use hmac::Mac;
use sha2::digest::Update;
use sha2::{Digest, Sha256};

use super::AuditKey;
use crate::Timestamp;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// How the hashes of a run's rows are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// SHA-256: whoever can write the rows can compute their hashes, too.
    Plain,
    /// HMAC-SHA-256 of the same bytes: only who has the key can.
    Keyed(AuditKey),
}

impl Chain {
    /// The chain of runs that are written with that key, or without one.
    #[must_use]
    pub fn with_key(key: Option<&AuditKey>) -> Self {
        key.map_or(Self::Plain, |key| Self::Keyed(key.clone()))
    }

    /// The hash that stands before a run's first row.
    #[must_use]
    pub fn genesis(&self, run_id: &str) -> Hash {
        match self {
            Self::Plain => genesis_hash(run_id),
            Self::Keyed(key) => genesis(key.mac(), run_id).finalize().into_bytes().into(),
        }
    }

    /// The hash of the row that follows upon one with the hash `previous`.
    #[must_use]
    pub fn next(&self, previous: &Hash, seq: u64, at: Timestamp, outsider: bool, kind: &str, payload: &str) -> Hash {
        match self {
            Self::Plain => chain_hash(previous, seq, at, outsider, kind, payload),
            Self::Keyed(key) => row(key.mac(), previous, seq, at, outsider, kind, payload)
                .finalize()
                .into_bytes()
                .into(),
        }
    }
}

/// The hash that stands before the first row of a run whose chain is not keyed.
#[must_use]
pub fn genesis_hash(run_id: &str) -> Hash {
    genesis(Sha256::new(), run_id).finalize().into()
}

/// The hash of a row in a chain that is not keyed.
#[must_use]
pub fn chain_hash(previous: &Hash, seq: u64, at: Timestamp, outsider: bool, kind: &str, payload: &str) -> Hash {
    row(Sha256::new(), previous, seq, at, outsider, kind, payload)
        .finalize()
        .into()
}

fn genesis<D: Update>(digest: D, run_id: &str) -> D {
    digest.chain(b"haltpoint journal 1\0").chain(run_id)
}

/// Each part goes in with its length, so that no two rows share an encoding.
fn row<D: Update>(digest: D, previous: &Hash, seq: u64, at: Timestamp, outsider: bool, kind: &str, payload: &str) -> D {
    digest
        .chain(previous)
        .chain(seq.to_le_bytes())
        .chain(at.0.to_le_bytes())
        .chain([u8::from(outsider)])
        .chain((kind.len() as u64).to_le_bytes())
        .chain(kind)
        .chain((payload.len() as u64).to_le_bytes())
        .chain(payload)
}
