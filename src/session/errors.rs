//! What can go wrong between a caller and a run.

use crate::run::{DecisionError, ReplayError, Run};
use crate::store::damage::damaged;
use crate::store::{StoreError, StoredRun};

/// Everything that the engine reports to its caller.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The store refused, or could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The decision cannot be taken.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The journal cannot be read as a run.
    #[error("the journal of this run cannot be read: {0}")]
    Replay(#[from] ReplayError),
}

/// The run that a stored journal tells of.
///
/// # Errors
/// [`StoreError::Damaged`] where it tells of none.
pub(super) fn replayed(stored: &StoredRun) -> Result<Run, EngineError> {
    let run_id = &stored.row.run_id;
    Run::replay(&stored.records).map_err(|error| {
        let problem = format!("the journal of run {run_id} cannot be read ({error})");
        damaged(run_id, &problem).into()
    })
}
