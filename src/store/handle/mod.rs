//! What runs use a backend through, and what a backend is made of: queues with group commit, the bookkeeping of leases, subscribers. It
//! knows no database.

mod heartbeat;
mod lost_leases;
mod mailbox;
mod pending_job;
mod signal;
mod submission;
mod subscribers;
mod worker;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use super::backend::{Backend, Completion, MaintenanceJob, ReadJob};
use super::holder::Holder;
use super::{Committed, Operation, Store, StoreError, StoredRun, new_id};
use crate::{Text, Timestamp};
pub use heartbeat::Heartbeat;
pub use lost_leases::LostLeases;
pub use mailbox::{Receiver, Sender, Urgency, Waited, mailbox};
pub use pending_job::PendingJob;
pub(super) use signal::LONGEST_SPIN;
pub(crate) use signal::Signal;
pub use submission::{Batch, Done, Pending, Submission, is_by_outsider};
pub use subscribers::{Subscriber, Subscribers, Subscription, Watcher};
pub use worker::Worker;

/// What completes the sentence that a database was opened before a fork, and ...
pub(super) const FORK_ADVICE: &str = "cannot be used in the child: start children with the spawn or forkserver method, or open \
    the database after the fork only";

/// A store for any number of threads. Clones are the same opening: closing one closes all of them.
///
/// On a file, operations go to a thread of their own, where whatever waits shares one transaction; reads go to another.
/// Both start when they are first needed. An operation that waits neither for the disk nor for anybody else may be carried out inside the
/// call; in memory, everything is.
///
/// A handle belongs to the process that opened it: after a fork each method fails in the child.
#[derive(Clone)]
pub struct StoreHandle {
    opening: Arc<Opening>,
}

struct Opening {
    process: u32,
    is_closed: AtomicBool,
    /// Who is to hear that it is closed.
    closing: Arc<Subscribers>,
    backend: Arc<dyn Backend>,
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoreHandle")
            .field("holder", self.opening.backend.holder())
            .finish_non_exhaustive()
    }
}

