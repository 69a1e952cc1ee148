//! Jobs on their way to the thread that runs them.

use crate::store::backend::{MaintenanceJob, ReadJob};
use crate::store::{StoreError, WritableStore};

/// A job that is called once in any case: one that gets lost is called with [`StoreError::Closed`].
pub struct PendingJob(Option<MaintenanceJob>);

impl PendingJob {
    /// A job that may change the store.
    #[must_use]
    pub fn new(job: MaintenanceJob) -> Self {
        Self(Some(job))
    }

    /// A job that reads.
    #[must_use]
    pub fn reading(job: ReadJob) -> Self {
        Self::new(Box::new(move |store| job(store.map(|store| store as _))))
    }

    /// Runs the job.
    pub fn run<S: WritableStore>(mut self, store: Result<&mut S, StoreError>) {
        if let Some(job) = self.0.take() {
            job(store.map(|store| store as _));
        }
    }

    /// Tells the job why it cannot run.
    pub fn fail(mut self, error: StoreError) {
        self.end(error);
    }

    fn end(&mut self, error: StoreError) {
        if let Some(job) = self.0.take() {
            job(Err(error));
        }
    }
}

impl Drop for PendingJob {
    fn drop(&mut self) {
        self.end(StoreError::Closed);
    }
}
