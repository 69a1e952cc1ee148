//! Erasing what a run said.

use crate::journal::CancelRequested;
use crate::store::handle::StoreHandle;
use crate::store::{Erasure, StoreError, WritableStore};

use super::EngineError;
use super::control::{Then, cancel};

/// Erases what a run said. With `force` one that can be continued is cancelled first. `false`: that was done before.
pub fn erase(store: &StoreHandle, erasure: Erasure, force: bool, then: Then<bool>) {
    if !force {
        return erase_stopped(store, erasure, then);
    }
    let (handle, at) = (store.clone(), erasure.at);
    let cancelled = CancelRequested {
        interrupt: true,
        by: erasure.by.clone(),
        reason: erasure.reason.clone(),
    };
    cancel(
        store,
        erasure.run_id.clone(),
        cancelled,
        at,
        Box::new(move |cancelled| match cancelled {
            Ok(_) | Err(EngineError::Store(StoreError::RunErased { .. } | StoreError::RunMoved { .. })) => {
                erase_stopped(&handle, erasure, then)
            }
            Err(error) => then(Err(error)),
        }),
    );
}

fn erase_stopped(store: &StoreHandle, erasure: Erasure, then: Then<bool>) {
    store.maintain(Box::new(move |store| {
        then(store.and_then(|store| store.erase(&erasure)).map_err(EngineError::from));
    }));
}

/// Removes what is left of erased payloads outside of the database itself. `false`: something keeps it from being removed now.
///
/// # Errors
/// What the store ran into.
pub fn finish_erasures(store: &mut dyn WritableStore) -> Result<bool, EngineError> {
    Ok(store.finish_erasures()?)
}
