//! What every store checks before it writes, whatever it keeps its rows in.

use std::collections::HashMap;

use crate::journal::{
    self, ApprovalRevoked, AuditKey, Chain, Entry, RequirementDecided, RequirementExpired, RequirementOpened, Terms,
};
use crate::requirement::Decision;
use crate::{Text, Timestamp};

use super::holder::{Holder, Liveness, may_be_taken};
use super::{Append, Author, NewRun, RunStatus, StoreError};

/// What an append must know of the run it goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunState {
    pub(super) status: RunStatus,
    pub(super) epoch: u64,
    pub(super) held: bool,
    pub(super) driver_entries: u64,
}

/// A requirement as the store finds it.
#[derive(Clone, Debug)]
pub(super) enum RequirementState {
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
pub(super) struct OpenRequirement {
    pub(super) terms: Terms,
    pub(super) approvals: Vec<(RequirementDecided, Timestamp)>,
}

impl OpenRequirement {
    pub(super) fn new(terms: Terms) -> Self {
        let approvals = Vec::new();
        Self { terms, approvals }
    }

    /// How the requirement stands after a decision.
    pub(super) fn after(mut self, decided: &RequirementDecided, at: Timestamp) -> RequirementState {
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

    fn approval_by(&self, by: Option<&Text>) -> Option<&(RequirementDecided, Timestamp)> {
        self.approvals.iter().find(|(approval, _)| approval.by.as_ref() == by)
    }
}

/// Whether the decision alone closes the requirement.
pub(super) fn is_final(terms: &Terms, decided: &RequirementDecided) -> bool {
    terms.approvals <= 1 || decided.remembered.is_some() || !matches!(decided.decision, Decision::Confirm(_))
}

/// What is to be written of an append.
#[derive(Debug)]
pub(super) enum Verdict<'a> {
    Write(Vec<&'a Entry>),
    AlreadyDecided,
}

/// The status that a run begins with.
pub(super) fn status_of(new: &NewRun) -> RunStatus {
    if new.is_queued() {
        RunStatus::Queued
    } else {
        RunStatus::Running
    }
}

/// The status that the entries leave the run with, where they change it: the column is an index of the journal.
pub(super) fn status_after(append: &Append) -> Option<RunStatus> {
    let goes_on = append
        .entries
        .iter()
        .any(|entry| matches!(entry, Entry::RunContinued(_)));
    append
        .finish
        .as_ref()
        .map(|finish| finish.status)
        .or(goes_on.then_some(RunStatus::Running))
}

/// Refuses a driver that lost its lease, and an outsider who writes what only drivers may.
pub(super) fn check_author(append: &Append, run: RunState) -> Result<(), StoreError> {
    match append.author {
        Author::Driver { epoch, driver_entries } => {
            let fenced = !run.held || run.epoch != epoch || run.driver_entries != driver_entries;
            if fenced {
                Err(StoreError::LeaseLost {
                    run_id: append.run_id.clone(),
                })
            } else {
                Ok(())
            }
        }
        Author::Outsider if append.finish.is_some() => Err(unusable(format!(
            "only the driver of run {} can stop it; nothing was written",
            append.run_id
        ))),
        Author::Outsider => append
            .entries
            .iter()
            .try_for_each(|entry| check_outsider(append, entry, run.status)),
    }
}

fn check_outsider(append: &Append, entry: &Entry, status: RunStatus) -> Result<(), StoreError> {
    match entry {
        Entry::RequirementDecided(decided) if decided.remembered.is_none() => Ok(()),
        Entry::RequirementExpired(_) | Entry::ApprovalRevoked(_) => Ok(()),
        Entry::CancelRequested(_) if status == RunStatus::Running => Ok(()),
        Entry::CancelRequested(_) => Err(StoreError::NotRunning {
            run_id: append.run_id.clone(),
        }),
        _ => Err(unusable(format!(
            "a journal entry {:?} of run {} can only come from the run's driver; nothing was written",
            entry.kind(),
            append.run_id
        ))),
    }
}

/// Sorts out the decisions: the first on disk wins, and the same one again is not written twice.
///
/// `find` looks a requirement of the run up.
pub(super) fn judge<'a, E: From<StoreError>>(
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
pub(super) fn judge_first(new: &NewRun) -> Result<(), StoreError> {
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
            RequirementState::Decided { by: first, at, .. } => self.repeat(decided, &first, at),
            RequirementState::Expired { at } => Err(self.expired(&decided.requirement_id, at).into()),
        }
    }

