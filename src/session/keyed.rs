//! Runs that were started under a key, which their ids are computed from: a second start finds the first.

use std::sync::Arc;

use crate::journal::{Entry, RunStarted};
use crate::run::Run;
use crate::store::damage::damaged;
use crate::store::handle::StoreHandle;
use crate::store::{Store, StoreError};

/// Takes what became of a start.
type Then<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// Passes on what became of a start. Where the run was there before, that is [`StoreError::RunExists`] for one that was started alike,
/// and [`StoreError::OtherRun`] for another one.
pub(super) fn compared<T: 'static>(store: &StoreHandle, asked: Arc<Run>, then: Then<T>) -> Then<T> {
    let store = store.clone();
    Box::new(move |created| match created {
        Err(exists @ StoreError::RunExists { .. }) => store.read(Box::new(move |reader| {
            let compared = reader.and_then(|reader| compare(reader, asked.started()));
            then(Err(compared.err().unwrap_or(exists)));
        })),
        created => {
            // Whoever goes on with the run changes it, which copies it while others have it, too.
            drop(asked);
            then(created);
        }
    })
}

fn compare(reader: &mut dyn Store, asked: &RunStarted) -> Result<(), StoreError> {
    let run_id = &asked.run_id;
    let stored = reader.load(run_id)?;
    let Some(Entry::RunStarted(started)) = stored.records.first().map(|record| &record.entry) else {
        return Err(damaged(
            run_id,
            &format!("the journal of run {run_id} has no beginning"),
        ));
    };
    let differing = started.differing(asked);
    match differing.is_empty() {
        true => Ok(()),
        false => Err(StoreError::OtherRun {
            run_id: run_id.clone(),
            differing,
        }),
    }
}
