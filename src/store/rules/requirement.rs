//! How a requirement stands, and what a decision makes of it.

use crate::journal::{RequirementDecided, Terms};
use crate::requirement::Decision;
use crate::{Text, Timestamp};

/// A requirement as the store finds it.
#[derive(Clone, Debug)]
pub(in crate::store) enum RequirementState {
    Open(OpenRequirement),
    Decided {
        by: RequirementDecided,
        at: Timestamp,
        is_revoked: bool,
    },
    Expired {
        at: Timestamp,
    },
}

impl RequirementState {
    fn decided(by: RequirementDecided, at: Timestamp) -> Self {
        let is_revoked = false;
        Self::Decided { by, at, is_revoked }
    }
}

/// A requirement that waits, and who has confirmed it where several people must.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct OpenRequirement {
    pub(in crate::store) terms: Terms,
    pub(in crate::store) approvals: Vec<(RequirementDecided, Timestamp)>,
}

impl OpenRequirement {
    pub(in crate::store) fn new(terms: Terms) -> Self {
        let approvals = Vec::new();
        Self { terms, approvals }
    }

    /// How the requirement stands after a decision.
    pub(in crate::store) fn after(mut self, decided: &RequirementDecided, at: Timestamp) -> RequirementState {
        let by = decided.clone();
        if is_final(&self.terms, decided) {
            return RequirementState::decided(by, at);
        }
        self.approvals.push((by.clone(), at));
        if self.approvals.len() >= self.terms.approvals as usize {
            RequirementState::decided(by, at)
        } else {
            RequirementState::Open(self)
        }
    }

    /// How many more people must approve.
    pub(super) fn still_needed(&self) -> u32 {
        let given = u32::try_from(self.approvals.len()).unwrap_or(u32::MAX);
        self.terms.approvals.saturating_sub(given)
    }

    pub(super) fn approval_by(&self, by: Option<&Text>) -> Option<&(RequirementDecided, Timestamp)> {
        self.approvals.iter().find(|(approval, _)| approval.by.as_ref() == by)
    }
}

/// Whether the decision alone closes the requirement.
pub(in crate::store) fn is_final(terms: &Terms, decided: &RequirementDecided) -> bool {
    terms.approvals <= 1 || decided.remembered.is_some() || !matches!(decided.decision, Decision::Confirm(_))
}
