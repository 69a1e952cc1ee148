//! Looking over every run of a database, and who decided what about one.

use crate::run::{self, AuditRecord};
use crate::store::{Store, StoreError};

use super::{EngineError, verify};

const PAGE: u32 = 256;

/// What is wrong with a database: its file, and what [`verify()`] finds wrong with each run. Empty when all is well.
///
/// # Errors
/// What the store ran into on its way.
pub fn check(store: &mut dyn Store) -> Result<Vec<String>, EngineError> {
    let mut problems = store.check()?;
    let mut last: Option<String> = None;
    loop {
        let page = store.run_ids(last.as_deref(), PAGE)?;
        for run_id in &page {
            problems.extend(check_run(store, run_id)?);
        }
        match page.into_iter().next_back() {
            Some(run_id) => last = Some(run_id),
            None => return Ok(problems),
        }
    }
}

fn check_run(store: &mut dyn Store, run_id: &str) -> Result<Option<String>, EngineError> {
    match verify(store, run_id, None) {
        Ok(found) => Ok(found.first_bad.map(|mismatch| format!("run {run_id}: {mismatch}"))),
        Err(EngineError::Store(error @ StoreError::UnsupportedJournal { .. })) => {
            Ok(Some(format!("run {run_id} was not checked: {error}")))
        }
        Err(error) => Err(error),
    }
}

/// Who decided what about a run, in the order in which it was written.
///
/// # Errors
/// What the store ran into, or a journal that cannot be read.
pub fn audit(store: &mut dyn Store, run_id: &str) -> Result<Vec<AuditRecord>, EngineError> {
    Ok(run::audit(&store.load(run_id)?.records)?)
}
