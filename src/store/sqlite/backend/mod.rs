//! A database file that is open in this process: its two threads, and who uses it.

mod cost;
mod reader;
mod registry;
mod spin;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Durability, FileIdentity, SqliteOptions, SqliteStore};
use crate::Text;
use crate::journal::AuditKey;
use crate::store::clock::Clock;
use crate::store::fault_points::FaultPlan;
use crate::store::handle::{
    Completion, Heartbeat, ReadJob, Submission, Subscriber, Subscribers, Subscription, Urgency, Worker, new_holder,
};
use crate::store::holder::Holder;
use crate::store::{Operation, Store, StoreError};
use reader::{PendingRead, Reader, Request};
pub(in crate::store) use registry::open;
use writer::{SharedWriter, Writer};

/// One file, shared by all openings of it in this process.
pub(in crate::store) struct OpenFile {
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
    subscribers: Arc<Subscribers>,
}

impl OpenFile {
    /// Opens the file for one opening. No thread starts yet.
    pub(in crate::store) fn open(
        path: PathBuf,
        identity: FileIdentity,
        options: SqliteOptions,
    ) -> Result<Self, StoreError> {
        let mut store = SqliteStore::open(&path, &options)?;
        store.take_over_log()?;
        let (_, cursor) = store.outsiders_after(None)?;
        let (durability, lease, holder) = (options.durability, options.lease, new_holder());
        let (fault_plan, audit_key) = (options.fault_plan.clone(), options.audit_key.clone());
        let clock = Arc::clone(&options.clock);
        let heartbeat = Heartbeat::new(holder.clone(), options.lease, Arc::clone(&clock));
        let subscribers = Arc::new(Subscribers::default());
        let reader = Reader::new(path, identity, options, Arc::clone(&subscribers), cursor);
        let reader = Arc::new(Worker::new("haltpoint-read", move |requests| reader.run(&requests)));
        let wake_reader = wake(&reader, &subscribers);
        let writer = Writer {
            store,
            heartbeat,
            fault_plan: fault_plan.clone(),
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
            subscribers,
        })
    }

    pub(in crate::store) fn identity(&self) -> FileIdentity {
        self.identity
    }

    pub(in crate::store) fn durability(&self) -> Durability {
        self.durability
    }

    pub(in crate::store) fn lease(&self) -> Duration {
        self.lease
    }

    pub(in crate::store) fn audit_key(&self) -> Option<&AuditKey> {
        self.audit_key.as_ref()
    }

    pub(in crate::store) fn fault_plan(&self) -> &FaultPlan {
        &self.fault_plan
    }

    pub(in crate::store) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(in crate::store) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Whether any opening still uses the file.
    pub(in crate::store) fn is_open(&self) -> bool {
        self.openings.load(Ordering::Acquire) > 0
    }

    /// Counts one more opening, unless the last one has just gone.
    pub(in crate::store) fn join(&self) -> bool {
        let more = |openings| if openings == 0 { None } else { Some(openings + 1) };
        self.openings
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    /// Counts one opening less; with the last one, writes what waits and closes the file.
    pub(in crate::store) fn leave(&self) {
        if self.openings.fetch_sub(1, Ordering::AcqRel) == 1 {
            if self.writing.stop() {
                self.writer.close();
            }
            self.reader.stop();
        }
    }

    pub(in crate::store) fn submit(&self, operation: Operation, completion: Completion) {
        let submission = Submission::new(operation, completion);
        if let Some(submission) = self.writer.commit_at_once(submission, &self.writing) {
            self.send(submission, Urgency::Now);
        }
    }

    pub(in crate::store) fn submit_deferred(&self, operation: Operation, completion: Completion) {
        self.send(Submission::new(operation, completion), Urgency::Soon);
    }

    /// Whether it pays to spin until what was submitted is on disk.
    pub(in crate::store) fn are_commits_near(&self) -> bool {
        self.writer.are_commits_near()
    }

    fn send(&self, submission: Submission, urgency: Urgency) {
        if let Err((submission, error)) = self.writing.send(submission, urgency) {
            submission.fail(error);
        }
    }

    pub(in crate::store) fn read(&self, job: ReadJob) {
        let read = Request::Read(PendingRead::new(job));
        if let Err((Request::Read(job), error)) = self.reader.send(read, Urgency::Now) {
            job.run(Err(error));
        }
    }

    pub(in crate::store) fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription {
        let (subscription, is_first) = self.subscribers.add_noting_first(run_id, subscriber);
        if is_first {
            ask(&self.reader, Request::LookOut);
        }
        subscription
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
