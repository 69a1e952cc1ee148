//! Making a database smaller after runs were removed or erased.

use std::time::Duration;

use crate::store::WritableStore;

use super::EngineError;

/// How long a part may keep others from writing. It is looked at after some pages, so that it takes a little longer.
const PATIENCE: Duration = Duration::from_millis(3);

/// Gives a part of the free room back to the file system, and says whether there is more. Between two parts others write.
///
/// # Errors
/// What the store ran into.
pub fn shrink(store: &mut dyn WritableStore) -> Result<bool, EngineError> {
    Ok(store.shrink(PATIENCE)?)
}

/// Writes the whole database anew, without free room and without anything that was erased.
///
/// # Errors
/// That something else uses the database; or what the store ran into.
pub fn compact(store: &mut dyn WritableStore) -> Result<(), EngineError> {
    Ok(store.compact()?)
}
