//! A cancellation that comes while a run's end is on its way to the disk: whichever is there first holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::{CancelRequested, Entry, RunCancelled};

use super::{Append, RunStatus};

/// Where the wishes of a run's own process to cancel it meet the transaction that ends it. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    /// Nobody wants it.
    #[default]
    Open,
    /// Somebody does: the run ends cancelled.
    Wanted(CancelRequested),
    /// The run's end is being written, or is on disk.
    Sealed,
}

impl CancelFlag {
    /// Wants the run cancelled, which its end then says, whatever its driver comes to first. `false`: that is too late.
    #[must_use]
    pub fn want(&self, cancel: CancelRequested) -> bool {
        let mut state = self.lock();
        if matches!(*state, State::Open) {
            *state = State::Wanted(cancel);
        }
        matches!(*state, State::Wanted(_))
    }

    /// From now on it is too late. Returns what was wanted before, also when a transaction is tried once more.
    pub(crate) fn seal(&self) -> Option<CancelRequested> {
        let mut state = self.lock();
        if let State::Wanted(cancel) = &*state {
            return Some(cancel.clone());
        }
        *state = State::Sealed;
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a driver stops: the status is stored and the lease released in the same transaction.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The run's status from now on.
    pub status: RunStatus,
    /// With how many open requirements a paused run goes on.
    pub goes_on_with: u64,
    /// What is written instead where somebody wants the run cancelled; `None`: the append stands whatever anybody wants.
    pub if_cancelled: Option<LateCancel>,
}

impl Finish {
    /// A stop that stands whatever anybody else wants.
    #[must_use]
    pub fn as_told(status: RunStatus) -> Self {
        Self {
            status,
            goes_on_with: 0,
            if_cancelled: None,
        }
    }
}

/// What a driver's last append says instead, where somebody wanted the run cancelled and the driver has not heard of it.
#[derive(Clone, Debug)]
pub struct LateCancel {
    /// How many entries of outsiders the driver has heard of.
    pub heard: u64,
    /// The place of the last of them in the journal.
    pub heard_seq: u64,
    /// What happened all the same. Behind it the store writes that the run is cancelled.
    pub facts: Vec<Entry>,
    /// The model's answer counts as not given: it is asked again should the run go on.
    pub dropped_request: bool,
    /// What this process itself wants.
    pub wish: CancelFlag,
}

/// The append that is made instead of one that ends a run, where somebody wanted the run cancelled before. From then on wishes of the
/// driver's own process come too late.
///
/// `outsiders` is how many entries of outsiders the journal has; `is_cancelled` looks for a cancel request among those behind a place.
pub fn instead_of<E>(
    append: &Append,
    outsiders: u64,
    is_cancelled: impl FnOnce(u64) -> Result<bool, E>,
) -> Result<Option<Append>, E> {
    let Some(late) = append.finish.as_ref().and_then(|finish| finish.if_cancelled.as_ref()) else {
        return Ok(None);
    };
    let is_cancelled = outsiders > late.heard && is_cancelled(late.heard_seq)?;
    let wish = late.wish.seal();
    Ok((is_cancelled || wish.is_some()).then(|| late.in_place_of(append, wish)))
}

impl LateCancel {
    /// `wish`: what this process wanted, which the journal does not say yet.
    fn in_place_of(&self, append: &Append, wish: Option<CancelRequested>) -> Append {
        let dropped_request = self.dropped_request;
        let cancelled = Entry::RunCancelled(RunCancelled { dropped_request });
        let facts = self.facts.iter().cloned();
        Append {
            run_id: append.run_id.clone(),
            author: append.author.clone(),
            at: append.at,
            entries: facts
                .chain(wish.map(Entry::CancelRequested))
                .chain([cancelled])
                .collect(),
            finish: Some(Finish::as_told(RunStatus::Cancelled)),
        }
    }
}
