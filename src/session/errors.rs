//! What can go wrong between a caller and a run.

use crate::run::{DecisionError, ReplayError};
use crate::store::StoreError;

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
