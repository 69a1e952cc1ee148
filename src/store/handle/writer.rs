//! The thread that writes: whatever waits goes into one transaction with one wait for the disk.

use std::time::{Duration, Instant};

use super::Completion;
use super::fault_points::FaultPlan;
use super::heartbeat::Heartbeat;
use super::mailbox::{Received, Receiver};
use crate::store::sqlite::SqliteStore;
use crate::store::{Append, Author, Committed, Operation, Store, StoreError};

/// For how long an operation that nobody waits for may wait for company. A sequential run's tool outcome so shares the wait for
/// the disk with the model's next reply, where that comes at once; where it takes longer, the outcome is on disk long before it.
const PATIENCE: Duration = Duration::from_millis(2);

/// An operation on its way.
pub(super) struct Submission {
    operation: Operation,
    completion: Pending,
}

/// A completion that is called once in any case: one that gets lost hears that the store was closed.
struct Pending(Option<Completion>);

impl Submission {
    pub(super) fn new(operation: Operation, completion: Completion) -> Self {
        Self {
            operation,
            completion: Pending(Some(completion)),
        }
    }

    /// Ends the submission with an error.
    pub(super) fn fail(self, error: StoreError) {
        self.completion.finish(Err(error));
    }
}

impl Pending {
    fn finish(mut self, outcome: Result<Committed, StoreError>) {
        if let Some(completion) = self.0.take() {
            completion(outcome);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(completion) = self.0.take() {
            completion(Err(StoreError::Closed));
        }
    }
}

/// What the writing thread works with.
pub(super) struct Writer {
    pub(super) store: SqliteStore,
    pub(super) heartbeat: Heartbeat,
    pub(super) fault_plan: FaultPlan,
    /// Called after outsiders' entries were committed.
    pub(super) wake_reader: Box<dyn Fn() + Send>,
}

impl Writer {
    /// Works submissions off until no more can come, then gives the leases back.
    pub(super) fn run(mut self, receiver: &Receiver<Submission>) {
        while let Some(batch) = self.next_batch(receiver) {
            self.commit(batch);
        }
        let releases = self.heartbeat.releases();
        if !releases.is_empty() {
            // A lease that cannot be given back now ends with this process, or expires.
            let _ = self.store.commit(&releases);
        }
    }

    fn next_batch(&mut self, receiver: &Receiver<Submission>) -> Option<Vec<Submission>> {
        loop {
            self.heartbeat.beat_if_due(&mut self.store);
            let deadline = self.heartbeat.time_left().map(|time_left| Instant::now() + time_left);
            match receiver.receive(deadline, PATIENCE) {
                Received::Messages(batch) => return Some(batch),
                Received::Nothing => {}
                Received::End => return None,
            }
        }
    }

    fn commit(&mut self, batch: Vec<Submission>) {
        let owed = self.heartbeat.take_owed().into_iter();
        let (operations, completions): (Vec<_>, Vec<_>) = owed
            .map(|release| Submission::new(release, Box::new(|_| ())))
            .chain(batch)
            .map(|submission| (submission.operation, submission.completion))
            .unzip();
        self.fault_plan.pass_before_commit(&operations);
        let outcomes = self.store.commit(&operations);
        self.fault_plan.pass_after_commit(&operations, &outcomes);
        for (operation, outcome) in operations.iter().zip(&outcomes) {
            self.heartbeat.note(operation, outcome);
        }
        if operations
            .iter()
            .zip(&outcomes)
            .any(|(operation, outcome)| outcome.is_ok() && is_by_outsider(operation))
        {
            (self.wake_reader)();
        }
        for (completion, outcome) in completions.into_iter().zip(outcomes) {
            completion.finish(outcome);
        }
    }
}

/// Whether the operation puts something into a journal that its driver does not know.
pub(super) fn is_by_outsider(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Append(Append {
            author: Author::Outsider,
            ..
        })
    )
}
