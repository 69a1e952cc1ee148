//! Which entries are written: the first decision on disk wins, and the same one again is not written twice.

use std::collections::HashMap;

use crate::journal::{ApprovalRevoked, Entry, FORMAT, RequirementDecided, RequirementExpired, RequirementOpened};
use crate::requirement::Decision;
use crate::store::{Append, Author, NewRun, RunStatus, StoreError};
use crate::{Text, Timestamp};

use super::requirement::{OpenRequirement, RequirementState, Requirements, is_final};
use super::unusable;

/// What is to be written of an append.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// These entries.
    Write {
        /// Those that say something new, in order.
        entries: Vec<&'a Entry>,
        /// When they count as written.
        at: Timestamp,
    },
    /// Nothing: all of it stands on disk already.
    AlreadyDecided,
}

/// What the run's journal says of its requirements.
pub trait Precedents {
    /// What can go wrong in looking them up.
    type Error: From<StoreError>;

    /// Whether the run has such a requirement. Asked for each one that is opened: an index may answer.
    fn is_known(&mut self, requirement_id: &str) -> Result<bool, Self::Error>;

    /// How the journal, and no index, leaves a requirement.
    fn state(&mut self, requirement_id: &str) -> Result<Option<RequirementState>, Self::Error>;

    /// Whether the journal has the run's answer, whatever status its row has.
    fn is_completed(&mut self) -> Result<bool, Self::Error>;

    /// The latest time that the journal shows since an open requirement was opened.
    fn latest_since(&mut self, requirement_id: &str) -> Result<Option<Timestamp>, Self::Error>;
}

/// Sorts out the decisions: the first on disk wins, and the same one again is not written twice.
pub fn judge<'a, P: Precedents>(
    append: &'a Append,
    status: RunStatus,
    mut precedents: P,
) -> Result<Verdict<'a>, P::Error> {
    let Append {
        run_id,
        author,
        entries,
        ..
    } = append;
    let at = time_of(append, &mut precedents)?;
    let mut judge = Judge {
        run_id,
        status,
        at,
        precedents,
        here: HashMap::new(),
        repeated: None,
    };
    let written = judge.sort_out(entries)?;
    match judge.repeated {
        None => Ok(Verdict::Write { entries: written, at }),
        Some(_) if written.is_empty() => Ok(Verdict::AlreadyDecided),
        // A driver counts its entries, so that part of them cannot be left out.
        Some(error) if *author != Author::External => Err(error.into()),
        Some(_) => Ok(Verdict::Write { entries: written, at }),
    }
}

/// When an append counts as written: what is said of a requirement from outside, no earlier than anything that the journal shows since the
/// requirement was opened. Clocks differ and are put back, but a time that the journal shows to be over stays over; and because the entry
/// carries the time that it was judged by, every replay judges it the same. What was written before the requirement was opened does not
/// count: a clock that was far ahead then would end each later time at once.
fn time_of<P: Precedents>(append: &Append, precedents: &mut P) -> Result<Timestamp, P::Error> {
    let mut at = append.at;
    if append.author == Author::External {
        for requirement_id in append.entries.iter().filter_map(spoken_of) {
            at = at.max(precedents.latest_since(requirement_id)?.unwrap_or(at));
        }
    }
    Ok(at)
}

/// The requirement that an entry decides, or says to be over.
fn spoken_of(entry: &Entry) -> Option<&Text> {
    match entry {
        Entry::RequirementDecided(decided) => Some(&decided.requirement_id),
        Entry::RequirementExpired(expired) => Some(&expired.requirement_id),
        _ => None,
    }
}

/// As [`judge`], for the entries that a run begins with.
pub fn judge_first(new: &NewRun) -> Result<(), StoreError> {
    if let Some(Entry::RunStarted(started)) = new.entries.first()
        && started.format != FORMAT
    {
        return Err(unusable(format!(
            "run {} is to begin with the journal format {}, and {FORMAT} is written; nothing was written",
            new.run_id, started.format
        )));
    }
    let precedents = Requirements::default();
    let (run_id, status) = (&new.run_id, RunStatus::Running);
    let mut judge = Judge {
        run_id,
        status,
        at: new.at,
        precedents: &precedents,
        here: HashMap::new(),
        repeated: None,
    };
    judge.sort_out(&new.entries)?;
    judge.repeated.map_or(Ok(()), Err)
}

