//! A store that any number of threads share: group commit, heartbeats and notifications around a blocking [`Store`].

mod cost;
mod fault_points;
mod file;
mod heartbeat;
mod hosted;
mod inline;
mod mailbox;
mod reader;
mod registry;
mod spin;
mod subscribers;
mod worker;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use super::holder::Holder;
use super::sqlite::{Clock, SqliteOptions};
use super::{Committed, Operation, Store, StoreError, StoredRun, new_id};
use crate::journal::AuditKey;
use crate::{Text, Timestamp};
pub use fault_points::{FaultPlan, fault_points};
use file::OpenFile;
pub use hosted::HostedStore;
use inline::InlineStore;
pub(crate) use spin::Signal;
pub use subscribers::{Subscriber, Subscribers, Subscription};

/// Takes an operation's outcome: called exactly once, on whichever thread has it. It must not block.
pub type Completion = Box<dyn FnOnce(Result<Committed, StoreError>) + Send>;

/// Reads from the store, or hears why it cannot: called exactly once, on the thread that reads.
pub type ReadJob = Box<dyn FnOnce(Result<&mut dyn Store, StoreError>) + Send>;

/// What completes the sentence that a database was opened before a fork, and ...
const FORK_ADVICE: &str = "cannot be used in the child: start children with the spawn or forkserver method, or open \
    the database after the fork only";

/// For how long a run in memory is held; nobody else could take it.
const MEMORY_LEASE: Duration = Duration::from_secs(30);

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
    holder: Holder,
    lease: Duration,
    clock: Clock,
    fault_plan: FaultPlan,
    backend: Mutex<Option<Backend>>,
}

#[derive(Clone)]
enum Backend {
    File(Arc<OpenFile>),
    Memory(Arc<InlineStore>),
    Hosted(Arc<dyn HostedStore>),
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoreHandle")
            .field("holder", &self.opening.holder)
            .finish_non_exhaustive()
    }
}

impl StoreHandle {
    /// Opens a database file, or creates it. Openings of one file in one process share its threads and its holder.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file cannot be opened, when it is open in this process already with another
    /// durability, lease or audit key, or when it was open in the process that this one was forked from.
    pub fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let lease = options.lease;
        let file = registry::open(path, options)?;
        let (holder, fault_plan) = (file.holder().clone(), file.fault_plan().clone());
        let clock = Arc::clone(file.clock());
        Ok(Self::new(holder, lease, clock, fault_plan, Backend::File(file)))
    }

    /// A store that lives and dies with this process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::in_memory_with_key(None)
    }

    /// A store that lives and dies with this process, with a key for its hash chains.
    #[must_use]
    pub fn in_memory_with_key(key: Option<AuditKey>) -> Self {
        let backend = Backend::Memory(Arc::new(InlineStore::new(key)));
        let clock = SqliteOptions::default().clock;
        Self::new(new_holder(), MEMORY_LEASE, clock, FaultPlan::default(), backend)
    }

    /// A store that brings its own scheduling. Leases are taken in the name of `holder`, each for as long as `lease`.
    #[must_use]
    pub fn hosted(store: Arc<dyn HostedStore>, holder: Holder, lease: Duration) -> Self {
        let clock = Arc::new({
            let store = Arc::clone(&store);
            move || store.now()
        });
        Self::new(holder, lease, clock, FaultPlan::default(), Backend::Hosted(store))
    }

    fn new(holder: Holder, lease: Duration, clock: Clock, fault_plan: FaultPlan, backend: Backend) -> Self {
        let process = std::process::id();
        Self {
            opening: Arc::new(Opening {
                process,
                holder,
                lease,
                clock,
                fault_plan,
                backend: Mutex::new(Some(backend)),
            }),
        }
    }

    /// Who this process is to other processes: the holder of the leases that are taken through this handle.
    #[must_use]
    pub fn holder(&self) -> Holder {
        self.opening.holder.clone()
    }

    /// What time it is by the store's clock: the only one that entries are dated by, and that says what is due, what is over and whose
    /// lease or claim has ended.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.opening.clock)()
    }

    /// Until when a lease taken at `now` holds without a heartbeat.
    #[must_use]
    pub fn lease_expiry(&self, now: Timestamp) -> Timestamp {
        now.plus_micros(i64::try_from(self.opening.lease.as_micros()).unwrap_or(i64::MAX))
    }

    /// Passes a fault point: a test may let this process end here.
    pub fn pass_fault_point(&self, point: &str) {
        self.opening.fault_plan.pass(point);
    }

    /// Carries an operation out, without ever waiting for the disk or a lock: where it has to be waited for, another thread does. The
    /// completion may be called before this returns; in memory it was.
    pub fn submit(&self, operation: Operation, completion: Completion) {
        match self.opening.backend() {
            Ok(Backend::File(file)) => file.submit(operation, completion),
            Ok(Backend::Memory(store)) => store.submit(operation, completion),
            Ok(Backend::Hosted(store)) => store.submit(operation, completion),
            Err(error) => completion(Err(error)),
        }
    }

    /// As [`StoreHandle::submit`], for an operation whose outcome nothing waits for: it may wait a moment, so that others share
    /// its transaction. The order of submissions is kept.
    pub fn submit_deferred(&self, operation: Operation, completion: Completion) {
        match self.opening.backend() {
            Ok(Backend::File(file)) => file.submit_deferred(operation, completion),
            Ok(Backend::Memory(store)) => store.submit(operation, completion),
            Ok(Backend::Hosted(store)) => store.submit(operation, completion),
            Err(error) => completion(Err(error)),
        }
    }

    /// Whether what was just submitted is likely to be on disk so soon that its submitter had better spin until then.
    pub(crate) fn are_commits_near(&self) -> bool {
        matches!(self.opening.backend(), Ok(Backend::File(file)) if file.are_commits_near())
    }

    /// Reads. On a file this returns at once, and the job sees everything that was committed before the call.
    pub fn read(&self, job: ReadJob) {
        match self.opening.backend() {
            Ok(Backend::File(file)) => file.read(job),
            Ok(Backend::Memory(store)) => store.read(job),
            Ok(Backend::Hosted(store)) => store.read(job),
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
            Ok(Backend::File(file)) => file.subscribe(run_id, subscriber),
            Ok(Backend::Memory(store)) => store.subscribe(run_id, subscriber),
            Ok(Backend::Hosted(store)) => store.subscribe(run_id, subscriber),
            Err(_) => Subscription::default(),
        }
    }

    /// Writes what waits, gives the leases back and closes the file; then each method fails with
    /// [`StoreError::Closed`]. The file stays open as long as other openings in this process use it.
    pub fn close(&self) {
        self.opening.close();
    }
}

impl Opening {
    fn backend(&self) -> Result<Backend, StoreError> {
        if self.is_forked() {
            return Err(StoreError::Forked {
                message: format!("the database was opened before this process was forked, and {FORK_ADVICE}"),
            });
        }
        lock(&self.backend).clone().ok_or(StoreError::Closed)
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    fn close(&self) {
        if self.is_forked() {
            return;
        }
        let backend = lock(&self.backend).take();
        match backend {
            Some(Backend::File(file)) => file.leave(),
            Some(Backend::Hosted(store)) => store.close(),
            Some(Backend::Memory(_)) | None => {}
        }
    }
}

impl Drop for Opening {
    /// A forked child must touch neither the threads, which it does not have, nor the connections, whose locks are
    /// its parent's.
    fn drop(&mut self) {
        if self.is_forked() {
            let backend = self.backend.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(backend.take());
        } else {
            self.close();
        }
    }
}

fn new_holder() -> Holder {
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
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
