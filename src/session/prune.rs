//! Removing runs that are over.

use std::time::Duration;

use crate::Timestamp;
use crate::store::signals::kept_since;
use crate::store::{PruneFilter, Pruned, RunStatus, WritableStore};

use super::EngineError;

/// How long a part may keep others from writing. The clock is looked at after each run, so that it takes a little longer.
const PATIENCE: Duration = Duration::from_millis(3);

/// Removes signals that are not kept any more, or as many of them as little time allows.
///
/// # Errors
/// What the store ran into.
pub fn forget_signals(store: &mut dyn WritableStore, now: Timestamp) -> Result<u64, EngineError> {
    Ok(store.forget_signals(kept_since(now), PATIENCE)?)
}

/// Removes a part of the runs of these statuses that nothing happened to since `before`, beginning behind a place; with `is_dry` it only
/// counts them. Between two parts others write.
///
/// # Errors
/// What the store ran into.
pub fn prune(
    store: &mut dyn WritableStore,
    statuses: Vec<RunStatus>,
    before: Timestamp,
    after: i64,
    is_dry: bool,
) -> Result<Pruned, EngineError> {
    let filter = PruneFilter {
        statuses,
        before,
        after,
        is_dry,
        patience: PATIENCE,
    };
    Ok(store.prune(&filter)?)
}
