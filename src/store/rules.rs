//! What every store checks before it writes, whatever it keeps its rows in.

mod judge;
mod requirement;

pub(super) use judge::{Precedents, Verdict, judge, judge_first};
pub(super) use requirement::{RequirementState, Requirements, is_final};

use crate::journal::{self, AuditKey, Chain, Entry};
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
