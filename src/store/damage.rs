//! Telling of a run that cannot be read, so that a person knows what to do.

use super::StoreError;

/// `problem` is a sentence about the run, without its end.
pub fn damaged(run_id: &str, problem: &str) -> StoreError {
    StoreError::Damaged {
        run_id: run_id.into(),
        message: format!(
            "{problem}: it was changed by something else, or by a newer haltpoint. `haltpoint check` tells what is damaged; \
             restore a backup"
        ),
    }
}
