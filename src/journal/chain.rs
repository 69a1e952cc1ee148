//! The hash chain: each row's hash covers its content and the hash of the row before.

use hmac::Mac;
use sha2::digest::Update;
use sha2::{Digest, Sha256};

use super::{AuditKey, Format, Seal};
use crate::Timestamp;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// What stands in the place of the length of a text that is not there.
const ABSENT: u64 = u64::MAX;

/// How the hashes of a run's rows are computed: as SHA-256, which whoever can write the rows can compute, too; or with a key as
/// HMAC-SHA-256 of the same bytes, which only who has it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    format: Format,
    key: Option<AuditKey>,
}

/// A row's content, as far as its hash covers it.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// Position in the run's journal.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whether somebody appended it who does not drive the run.
    pub outsider: bool,
    /// The entry's kind.
    pub kind: &'a str,
    /// What the entry says.
    pub content: Content<'a>,
}

/// How a hash covers what an entry says.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// In the first format: as it is.
    Payload(&'a str),
    /// In the second format: by a commitment, and by what stays when the payload is erased.
    Seal(&'a Seal<'a>),
}

impl Chain {
    /// The chain of runs of that format that are written with that key, or without one.
    #[must_use]
    pub fn new(format: Format, key: Option<&AuditKey>) -> Self {
        Self {
            format,
            key: key.cloned(),
        }
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether nobody without a key can compute its hashes.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// The hash that stands before a run's first row.
    #[must_use]
    pub fn genesis(&self, run_id: &str) -> Hash {
        self.hash(|digest| {
            digest.update(self.format.genesis());
            digest.update(run_id.as_bytes());
        })
    }

    /// The hash of the row that follows upon one with the hash `previous`.
    #[must_use]
    pub fn next(&self, previous: &Hash, link: &Link<'_>) -> Hash {
        self.hash(|digest| row(digest, previous, link))
    }

    fn hash(&self, parts: impl FnOnce(&mut dyn Update)) -> Hash {
        match &self.key {
            None => {
                let mut digest = Sha256::new();
                parts(&mut digest);
                digest.finalize().into()
            }
            Some(key) => {
                let mut mac = key.mac();
                parts(&mut mac);
                mac.finalize().into_bytes().into()
            }
        }
    }
}

/// Each part goes in with its length, so that no two rows share an encoding.
fn row(digest: &mut dyn Update, previous: &Hash, link: &Link<'_>) {
    digest.update(previous);
    digest.update(&link.seq.to_le_bytes());
    digest.update(&link.at.0.to_le_bytes());
    digest.update(&[u8::from(link.outsider)]);
    text(digest, Some(link.kind));
    match link.content {
        Content::Payload(payload) => text(digest, Some(payload)),
        Content::Seal(seal) => {
            digest.update(&seal.commitment);
            text(digest, seal.requires);
            text(digest, seal.attribution.action);
            text(digest, seal.attribution.actor);
            text(digest, seal.attribution.requirement_id);
        }
    }
}

fn text(digest: &mut dyn Update, text: Option<&str>) {
    let length = text.map_or(ABSENT, |text| text.len() as u64);
    digest.update(&length.to_le_bytes());
    digest.update(text.unwrap_or_default().as_bytes());
}
