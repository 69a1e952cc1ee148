//! The backend on SQLite: a database file that is open in this process, with its threads, and who uses it.

mod cost;
mod reader;
mod registry;
mod spin;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Durability, FileIdentity, SqliteOptions, SqliteStore};
use crate::journal::AuditKey;
use crate::store::backend::{Backend, Completion, MaintenanceJob, ReadJob};
use crate::store::clock::Clock;
use crate::store::fault_points::FaultPlan;
use crate::store::handle::{
    Heartbeat, LostLeases, PendingJob, StoreHandle, Submission, Subscriber, Subscribers, Subscription, Urgency,
    Watcher, Worker, new_holder,
};
use crate::store::holder::Holder;
use crate::store::{Operation, Store, StoreError};
use crate::{Text, Timestamp};
use reader::{Connecting, Reader, Request};
use writer::{SharedWriter, Writer};

impl StoreHandle {
    /// Opens a database file, or creates it. Openings of one file in one process share its threads and its holder.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file cannot be opened, when it is open in this process already with another
    /// durability, lease or audit key, or when it was open in the process that this one was forked from.
    pub fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        Ok(Self::new(registry::open(path, options)?))
    }
}

/// One file, shared by all openings of it in this process.
struct OpenFile {
    identity: FileIdentity,
    durability: Durability,
    lease: Duration,
    audit_key: Option<AuditKey>,
    fault_plan: FaultPlan,
    clock: Clock,
    holder: Holder,
    openings: AtomicUsize,
    writer: Arc<SharedWriter>,
    writing: Worker<Submission>,
    reader: Arc<Worker<Request>>,
    /// Reads what takes long.
    maintenance: Worker<PendingJob>,
    subscribers: Arc<Subscribers>,
    lost: Arc<LostLeases>,
}

impl OpenFile {
    /// Opens the file for one opening. No thread starts yet.
    fn open(path: PathBuf, identity: FileIdentity, options: SqliteOptions) -> Result<Self, StoreError> {
        let mut store = SqliteStore::open(&path, &options)?;
        store.take_over_log()?;
        let [_, place] = store.position()?.numbers();
        let (durability, lease, holder) = (options.durability, options.lease, new_holder());
        let (fault_plan, audit_key) = (options.fault_plan.clone(), options.audit_key.clone());
        let clock = Arc::clone(&options.clock);
        let heartbeat = Heartbeat::new(holder.clone(), options.lease, Arc::clone(&clock));
        let lost = heartbeat.lost();
        let subscribers = Arc::new(Subscribers::default());
        let connecting = Connecting {
            path,
            identity,
            options,
        };
        let maintenance = Worker::new("haltpoint-maintain", {
            let connecting = connecting.clone();
            move |jobs| reader::maintain(&connecting, &jobs)
        });
        let reader = Reader::new(connecting, Arc::clone(&subscribers), place);
        let reader = Arc::new(Worker::new("haltpoint-read", move |requests| reader.run(&requests)));
        let wake_reader = wake(&reader, &subscribers);
        let writer = Writer {
            store,
            heartbeat,
            fault_plan: fault_plan.clone(),
            subscribers: Arc::clone(&subscribers),
            wake_reader,
        };
        let writer = Arc::new(SharedWriter::new(writer, durability == Durability::Normal));
        let writing = Worker::new("haltpoint-write", {
            let writer = Arc::clone(&writer);
            move |submissions| writer.run(&submissions)
        });
        Ok(Self {
            identity,
            durability,
            lease,
            audit_key,
            fault_plan,
            clock,
            holder,
            openings: AtomicUsize::new(1),
            writer,
            writing,
            reader,
            maintenance,
            subscribers,
            lost,
        })
    }

    /// Whether it was opened in the same way.
    fn has_options(&self, durability: Durability, lease: Duration, audit_key: Option<&AuditKey>) -> bool {
        (self.durability, self.lease, self.audit_key.as_ref()) == (durability, lease, audit_key)
    }

    /// Whether any opening still uses the file.
    fn is_open(&self) -> bool {
        self.openings.load(Ordering::Acquire) > 0
    }

    /// Counts one more opening, unless the last one has just gone.
    fn join(&self) -> bool {
        let more = |openings| if openings == 0 { None } else { Some(openings + 1) };
        self.openings
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    fn send(&self, submission: Submission, urgency: Urgency) {
        if let Err((submission, error)) = self.writing.send(submission, urgency) {
            submission.fail(error);
        }
    }
}

impl Backend for OpenFile {
    fn holder(&self) -> &Holder {
        &self.holder
    }

    fn lease(&self) -> Duration {
        self.lease
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Where it takes microseconds only, it is carried out here and now; else the writing thread does it.
    /// A lease that is over while the file can't be written is lost only once somebody else has taken it, for which they write.
    fn check_lease(&self, run_id: &Text, epoch: u64) -> Result<(), StoreError> {
        match self.lost.has(run_id, epoch) {
            true => Err(StoreError::LeaseLost { run_id: run_id.clone() }),
            false => Ok(()),
        }
    }

    fn submit(&self, operation: Operation, completion: Completion) {
        let submission = Submission::new(operation, completion);
        if let Some(submission) = self.writer.commit_at_once(submission, &self.writing) {
            self.send(submission, Urgency::Now);
        }
    }

    fn submit_deferred(&self, operation: Operation, completion: Completion) {
        self.send(Submission::new(operation, completion), Urgency::Soon);
    }

    fn are_commits_near(&self) -> bool {
        self.writer.are_commits_near()
    }

    fn read(&self, job: ReadJob) {
        let read = Request::Read(PendingJob::reading(job));
        if let Err((Request::Read(job), error)) = self.reader.send(read, Urgency::Now) {
            job.fail(error);
        }
    }

    fn maintain(&self, job: MaintenanceJob) {
        if let Err((job, error)) = self.maintenance.send(PendingJob::new(job), Urgency::Now) {
            job.fail(error);
        }
    }

    fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription {
        let (subscription, is_first) = self.subscribers.add_noting_first(run_id, subscriber);
        if is_first {
            ask(&self.reader, Request::LookOut);
        }
        subscription
    }

    fn watch(&self, watcher: Watcher) -> Subscription {
        let (subscription, is_first) = self.subscribers.watch_noting_first(watcher);
        if is_first {
            ask(&self.reader, Request::LookOut);
        }
        subscription
    }

    fn pass_fault_point(&self, point: &str) {
        self.fault_plan.pass(point);
    }

    /// One opening less; with the last one, what waits is written and the file is closed.
    fn close(&self) {
        if self.openings.fetch_sub(1, Ordering::AcqRel) == 1 {
            if self.writing.stop() {
                self.writer.close();
            }
            self.reader.stop();
            self.maintenance.stop();
        }
    }
}

fn wake(reader: &Arc<Worker<Request>>, subscribers: &Arc<Subscribers>) -> Box<dyn Fn() + Send> {
    let (reader, subscribers) = (Arc::clone(reader), Arc::clone(subscribers));
    Box::new(move || {
        if !subscribers.is_empty() {
            ask(&reader, Request::Look);
        }
    })
}

fn ask(reader: &Worker<Request>, request: Request) {
    // A reader that has stopped has nobody left to tell.
    let _ = reader.send(request, Urgency::Now);
}
