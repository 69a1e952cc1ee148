//! Where a store plugs in that brings its own scheduling: one that lives elsewhere, or a simulation that decides for
//! itself when a commit happens and what becomes of it.

use super::{Completion, ReadJob, Subscriber, Subscription};
use crate::store::Operation;
use crate::{Text, Timestamp};

/// A store with scheduling of its own, behind a [`super::StoreHandle`].
///
/// What a handle promises is to be kept here: completions and read jobs are called exactly once, and without a lock held
/// that a further call needs; operations are carried out in the order of their submission; a read job sees what was
/// committed before it was handed in. Leases are to be kept alive, too, for as long as they are held.
pub trait HostedStore: Send + Sync {
    /// What time it is by the store's clock.
    fn now(&self) -> Timestamp;

    /// Carries an operation out, now or later.
    fn submit(&self, operation: Operation, completion: Completion);

    /// Runs a job that reads, now or later.
    fn read(&self, job: ReadJob);

    /// Calls `subscriber` with each record that outsiders append to the run from now on, once each, in order, until the
    /// subscription is dropped; [`super::Subscribers`] keeps such lists.
    fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription;

    /// Writes what waits and gives the leases back. Nothing is asked of the store afterwards.
    fn close(&self);
}