impl StoreHandle {
    /// An opening of that backend.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            opening: Arc::new(Opening {
                process: std::process::id(),
                is_closed: AtomicBool::new(false),
                closing: Arc::default(),
                backend,
            }),
        }
    }

    /// Who this process is to other processes: the holder of the leases that are taken through this handle.
    #[must_use]
    pub fn holder(&self) -> Holder {
        self.opening.backend.holder().clone()
    }

    /// What time it is by the store's clock: the only one that entries are dated by, and that says what is due, what is over and whose
    /// lease or claim has ended.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.opening.backend.now()
    }

    /// Until when a lease taken at `now` holds without a heartbeat.
    #[must_use]
    pub fn lease_expiry(&self, now: Timestamp) -> Timestamp {
        now.plus_micros(i64::try_from(self.opening.backend.lease().as_micros()).unwrap_or(i64::MAX))
    }

    /// Passes a fault point: a test may let this process end here.
    pub fn pass_fault_point(&self, point: &str) {
        self.opening.backend.pass_fault_point(point);
    }

    /// Refuses a driver that may no longer count on the lease that it has under that epoch. Costs next to nothing, and asks nobody.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] or [`StoreError::LeaseOver`].
    pub fn check_lease(&self, run_id: &Text, epoch: u64) -> Result<(), StoreError> {
        self.opening
            .backend()
            .map_or(Ok(()), |backend| backend.check_lease(run_id, epoch))
    }

    /// Carries an operation out, without ever waiting for the disk or a lock: where it has to be waited for, another thread does. The
    /// completion may be called before this returns; in memory it was.
    pub fn submit(&self, operation: Operation, completion: Completion) {
        match self.opening.backend() {
            Ok(backend) => backend.submit(operation, completion),
            Err(error) => completion(Err(error)),
        }
    }

    /// As [`StoreHandle::submit`], for an operation whose outcome nothing waits for: it may wait a moment, so that others share
    /// its transaction. The order of submissions is kept.
    pub fn submit_deferred(&self, operation: Operation, completion: Completion) {
        match self.opening.backend() {
            Ok(backend) => backend.submit_deferred(operation, completion),
            Err(error) => completion(Err(error)),
        }
    }

    /// Whether what was just submitted is likely to be on disk so soon that its submitter had better spin until then.
    pub(crate) fn are_commits_near(&self) -> bool {
        self.opening.backend().is_ok_and(Backend::are_commits_near)
    }

    /// Reads. On a file this returns at once, and the job sees everything that was committed before the call.
    pub fn read(&self, job: ReadJob) {
        match self.opening.backend() {
            Ok(backend) => backend.read(job),
            Err(error) => job(Err(error)),
        }
    }

    /// As [`StoreHandle::read`], for a job that may take long: other reads do not wait for it.
    pub fn read_apart(&self, job: ReadJob) {
        match self.opening.backend() {
            Ok(backend) => backend.maintain(Box::new(move |store| job(store.map(|store| store as &mut dyn Store)))),
            Err(error) => job(Err(error)),
        }
    }

    /// Erases, removes, or does what else changes more than operations do: nothing waits until it has ended.
    pub fn maintain(&self, job: MaintenanceJob) {
        match self.opening.backend() {
            Ok(backend) => backend.maintain(job),
            Err(error) => job(Err(error)),
        }
    }

    /// Carries an operation out and waits for its outcome. Not to be called from a completion or a read job.
    ///
    /// # Errors
    /// The operation's refusal, or what the store ran into.
    pub fn execute(&self, operation: Operation) -> Result<Committed, StoreError> {
        wait(|sender| self.submit(operation, Box::new(move |outcome| answer(&sender, outcome))))
    }

    /// Reads and waits for the result. Not to be called from a completion or a read job.
    ///
    /// # Errors
    /// What `job` returns, or why the store cannot be read.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        wait(|sender| self.read(Box::new(move |store| answer(&sender, store.and_then(job)))))
    }

    /// Loads a run and waits for it. Not to be called from a completion or a read job.
    ///
    /// # Errors
    /// [`StoreError::RunNotFound`], or what the store ran into.
    pub fn load_blocking(&self, run_id: Text) -> Result<StoredRun, StoreError> {
        self.read_blocking(move |store| store.load(&run_id))
    }

    /// Calls `subscriber` with each record that outsiders append to the run from now on, in this process or another:
    /// once each, in order, until the subscription is dropped. Records from shortly before may come, too.
    ///
    /// On a closed store the subscription stays silent.
    pub fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription {
        match self.opening.backend() {
            Ok(backend) => backend.subscribe(run_id, subscriber),
            Err(_) => Subscription::default(),
        }
    }

    /// Calls `watcher` soon after each commit, of this process or another, once for those that come close together, until the subscription
    /// is dropped. It may be called where there was no commit; it is called with an error where the store cannot be read, and when it is
    /// closed.
    pub fn watch(&self, watcher: Watcher) -> Subscription {
        let watched = self.opening.backend().and_then(|_| {
            // A watcher that is on this list before the store turns out to be open is told when it is closed. A forked child, which may
            // have got the list locked, does not come here.
            let closing = self.opening.closing.watch(Arc::clone(&watcher));
            let backend = self.opening.backend()?;
            Ok(backend.watch(Arc::clone(&watcher)).and(closing))
        });
        watched.unwrap_or_else(|error| {
            watcher(Err(&error));
            Subscription::default()
        })
    }

    /// Writes what waits, gives the leases back and closes the file; then each method fails with
    /// [`StoreError::Closed`]. The file stays open as long as other openings in this process use it.
    pub fn close(&self) {
        self.opening.close();
    }
}

impl Opening {
    fn backend(&self) -> Result<&dyn Backend, StoreError> {
        if self.is_forked() {
            return Err(StoreError::Forked {
                message: format!("the database was opened before this process was forked, and {FORK_ADVICE}"),
            });
        }
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        Ok(&*self.backend)
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    fn close(&self) {
        if !self.is_forked() && !self.is_closed.swap(true, Ordering::AcqRel) {
            self.closing.tell_watchers(Err(&StoreError::Closed));
            self.backend.close();
        }
    }
}

impl Drop for Opening {
    /// A forked child must touch neither the threads, which it does not have, nor the connections, whose locks are
    /// its parent's.
    fn drop(&mut self) {
        if self.is_forked() {
            std::mem::forget(Arc::clone(&self.backend));
        } else {
            self.close();
        }
    }
}

/// This very process, under a token that nobody else has: the holder of the leases that a backend's handles take.
#[must_use]
pub fn new_holder() -> Holder {
    Holder::this_process(new_id().into())
}

fn wait<T>(start: impl FnOnce(mpsc::SyncSender<Result<T, StoreError>>)) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    start(sender);
    receiver.recv().unwrap_or(Err(StoreError::Closed))
}

fn answer<T>(sender: &mpsc::SyncSender<T>, value: T) {
    // Nobody listens only when the waiting thread is gone, and then nobody misses the answer.
    let _ = sender.send(value);
}

/// A panic in one thread says nothing about the value that it had locked: each lock here guards single assignments.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
