//! How a requirement stands, and what a decision makes of it.

use std::collections::HashMap;

use crate::journal::{Entry, Event, RequirementDecided, RequirementOpened, Terms};
use crate::requirement::Decision;
use crate::{Text, Timestamp};

/// A requirement as the store finds it.
#[derive(Clone, Debug)]
pub enum RequirementState {
    /// It waits.
    Open(OpenRequirement),
    /// It has a decision.
    Decided {
        /// The decision.
        by: RequirementDecided,
        /// When.
        at: Timestamp,
        /// Whether it no longer answers later calls.
        is_revoked: bool,
    },
    /// Nobody decided in time.
    Expired {
        /// When that was written.
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
pub struct OpenRequirement {
    /// For how long it waits, and for how many people.
    pub terms: Terms,
    /// The event that ends the wait, where it is one.
    pub event: Option<Event>,
    /// The place in the journal where it was opened.
    opened: u64,
    /// Who has confirmed, and when.
    pub approvals: Vec<(RequirementDecided, Timestamp)>,
}

impl OpenRequirement {
    /// One that nobody has confirmed yet.
    #[must_use]
    pub fn new(opened: &RequirementOpened) -> Self {
        Self {
            terms: opened.terms,
            event: opened.event.clone(),
            ..Self::default()
        }
    }

    /// How the requirement stands after a decision.
    pub fn after(mut self, decided: &RequirementDecided, at: Timestamp) -> RequirementState {
        let by = decided.clone();
        if is_final(&self.terms, decided) {
            return RequirementState::decided(by, at);
        }
        if self.approval_by(by.by.as_ref()).is_none() {
            self.approvals.push((by.clone(), at));
        }
        if self.approvals.len() >= self.terms.approvals as usize {
            RequirementState::decided(by, at)
        } else {
            RequirementState::Open(self)
        }
    }

    /// How many more people must approve.
    pub fn still_needed(&self) -> u32 {
        let given = u32::try_from(self.approvals.len()).unwrap_or(u32::MAX);
        self.terms.approvals.saturating_sub(given)
    }

    pub fn approval_by(&self, by: Option<&Text>) -> Option<&(RequirementDecided, Timestamp)> {
        self.approvals.iter().find(|(approval, _)| approval.by.as_ref() == by)
    }
}

/// When a journal's entries were written, as far as it matters which was the latest from some place on.
#[derive(Clone, Debug, Default)]
struct Times {
    /// How many there are.
    entries: u64,
    /// Places and times, later places with ever earlier times: of what is followed by something as late, nothing is known. With clocks
    /// that are never put back that is one.
    latest: Vec<(u64, Timestamp)>,
}

impl Times {
    fn note(&mut self, at: Timestamp) {
        self.entries += 1;
        while self.latest.pop_if(|(_, earlier)| *earlier <= at).is_some() {}
        self.latest.push((self.entries, at));
    }

    fn latest_since(&self, place: u64) -> Option<Timestamp> {
        let behind = self.latest.partition_point(|(found, _)| *found < place);
        self.latest.get(behind).map(|(_, at)| *at)
    }
}

/// The requirements of a run as its journal leaves them: what decisions are judged by.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    states: HashMap<Text, RequirementState>,
    times: Times,
}

impl Requirements {
    /// How the journal leaves a requirement; `None`: it was never opened.
    pub fn get(&self, requirement_id: &str) -> Option<&RequirementState> {
        self.states.get(requirement_id)
    }

    /// The latest time that the journal shows since an open requirement was opened.
    pub fn latest_since(&self, requirement_id: &str) -> Option<Timestamp> {
        match self.get(requirement_id)? {
            RequirementState::Open(open) => self.times.latest_since(open.opened),
            RequirementState::Decided { .. } | RequirementState::Expired { .. } => None,
        }
    }

    /// Takes in when the journal's next entry was written, where nothing else counts of it.
    pub fn note_time(&mut self, at: Timestamp) {
        self.times.note(at);
    }

    /// How many of them wait.
    pub fn open_count(&self) -> u64 {
        let is_open = |state: &&RequirementState| matches!(state, RequirementState::Open(_));
        self.states.values().filter(is_open).count() as u64
    }

    /// Takes the journal's next entry in. What closed a requirement first holds, whatever follows.
    pub fn note(&mut self, entry: &Entry, at: Timestamp) {
        self.note_time(at);
        match entry {
            Entry::RequirementOpened(opened) => {
                let open = RequirementState::Open(OpenRequirement {
                    opened: self.times.entries,
                    ..OpenRequirement::new(opened)
                });
                self.states.entry(opened.requirement_id.clone()).or_insert(open);
            }
            Entry::RequirementDecided(by) => self.close(&by.requirement_id, |open| open.after(by, at)),
            Entry::RequirementExpired(expired) => {
                self.close(&expired.requirement_id, |_| RequirementState::Expired { at });
            }
            Entry::ApprovalRevoked(revoked) => {
                if let Some(RequirementState::Decided { is_revoked, .. }) = self.states.get_mut(&revoked.requirement_id)
                {
                    *is_revoked = true;
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, requirement_id: &str, after: impl FnOnce(OpenRequirement) -> RequirementState) {
        if let Some(state) = self.states.get_mut(requirement_id)
            && let RequirementState::Open(open) = state
        {
            *state = after(std::mem::take(open));
        }
    }
}

/// Whether the decision alone closes the requirement.
pub fn is_final(terms: &Terms, decided: &RequirementDecided) -> bool {
    terms.approvals <= 1 || decided.remembered.is_some() || !matches!(decided.decision, Decision::Confirm(_))
}