    /// Whoever has confirmed already changes nothing by doing so again, and all who must confirm confirm the same.
    fn approve(&mut self, open: OpenRequirement, decided: &'a RequirementDecided) -> Result<bool, E> {
        if !is_final(&open.terms, decided) {
            if let Some((own, at)) = open.approval_by(decided.by.as_ref()) {
                return self.repeat(decided, own, *at);
            }
            if let Some((first, at)) = open.approvals.first()
                && !first.decision.says_the_same(&decided.decision)
            {
                return Err(decided_already(first, *at).into());
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
            RequirementState::Decided { by, at, .. } => Err(decided_already(&by, at).into()),
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
                    self.repeated.get_or_insert_with(|| decided_already(&by, at));
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

    fn repeat(&mut self, decided: &RequirementDecided, first: &RequirementDecided, at: Timestamp) -> Result<bool, E> {
        let conflict = decided_already(first, at);
        if !first.decision.says_the_same(&decided.decision) {
            return Err(conflict.into());
        }
        self.repeated.get_or_insert(conflict);
        Ok(false)
    }
}

fn decided_already(first: &RequirementDecided, at: Timestamp) -> StoreError {
    StoreError::Decided {
        requirement_id: first.requirement_id.clone(),
        decision: Box::new(first.decision.clone()),
        by: first.by.clone(),
        at,
    }
}

/// A lease as the store finds it.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) holder: Holder,
    pub(super) expires: Timestamp,
    pub(super) since: Timestamp,
}

/// Refuses a lease that another one has: another process that lives, or another task of this very process.
pub(super) fn check_lease(
    run_id: &Text,
    lease: Option<Lease>,
    asking: &Holder,
    now: Timestamp,
    liveness: &dyn Liveness,
) -> Result<(), StoreError> {
    match lease {
        Some(Lease { holder, expires, since })
            if holder.token == asking.token || !may_be_taken(liveness, &holder, expires, now) =>
        {
            Err(StoreError::Busy {
                run_id: run_id.clone(),
                holder: Box::new(holder),
                since,
            })
        }
        _ => Ok(()),
    }
}

/// What a run's next hashes are computed with. Who has a key writes to keyed runs only: any other could be a forgery.
pub(super) fn chain_to_write(run_id: &str, key_id: Option<&Text>, key: Option<&AuditKey>) -> Result<Chain, StoreError> {
    let given = key.map(AuditKey::id);
    if key_id == given {
        return Ok(Chain::with_key(key));
    }
    Err(StoreError::AuditKey {
        run_id: run_id.into(),
        wanted: key_id.cloned(),
        given: given.cloned(),
    })
}

/// The entry's payload as it is stored.
///
/// People's answers are arbitrary JSON, which can be nested deeper than a reader follows: what could not be read back
/// must not get into a journal.
pub(super) fn encode(entry: &Entry) -> Result<String, StoreError> {
    let payload = journal::encode(entry).and_then(|payload| match entry {
        Entry::RequirementDecided(_) => journal::decode(entry.kind(), &payload).map(|_| payload),
        _ => Ok(payload),
    });
    payload.map_err(|error| {
        unusable(format!(
            "nothing was written, because it could not be read back: {error}"
        ))
    })
}

pub(super) fn unusable(message: String) -> StoreError {
    StoreError::Unusable { message }
}
