//! What a run needs from outside, and what became of it.

use crate::journal::{Event, Remembered, RequirementDecided, Terms};
use crate::requirement::{Decision, Remember, RequirementKind};
use crate::{Text, Timestamp};

use super::fold::Misfit;

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
    /// The event that ends the wait.
    pub event: Option<Event>,
    /// Who has confirmed, where several people must: oldest first, each once.
    pub approvals: Vec<Decided>,
    /// What was decided.
    pub decided: Option<Decided>,
    /// Since when nobody can decide any more, because nobody did in time.
    pub expired: Option<Timestamp>,
    /// That its approval answers no later calls any more.
    pub revoked: Option<Revocation>,
}

impl Requirement {
    /// Whether a decision is still wanted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.decided.is_none() && self.expired.is_none()
    }

    /// Takes a decision in; one of several approvals leaves the requirement open.
    pub(super) fn take(&mut self, decided: Decided) -> Result<(), Misfit> {
        self.check_open()?;
        // Nobody waits for what is decided as it is opened.
        if decided.remembered.is_none() && self.terms.are_over(decided.at) {
            return Err(self.contradiction("had expired by then"));
        }
        let is_final = decided.remembered.is_some() || !matches!(decided.decision, Decision::Confirm(_));
        if is_final || self.terms.approvals <= 1 {
            self.decided = Some(decided);
            return Ok(());
        }
        if self.approvals.iter().all(|approval| approval.by != decided.by) {
            self.approvals.push(decided);
        }
        if self.approvals.len() >= self.terms.approvals as usize {
            self.decided = self.together();
        }
        Ok(())
    }

    /// Takes in that nobody decided in time.
    pub(super) fn expire(&mut self, at: Timestamp) -> Result<(), Misfit> {
        self.check_open()?;
        if !self.terms.are_over(at) {
            return Err(self.contradiction("had not expired by then"));
        }
        self.expired = Some(at);
        Ok(())
    }

    /// What is closed stays as it was closed.
    fn check_open(&self) -> Result<(), Misfit> {
        match (&self.decided, self.expired) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(self.contradiction("was decided before")),
            (None, Some(_)) => Err(self.contradiction("expired before")),
        }
    }

    fn contradiction(&self, what: &str) -> Misfit {
        Misfit::Contradiction(format!("requirement {} {what}", self.id))
    }

    /// Whether this very person has said this already.
    pub(super) fn has_said(&self, decision: &Decision, by: Option<&str>) -> bool {
        let mut said = self.approvals.iter().chain(&self.decided);
        said.any(|said| said.by.as_deref() == by && said.decision.says_the_same(decision))
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

    /// Which later calls its approval answers by their key, where it was to be remembered and was not revoked.
    #[must_use]
    pub fn standing(&self) -> Option<(Remember, &Text)> {
        let decided = self.decided.as_ref().filter(|_| self.revoked.is_none())?;
        Some((decided.decision.remember()?, decided.memory_key.as_ref()?))
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
    /// What stopped it in its middle; `None` where nothing is known but that its outcome is missing.
    pub interruption: Option<Text>,
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
    /// Which later calls it answers, where it is remembered: those of this key.
    pub memory_key: Option<Text>,
    /// The earlier approval that it repeats, where nobody was asked.
    pub remembered: Option<Remembered>,
}

impl Decided {
    pub(super) fn new(decided: &RequirementDecided, at: Timestamp) -> Self {
        Self {
            decision: decided.decision.clone(),
            by: decided.by.clone(),
            at,
            memory_key: decided.memory_key.clone(),
            remembered: decided.remembered.clone(),
        }
    }
}

/// That an approval answers no later calls any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Who said so.
    pub by: Option<Text>,
    /// When.
    pub at: Timestamp,
}