impl Precedents for &Requirements {
    type Error = StoreError;

    fn is_known(&mut self, requirement_id: &str) -> Result<bool, StoreError> {
        Ok(self.get(requirement_id).is_some())
    }

    fn state(&mut self, requirement_id: &str) -> Result<Option<RequirementState>, StoreError> {
        Ok(self.get(requirement_id).cloned())
    }

    fn is_completed(&mut self) -> Result<bool, StoreError> {
        // Here the status stands with the journal, and cannot be another.
        Ok(false)
    }

    fn latest_since(&mut self, requirement_id: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(Requirements::latest_since(self, requirement_id))
    }
}

struct Judge<'a, P> {
    run_id: &'a Text,
    status: RunStatus,
    at: Timestamp,
    precedents: P,
    /// Requirements as the entries before leave them.
    here: HashMap<&'a str, RequirementState>,
    repeated: Option<StoreError>,
}

impl<'a, P: Precedents> Judge<'a, P> {
    fn sort_out(&mut self, entries: &'a [Entry]) -> Result<Vec<&'a Entry>, P::Error> {
        let mut written = Vec::with_capacity(entries.len());
        for entry in entries {
            if self.is_new(entry)? {
                written.push(entry);
            }
        }
        Ok(written)
    }

    fn is_new(&mut self, entry: &'a Entry) -> Result<bool, P::Error> {
        match entry {
            Entry::RequirementOpened(opened) => self.open(opened).map(|()| true),
            Entry::RequirementDecided(decided) => self.decide(decided),
            Entry::RequirementExpired(expired) => self.expire(expired),
            Entry::ApprovalRevoked(revoked) => self.revoke(revoked),
            _ => Ok(true),
        }
    }

    fn state(&mut self, requirement_id: &Text) -> Result<RequirementState, P::Error> {
        let found = match self.here.get(requirement_id.as_ref()) {
            Some(state) => Some(state.clone()),
            None => self.precedents.state(requirement_id)?,
        };
        found.ok_or_else(|| {
            let (run_id, requirement_id) = (self.run_id.clone(), requirement_id.clone());
            StoreError::RequirementNotFound { run_id, requirement_id }.into()
        })
    }

    fn open(&mut self, opened: &'a RequirementOpened) -> Result<(), P::Error> {
        let requirement_id = &opened.requirement_id;
        if self.here.contains_key(requirement_id.as_ref()) || self.precedents.is_known(requirement_id)? {
            let run_id = self.run_id;
            let message =
                format!("requirement {requirement_id} of run {run_id} was opened before; nothing was written");
            return Err(unusable(message).into());
        }
        let open = RequirementState::Open(OpenRequirement::new(opened));
        self.here.insert(requirement_id, open);
        Ok(())
    }

    fn decide(&mut self, decided: &'a RequirementDecided) -> Result<bool, P::Error> {
        match self.state(&decided.requirement_id)? {
            RequirementState::Open(open) => {
                self.check_not_completed(&decided.requirement_id)?;
                self.check_event(&open, decided)?;
                // Nobody waits for what is decided as it is opened.
                if decided.remembered.is_none() && open.terms.are_over(self.at) {
                    let at = open.terms.expires_at.unwrap_or(self.at);
                    return Err(self.expired(&decided.requirement_id, at).into());
                }
                self.approve(open, decided)
            }
            RequirementState::Decided { by: first, at, .. } => self.repeat(decided, &first, at, 0),
            RequirementState::Expired { at } => Err(self.expired(&decided.requirement_id, at).into()),
        }
    }

    /// Whoever has confirmed already changes nothing by doing so again, and all who must confirm confirm the same.
    fn approve(&mut self, open: OpenRequirement, decided: &'a RequirementDecided) -> Result<bool, P::Error> {
        if !is_final(&open.terms, decided) {
            if let Some((own, at)) = open.approval_by(decided.by.as_ref()) {
                return self.repeat(decided, own, *at, open.still_needed());
            }
            if let Some((first, at)) = open.approvals.first()
                && !first.decision.says_the_same(&decided.decision)
            {
                return Err(decided_already(first, *at, open.still_needed()).into());
            }
        }
        let after = open.after(decided, self.at);
        self.here.insert(&decided.requirement_id, after);
        Ok(true)
    }

    fn expire(&mut self, expired: &'a RequirementExpired) -> Result<bool, P::Error> {
        let requirement_id = &expired.requirement_id;
        match self.state(requirement_id)? {
            RequirementState::Open(open) => {
                self.check_not_completed(requirement_id)?;
                if !open.terms.are_over(self.at) {
                    let requirement_id = requirement_id.clone();
                    return Err(StoreError::NotDue { requirement_id }.into());
                }
                self.here
                    .insert(requirement_id, RequirementState::Expired { at: self.at });
                Ok(true)
            }
            RequirementState::Decided { by, at, .. } => Err(decided_already(&by, at, 0).into()),
            RequirementState::Expired { at } => {
                let error = self.expired(requirement_id, at);
                self.repeated.get_or_insert(error);
                Ok(false)
            }
        }
    }

    fn revoke(&mut self, revoked: &'a ApprovalRevoked) -> Result<bool, P::Error> {
        let requirement_id = &revoked.requirement_id;
        match self.state(requirement_id)? {
            RequirementState::Decided { by, at, is_revoked } if by.memory_key.is_some() => {
                if is_revoked {
                    self.repeated.get_or_insert_with(|| decided_already(&by, at, 0));
                    return Ok(false);
                }
                let is_revoked = true;
                self.here
                    .insert(requirement_id, RequirementState::Decided { by, at, is_revoked });
                Ok(true)
            }
            _ => {
                let (run_id, requirement_id) = (self.run_id.clone(), requirement_id.clone());
                Err(StoreError::NotRemembered { run_id, requirement_id }.into())
            }
        }
    }

    /// A requirement that is opened just now is one of a run that goes on.
    fn check_not_completed(&mut self, requirement_id: &Text) -> Result<(), P::Error> {
        if self.here.contains_key(requirement_id.as_ref()) {
            return Ok(());
        }
        if self.status == RunStatus::Completed || self.precedents.is_completed()? {
            let run_id = self.run_id.clone();
            return Err(StoreError::NotRunning { run_id }.into());
        }
        Ok(())
    }

    /// What led a signal here is covered by no hash: the journal says what is waited for.
    fn check_event(&self, open: &OpenRequirement, decided: &RequirementDecided) -> Result<(), P::Error> {
        match &decided.decision {
            Decision::Signal { event, .. } if open.event.as_ref() != Some(event) => {
                let (run_id, requirement_id) = (self.run_id, &decided.requirement_id);
                let name = &event.name;
                let message =
                    format!("requirement {requirement_id} of run {run_id} does not wait for the event {name}");
                Err(unusable(message).into())
            }
            _ => Ok(()),
        }
    }

    fn expired(&self, requirement_id: &Text, at: Timestamp) -> StoreError {
        StoreError::Expired {
            run_id: self.run_id.clone(),
            requirement_id: requirement_id.clone(),
            at,
        }
    }

    fn repeat(
        &mut self,
        decided: &RequirementDecided,
        first: &RequirementDecided,
        at: Timestamp,
        still_needed: u32,
    ) -> Result<bool, P::Error> {
        let conflict = decided_already(first, at, still_needed);
        if !first.decision.says_the_same(&decided.decision) {
            return Err(conflict.into());
        }
        self.repeated.get_or_insert(conflict);
        Ok(false)
    }
}

fn decided_already(first: &RequirementDecided, at: Timestamp, still_needed: u32) -> StoreError {
    StoreError::Decided {
        requirement_id: first.requirement_id.clone(),
        decision: Box::new(first.decision.clone()),
        by: first.by.clone(),
        at,
        still_needed,
    }
}
