//! What a run needs from outside, and what became of it.

use crate::journal::Terms;
use crate::requirement::{Decision, RequirementKind};
use crate::{Text, Timestamp};

/// What the run needs, or needed, from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// Its id.
    pub id: Text,
    /// What is needed.
    pub kind: RequirementKind,
    /// The call, as a place in the run's list.
    pub call: usize,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// For recovery: what was known of the call in doubt when it was asked about.
    pub doubt: Option<Doubt>,
    /// How long it waits, and for how many people.
    pub terms: Terms,
    /// Who has confirmed, where several people must: oldest first, each once.
    pub approvals: Vec<Decided>,
    /// What was decided.
    pub decided: Option<Decided>,
    /// Since when nobody can decide any more, because nobody did in time.
    pub expired: Option<Timestamp>,
}

impl Requirement {
    /// Whether a decision is still wanted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.decided.is_none() && self.expired.is_none()
    }

    /// Takes a decision in; one of several approvals leaves the requirement open.
    pub(super) fn take(&mut self, decided: Decided) {
        if self.terms.approvals <= 1 || !matches!(decided.decision, Decision::Confirm(_)) {
            self.decided = Some(decided);
            return;
        }
        if self.approvals.iter().all(|approval| approval.by != decided.by) {
            self.approvals.push(decided);
        }
        if self.approvals.len() >= self.terms.approvals as usize {
            self.decided = self.together();
        }
    }

    /// What all those decided who had to.
    fn together(&self) -> Option<Decided> {
        let last = self.approvals.last()?;
        let names: Vec<&str> = self
            .approvals
            .iter()
            .filter_map(|approval| approval.by.as_deref())
            .collect();
        Some(Decided {
            by: Some(names.join(", ").into()),
            ..last.clone()
        })
    }

    /// What was decided.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.decided.as_ref().map(|decided| &decided.decision)
    }
}

/// What is known of a call in doubt.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// When it was started.
    pub started_at: Timestamp,
    /// In which process.
    pub holder: Text,
    /// Which attempt it was; the first is 1.
    pub attempt: u32,
    /// Why its tool cannot tell what became of it, where the tool was asked.
    pub reason: Option<Text>,
}

/// A decision with its circumstances.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// Who.
    pub by: Option<Text>,
    /// When.
    pub at: Timestamp,
}
