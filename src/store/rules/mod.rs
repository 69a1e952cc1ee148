//! What every store checks before it writes, whatever it keeps its rows in.

mod judge;
mod requirement;
mod turns;

pub use judge::{Precedents, Verdict, judge, judge_first};
pub use requirement::{RequirementState, Requirements, is_final};
pub use turns::in_turns;

use std::time::Duration;

use crate::journal::{self, AuditKey, Chain, Entry, FORMAT, Format, RowFault};
use crate::{Text, Timestamp};

use super::damage::damaged;
use super::holder::{Expiry, Holder, Liveness, clock_to_watch_by, left, may_be_taken, now_for};
use super::{Append, Author, NewRun, RunRow, RunStatus, StoreError, UnsupportedJournal};

/// What an append must know of the run it goes to.
#[derive(Clone, Copy, Debug)]
pub struct RunState {
    /// Its status.
    pub status: RunStatus,
    /// The epoch of its last lease.
    pub epoch: u64,
    /// Whether somebody holds it.
    pub held: bool,
    /// How many entries drivers have appended.
    pub driver_entries: u64,
}

/// The status that a run begins with.
pub fn status_of(new: &NewRun) -> RunStatus {
    if new.is_queued() {
        RunStatus::Queued
    } else {
        RunStatus::Running
    }
}

/// The status that the entries leave the run with, where they change it: the column is an index of the journal.
pub fn status_after(append: &Append) -> Option<RunStatus> {
    let goes_on = append
        .entries
        .iter()
        .any(|entry| matches!(entry, Entry::RunContinued(_)));
    append
        .finish
        .as_ref()
        .map(|finish| finish.status)
        .or(goes_on.then_some(RunStatus::Running))
        .or_else(|| append.entries.iter().rev().find_map(status_by_move))
}

/// From when on workers take a run that these entries leave waiting for one.
pub fn not_before_of<'a>(entries: impl DoubleEndedIterator<Item = &'a Entry>) -> Option<Timestamp> {
    entries.rev().find_map(|entry| match entry {
        Entry::RunQueued(queued) => Some(queued.not_before),
        _ => None,
    })?
}

/// As [`not_before_of`], where the entries change it: `None` where the run only moves.
pub fn not_before_after(append: &Append) -> Option<Option<Timestamp>> {
    (!append.author.is_mover()).then(|| not_before_of(append.entries.iter()))
}

fn status_by_move(entry: &Entry) -> Option<RunStatus> {
    match entry {
        Entry::RunMoved(_) => Some(RunStatus::Moved),
        Entry::RunArrived(arrived) => Some(arrived.status),
        _ => None,
    }
}

