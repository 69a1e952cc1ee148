//! Which entries are written: the first decision on disk wins, and the same one again is not written twice.

use std::collections::HashMap;

use crate::journal::{ApprovalRevoked, Entry, RequirementDecided, RequirementExpired, RequirementOpened};
use crate::store::{Append, Author, NewRun, RunStatus, StoreError};
use crate::{Text, Timestamp};

use super::requirement::{OpenRequirement, RequirementState, is_final};
use super::unusable;

/// What is to be written of an append.
#[derive(Debug)]
pub(in crate::store) enum Verdict<'a> {
    Write(Vec<&'a Entry>),
    AlreadyDecided,
}

/// Sorts out the decisions: the first on disk wins, and the same one again is not written twice.
///
/// `find` looks a requirement of the run up.
pub(in crate::store) fn judge<'a, E: From<StoreError>>(
    append: &'a Append,
    status: RunStatus,
    find: impl FnMut(&str) -> Result<Option<RequirementState>, E>,
) -> Result<Verdict<'a>, E> {
    let Append {
        run_id,
        author,
        at,
        entries,
        ..
    } = append;
    let mut judge = Judge {
        run_id,
        status,
        at: *at,
        find,
        here: HashMap::new(),
        repeated: None,
    };
    let written = judge.sort_out(entries)?;
    match judge.repeated {
        None => Ok(Verdict::Write(written)),
        Some(_) if written.is_empty() => Ok(Verdict::AlreadyDecided),
        // A driver counts its entries, so that part of them cannot be left out.
        Some(error) if *author != Author::Outsider => Err(error.into()),
        Some(_) => Ok(Verdict::Write(written)),
    }
}

/// As [`judge`], for the entries that a run begins with.
pub(in crate::store) fn judge_first(new: &NewRun) -> Result<(), StoreError> {
    let find = |_: &str| Ok::<_, StoreError>(None);
    let (run_id, status) = (&new.run_id, RunStatus::Running);
    let mut judge = Judge {
        run_id,
        status,
        at: new.at,
        find,
        here: HashMap::new(),
        repeated: None,
    };
    judge.sort_out(&new.entries)?;
    judge.repeated.map_or(Ok(()), Err)
}

struct Judge<'a, F> {
    run_id: &'a Text,
    status: RunStatus,
    at: Timestamp,
    find: F,
    /// Requirements as the entries before leave them.
    here: HashMap<&'a str, RequirementState>,
    repeated: Option<StoreError>,
}

impl<'a, F, E> Judge<'a, F>
where
    F: FnMut(&str) -> Result<Option<RequirementState>, E>,
    E: From<StoreError>,
{
    fn sort_out(&mut self, entries: &'a [Entry]) -> Result<Vec<&'a Entry>, E> {
        let mut written = Vec::with_capacity(entries.len());
        for entry in entries {
            if self.is_new(entry)? {
                written.push(entry);
            }
        }
        Ok(written)
    }

    fn is_new(&mut self, entry: &'a Entry) -> Result<bool, E> {
        match entry {
            Entry::RequirementOpened(opened) => self.open(opened).map(|()| true),
            Entry::RequirementDecided(decided) => self.decide(decided),
            Entry::RequirementExpired(expired) => self.expire(expired),
            Entry::ApprovalRevoked(revoked) => self.revoke(revoked),
            _ => Ok(true),
        }
    }

    fn state(&mut self, requirement_id: &Text) -> Result<RequirementState, E> {
        let found = self.find_state(requirement_id)?;
        found.ok_or_else(|| {
            let (run_id, requirement_id) = (self.run_id.clone(), requirement_id.clone());
            StoreError::RequirementNotFound { run_id, requirement_id }.into()
        })
    }

    fn find_state(&mut self, requirement_id: &str) -> Result<Option<RequirementState>, E> {
        match self.here.get(requirement_id) {
            Some(state) => Ok(Some(state.clone())),
            None => (self.find)(requirement_id),
        }
    }

    fn open(&mut self, opened: &'a RequirementOpened) -> Result<(), E> {
        let requirement_id = &opened.requirement_id;
        if self.find_state(requirement_id)?.is_some() {
            let run_id = self.run_id;
            let message =
                format!("requirement {requirement_id} of run {run_id} was opened before; nothing was written");
            return Err(unusable(message).into());
        }
        let open = RequirementState::Open(OpenRequirement::new(opened.terms));
        self.here.insert(requirement_id, open);
        Ok(())
    }

    fn decide(&mut self, decided: &'a RequirementDecided) -> Result<bool, E> {
        match self.state(&decided.requirement_id)? {
            RequirementState::Open(open) => {
                self.check_not_completed()?;
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
    fn approve(&mut self, open: OpenRequirement, decided: &'a RequirementDecided) -> Result<bool, E> {
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

    fn expire(&mut self, expired: &'a RequirementExpired) -> Result<bool, E> {
        let requirement_id = &expired.requirement_id;
        match self.state(requirement_id)? {
            RequirementState::Open(open) => {
                self.check_not_completed()?;
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

    fn revoke(&mut self, revoked: &'a ApprovalRevoked) -> Result<bool, E> {
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

    fn check_not_completed(&self) -> Result<(), StoreError> {
        if self.status == RunStatus::Completed {
            let run_id = self.run_id.clone();
            return Err(StoreError::NotRunning { run_id });
        }
        Ok(())
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
    ) -> Result<bool, E> {
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
