//! The one seam between runs and where their journals are kept.

use std::time::Duration;

use super::handle::{Subscriber, Subscription, Watcher};
use super::holder::Holder;
use super::{Committed, Operation, Store, StoreError, WritableStore};
use crate::{Text, Timestamp};

/// Takes an operation's outcome: called exactly once, on whichever thread has it. It must not block.
pub type Completion = Box<dyn FnOnce(Result<Committed, StoreError>) + Send>;

/// Reads from the store, or hears why it cannot: called exactly once, on the thread that reads.
pub type ReadJob = Box<dyn FnOnce(Result<&mut dyn Store, StoreError>) + Send>;

/// Does what takes long, or changes more than what operations do, or hears why it cannot: called exactly once.
pub type MaintenanceJob = Box<dyn FnOnce(Result<&mut dyn WritableStore, StoreError>) + Send>;

/// A place where journals are kept, with its own way to schedule what any number of threads ask of it.
///
/// A [`super::handle::StoreHandle`] stands before it. What the handle promises is kept here:
///
/// * Completions and read jobs are called exactly once, without a lock held that a further call needs. After
///   [`Backend::close`] they are called with [`StoreError::Closed`].
/// * Operations on one run are carried out in the order of their submission; those on different runs may overtake each other.
/// * A read job sees what was committed before it was handed in.
/// * Leases that were taken in the name of [`Backend::holder`] are kept alive for as long as they are held.
///
/// The methods with a default are for backends to which they make a difference: none of them changes what is written.
pub trait Backend: Send + Sync {
    /// Who this process is to other processes: the holder of the leases that are taken through this backend.
    fn holder(&self) -> &Holder;

    /// For how long a lease holds without a sign of life of its holder.
    fn lease(&self) -> Duration;

    /// What time it is by the backend's clock, the only one that entries are dated by and that leases, claims and expiry
    /// times are judged by.
    fn now(&self) -> Timestamp;

    /// Refuses a driver that may no longer count on the lease that it has under that epoch, as far as that is known here: it is over by this
    /// process's own measure, or somebody else was found to have it. Never waits for anything.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] or [`StoreError::LeaseOver`].
    fn check_lease(&self, _run_id: &Text, _epoch: u64) -> Result<(), StoreError> {
        Ok(())
    }

    /// Carries an operation out, now or later, and never waits for the disk, the network or another process meanwhile.
    fn submit(&self, operation: Operation, completion: Completion);

    /// As [`Backend::submit`], for an operation whose outcome nothing waits for: it may wait a moment, so that others share
    /// its transaction.
    fn submit_deferred(&self, operation: Operation, completion: Completion) {
        self.submit(operation, completion);
    }

    /// Whether an operation that was just submitted is likely to be committed so soon that its submitter had better spin
    /// until then.
    fn are_commits_near(&self) -> bool {
        false
    }

    /// Runs a job that reads, now or later.
    fn read(&self, job: ReadJob);

    /// Runs a job that may take long, now or later: neither reads nor operations wait until it has ended.
    fn maintain(&self, job: MaintenanceJob);

    /// Calls `subscriber` with each record that outsiders append to the run from now on, once each, in order, until the
    /// subscription is dropped; [`super::handle::Subscribers`] keeps such lists.
    fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription;

    /// Calls `watcher` soon after each commit of any process from now on, once for those that come close together, and where the store
    /// cannot be read, until the subscription is dropped. It may be called where there was no commit.
    fn watch(&self, watcher: Watcher) -> Subscription;

    /// Passes a fault point: a test may let this process end here. Without effect where nothing outlives the process.
    fn pass_fault_point(&self, _point: &str) {}

    /// Writes what waits and gives the leases back. Called once for each handle that was opened on the backend.
    fn close(&self);
}