/// Refuses a driver that lost its lease, an outsider who writes what only drivers may, and everybody where the run was moved away.
pub fn check_author(append: &Append, run: RunState) -> Result<(), StoreError> {
    let is_arrival = |entry: &Entry| matches!(entry, Entry::RunArrived(_));
    if run.status == RunStatus::Moved && !(append.author.is_mover() && append.entries.iter().all(is_arrival)) {
        return Err(moved(&append.run_id));
    }
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
        Author::Mover { driver_entries } => {
            let may_move = |entry: &Entry| match entry {
                Entry::RunMoved(_) => run.status != RunStatus::Moved,
                Entry::RunArrived(_) => run.status == RunStatus::Moved,
                _ => false,
            };
            let is_fit = !run.held && run.driver_entries == driver_entries && append.entries.iter().all(may_move);
            match is_fit {
                true => Ok(()),
                false => Err(StoreError::LeaseLost {
                    run_id: append.run_id.clone(),
                }),
            }
        }
        Author::External if append.finish.is_some() => Err(unusable(format!(
            "only the driver of run {} can stop it; nothing was written",
            append.run_id
        ))),
        Author::External => append
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
pub struct Lease {
    /// Who holds it.
    pub holder: Holder,
    /// Until when.
    pub expiry: Expiry,
    /// Since when.
    pub since: Timestamp,
}

impl Lease {
    /// Whether a worker should ask for the run: the lease may be taken over, or asking for it cuts it down to its proper length.
    pub fn is_worth_trying(&self, liveness: &dyn Liveness, now: Timestamp) -> bool {
        may_be_taken(liveness, &self.holder, self.expiry, now)
            || self.expiry.is_clearly_too_long(now_for(liveness, &self.holder, now))
            || self.is_to_be_watched(liveness, now)
    }

    /// Whether the wall clock says that it is over, and nobody has begun to watch for a sign of life.
    fn is_to_be_watched(&self, liveness: &dyn Liveness, now: Timestamp) -> bool {
        let is_over = self.expiry.left(now_for(liveness, &self.holder, now)) <= 0;
        let clock = clock_to_watch_by(liveness, &self.holder, self.expiry).filter(|_| is_over);
        clock.is_some_and(|clock| self.expiry.watched(clock, 0).is_some())
    }

    /// Makes it end with a whole lease from now on, where it would last longer, and begins to watch for a sign of life, where nothing else
    /// shows that the holder is gone. Says whether it did. `expires` is when one that is taken now ends.
    pub fn cut_down(&mut self, liveness: &dyn Liveness, now: Timestamp, expires: Timestamp) -> bool {
        let usual = expires.0.saturating_sub(now.0);
        let before = self.expiry;
        let capped = before.capped(now_for(liveness, &self.holder, now), usual);
        let clock = clock_to_watch_by(liveness, &self.holder, before);
        self.expiry = capped.unwrap_or(before);
        if let Some(watched) = clock.and_then(|clock| self.expiry.watched(clock, usual)) {
            self.expiry = watched;
        }
        self.expiry != before
    }
}

/// Refuses a lease that another one has: another process that lives, or another task of this very process.
pub fn check_lease(
    run_id: &Text,
    lease: Option<Lease>,
    asking: &Holder,
    now: Timestamp,
    liveness: &dyn Liveness,
) -> Result<(), StoreError> {
    match lease {
        Some(lease)
            if lease.holder.token == asking.token || !may_be_taken(liveness, &lease.holder, lease.expiry, now) =>
        {
            Err(busy(run_id, lease, asking, now, liveness))
        }
        _ => Ok(()),
    }
}

fn busy(run_id: &Text, lease: Lease, asking: &Holder, now: Timestamp, liveness: &dyn Liveness) -> StoreError {
    let Lease { holder, expiry, since } = lease;
    let is_seen = holder.token == asking.token || liveness.is_alive(&holder) == Some(true);
    let time_left = (!is_seen).then(|| {
        let micros = left(liveness, &holder, expiry, now).max(0);
        Duration::from_micros(micros.unsigned_abs())
    });
    StoreError::Busy {
        run_id: run_id.clone(),
        holder: Box::new(holder),
        since,
        left: time_left,
    }
}

/// The format of a run that is to be read.
pub fn read_format(run_id: &str, format: u32) -> Result<Format, StoreError> {
    Format::of(format).ok_or_else(|| unsupported(run_id, UnsupportedJournal::LaterFormat(format)))
}

fn unsupported(run_id: &str, problem: UnsupportedJournal) -> StoreError {
    let run_id = run_id.into();
    StoreError::UnsupportedJournal { run_id, problem }
}

/// Why a row of a run cannot be used. `place` is where it should stand.
pub fn misfit(run_id: &str, place: u64, fault: RowFault) -> StoreError {
    match fault {
        RowFault::Features(features) => unsupported(run_id, UnsupportedJournal::Features(features)),
        _ => {
            let problem = format!("the journal of run {run_id} does not fit together at entry {place}");
            damaged(run_id, &problem)
        }
    }
}

fn moved(run_id: &Text) -> StoreError {
    StoreError::RunMoved {
        run_id: run_id.clone(),
        to: None,
    }
}

/// Refuses a run that goes on in another database.
pub fn check_not_moved(row: &RunRow) -> Result<(), StoreError> {
    match row.status {
        RunStatus::Moved => Err(moved(&row.run_id)),
        _ => Ok(()),
    }
}

/// Refuses a run that cannot be erased now: one that can be continued.
pub fn check_erasable(row: &RunRow) -> Result<(), StoreError> {
    let advice = match row.status {
        RunStatus::Completed | RunStatus::Cancelled | RunStatus::Error | RunStatus::Moved => return Ok(()),
        RunStatus::Running => "erase it when its driver has stopped it",
        RunStatus::Queued | RunStatus::Paused => "cancel it first, or say that it is to be cancelled and erased",
    };
    Err(StoreError::NotStopped {
        run_id: row.run_id.clone(),
        status: row.status,
        advice,
    })
}

/// Whether a run of that status is over, so that it may be removed.
pub fn is_over(status: RunStatus) -> bool {
    matches!(status, RunStatus::Completed | RunStatus::Cancelled | RunStatus::Error)
}

/// Refuses a run of which nothing is left to read.
pub fn check_not_erased(row: &RunRow) -> Result<(), StoreError> {
    match row.is_erased {
        true => Err(StoreError::RunErased {
            run_id: row.run_id.clone(),
        }),
        false => Ok(()),
    }
}

/// The chain that new runs are written with.
pub fn chain_to_begin(key: Option<&AuditKey>) -> Chain {
    Chain::new(Format::Second, key)
}

/// What a run's next hashes are computed with. Nothing is written to runs of an earlier format. Who has a key writes to keyed runs only:
/// any other could be a forgery.
pub fn chain_to_write(
    run_id: &str,
    format: u32,
    key_id: Option<&Text>,
    key: Option<&AuditKey>,
) -> Result<Chain, StoreError> {
    read_format(run_id, format)?;
    if format != FORMAT {
        return Err(unsupported(run_id, UnsupportedJournal::EarlierFormat(format)));
    }
    let given = key.map(AuditKey::id);
    if key_id == given {
        return Ok(chain_to_begin(key));
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
pub fn encode(entry: &Entry) -> Result<String, StoreError> {
    let payload = journal::encode(entry).and_then(|payload| match entry {
        Entry::RequirementDecided(_) => journal::decode(entry.kind(), &payload).map(|_| payload),
        _ => Ok(payload),
    });
    let payload = payload.map_err(|error| {
        unusable(format!(
            "nothing was written, because it could not be read back: {error}"
        ))
    })?;
    journal::check_limits(entry, payload.len()).map_err(|problem| StoreError::TooLong {
        problem,
        requirement_id: match entry {
            Entry::RequirementDecided(decided) => Some(decided.requirement_id.clone()),
            _ => None,
        },
    })?;
    Ok(payload)
}

/// The error for what keeps the database from being used. The message says what to do.
#[must_use]
pub fn unusable(message: String) -> StoreError {
    StoreError::Unusable { message }
}
