//! What an entry of the second format keeps beside its payload: a commitment to it, and what stays when the payload is erased.

use sha2::{Digest, Sha256};

use super::features::required_by;
use super::{Entry, Hash, RunArrived, RunMoved};

/// How many random bytes a commitment is salted with.
pub const SALT_LENGTH: usize = 16;

/// The salt of a commitment: without it nobody can find a payload by trying.
pub type Salt = [u8; SALT_LENGTH];

/// The commitment to a payload: the SHA-256 of the salt and the payload, one after the other.
#[must_use]
pub fn commitment(salt: &Salt, payload: &str) -> Hash {
    Sha256::new().chain_update(salt).chain_update(payload).finalize().into()
}

/// Who did what, and about which requirement. Entries that nobody decides have none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attribution<'a> {
    /// What was done: the type of the decision, or `expire`, `revoke`, `cancel`, `erase`, `move`, `arrive`.
    pub action: Option<&'a str>,
    /// Who, as far as they said.
    pub actor: Option<&'a str>,
    /// The requirement; `None` for what concerns the whole run.
    pub requirement_id: Option<&'a str>,
}

impl<'a> Attribution<'a> {
    /// What an entry says of that.
    #[must_use]
    pub fn of(entry: &'a Entry) -> Self {
        match entry {
            Entry::RequirementDecided(decided) => Self {
                action: Some(decided.decision.type_name()),
                actor: decided.by.as_deref(),
                requirement_id: Some(&decided.requirement_id),
            },
            Entry::RequirementExpired(expired) => Self {
                action: Some("expire"),
                actor: None,
                requirement_id: Some(&expired.requirement_id),
            },
            Entry::ApprovalRevoked(revoked) => Self {
                action: Some("revoke"),
                actor: revoked.by.as_deref(),
                requirement_id: Some(&revoked.requirement_id),
            },
            Entry::CancelRequested(cancel) => Self {
                action: Some("cancel"),
                actor: cancel.by.as_deref(),
                requirement_id: None,
            },
            Entry::PayloadsErased(erased) => Self {
                action: Some("erase"),
                actor: erased.by.as_deref(),
                requirement_id: None,
            },
            Entry::RunMoved(RunMoved { by, .. }) => Self::of_move("move", by.as_deref()),
            Entry::RunArrived(RunArrived { by, .. }) => Self::of_move("arrive", by.as_deref()),
            _ => Self::default(),
        }
    }

    fn of_move(action: &'a str, actor: Option<&'a str>) -> Self {
        Self {
            action: Some(action),
            actor,
            requirement_id: None,
        }
    }
}

/// All that the chain's hash covers in the place of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal<'a> {
    /// The commitment to the payload.
    pub commitment: Hash,
    /// The features that reading the journal requires from this entry on, as they are stored.
    pub requires: Option<&'a str>,
    /// Who did what.
    pub attribution: Attribution<'a>,
}

/// What is stored beside the payload of a new entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// What the commitment is salted with.
    pub salt: Salt,
    /// The commitment to the payload.
    pub commitment: Hash,
    /// The features that the entry uses.
    pub requires: Option<String>,
}

impl Sealing {
    /// What is stored beside an entry with that payload.
    #[must_use]
    pub fn new(entry: &Entry, payload: &str, salt: Salt) -> Self {
        Self {
            salt,
            commitment: commitment(&salt, payload),
            requires: required_by(entry),
        }
    }

    /// What the hash covers.
    #[must_use]
    pub fn seal<'a>(&'a self, entry: &'a Entry) -> Seal<'a> {
        Seal {
            commitment: self.commitment,
            requires: self.requires.as_deref(),
            attribution: Attribution::of(entry),
        }
    }
}
