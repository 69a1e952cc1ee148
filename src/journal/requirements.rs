//! What a journal keeps of a requirement, from its opening to its end.

use serde::{Deserialize, Serialize};

use super::events::Event;
use super::remembered_approvals::Remembered;
use crate::requirement::{Decision, RequirementKind};
use crate::{Text, Timestamp};

/// A call waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequirementOpened {
    /// The requirement's id, the same whoever computes it.
    pub requirement_id: Text,
    /// The call.
    pub call_id: Text,
    /// What is needed.
    pub kind: RequirementKind,
    /// How long it waits, and for how many.
    #[serde(default, skip_serializing_if = "Terms::are_plain")]
    pub terms: Terms,
    /// The event that ends the wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

/// How long a requirement waits, and for how many people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// From when on nobody can decide any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How many different people must confirm; 1 or more.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            expires_at: None,
            approvals: one(),
        }
    }
}

impl Terms {
    /// Whether nothing is special.
    #[must_use]
    pub fn are_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the time is over.
    #[must_use]
    pub fn are_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

pub(super) fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn is_one(number: &u32) -> bool {
    *number == 1
}

/// Somebody decided; or one of several who must confirm did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequirementDecided {
    /// The requirement.
    pub requirement_id: Text,
    /// What was decided.
    pub decision: Decision,
    /// Who decided, as far as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
    /// Which later calls it answers, where it is remembered: those of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_key: Option<Text>,
    /// The earlier approval that this one repeats, where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered: Option<Remembered>,
}

/// Nobody decided in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequirementExpired {
    /// The requirement.
    pub requirement_id: Text,
}
