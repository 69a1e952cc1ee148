//! The last words of a session, and what they are instead where somebody wanted the run cancelled.

use std::sync::{Arc, OnceLock};

use crate::journal::{Entry, OutcomeSource};
use crate::run::{Effect, Run};
use crate::store::handle::StoreHandle;
use crate::store::{Append, Author, CancelFlag, Finish, LateCancel, RunStatus, Store, StoreError};
use crate::{Text, Timestamp};

use super::{Deliver, Session};

impl Session {
    pub(super) fn append(&self, standing: Standing, entries: Vec<Entry>, at: Timestamp) -> Append {
        let status = self.run.status();
        let stopped = status != RunStatus::Running;
        Append {
            run_id: self.run.run_id().clone(),
            author: Author::Driver {
                epoch: self.epoch,
                driver_entries: standing.driver_entries,
            },
            at,
            finish: stopped.then(|| Finish {
                goes_on_with: self.run.goes_on_with(),
                ..standing.finish(status, &entries, &self.wish)
            }),
            entries,
        }
    }

    pub(super) fn ending(&self) -> Ending {
        Ending {
            store: self.store.clone(),
            run_id: self.run.run_id().clone(),
            ended: Arc::clone(&self.ended),
        }
    }
}

/// What an append must know of the state before it.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) driver_entries: u64,
    heard: u64,
    heard_seq: u64,
    awaits_model: bool,
}

impl Standing {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            driver_entries: run.driver_entries(),
            heard: run.outsider_entries(),
            heard_seq: run.outsider_seq(),
            awaits_model: run.awaits_model(),
        }
    }

    /// How a driver stops that leaves the run so: as if it had been told of a cancellation first, where there is one.
    pub(super) fn finish(self, status: RunStatus, entries: &[Entry], wish: &CancelFlag) -> Finish {
        let late_cancel = || LateCancel {
            heard: self.heard,
            heard_seq: self.heard_seq,
            facts: entries.iter().filter(|entry| is_fact(entry)).cloned().collect(),
            dropped_request: self.awaits_model,
            wish: wish.clone(),
        };
        Finish {
            status,
            goes_on_with: 0,
            if_cancelled: (status != RunStatus::Cancelled).then(late_cancel),
        }
    }
}

/// Whether a run that is being cancelled writes this down, too: what tools did. A reply of its model it would not have waited for,
/// and all else follows from the journal when it goes on.
fn is_fact(entry: &Entry) -> bool {
    match entry {
        Entry::ToolFinished(finished) => matches!(finished.source, OutcomeSource::Tool | OutcomeSource::Reconciled),
        Entry::RunContinued(_) | Entry::ToolInterrupted(_) | Entry::ToolReconciled(_) => true,
        _ => false,
    }
}

/// The state of a run that ended cancelled although its session came to another end, once it is known.
pub(super) type Ended = Arc<OnceLock<Arc<Run>>>;

/// Where a session finds what was written in the place of its last words.
pub(super) struct Ending {
    pub(super) store: StoreHandle,
    pub(super) run_id: Text,
    pub(super) ended: Ended,
}

impl Ending {
    /// Reads it, and hands the effects out then.
    pub(super) fn read_back(self, gated: Vec<Effect>, deliver: Deliver) {
        let Self { store, run_id, ended } = self;
        store.read(Box::new(move |reader| {
            deliver(reader.and_then(|reader| replayed(reader, &run_id)).map(|run| {
                ended.get_or_init(|| Arc::new(run));
                gated
            }));
        }));
    }
}

fn replayed(reader: &mut dyn Store, run_id: &str) -> Result<Run, StoreError> {
    let stored = reader.load(run_id)?;
    Run::replay(&stored.records).map_err(|error| StoreError::Unusable {
        message: format!("the journal of run {run_id} cannot be read: {error}"),
    })
}
