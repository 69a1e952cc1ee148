//! The backend: a thread that writes, one that reads and notices what is committed, one for what takes long, and one that listens.

mod listener;
mod own_lease;
mod reader;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use haltpoint_engine::store::backend::{Backend, Completion, MaintenanceJob, ReadJob};
use haltpoint_engine::store::fault_points::FaultPlan;
use haltpoint_engine::store::handle::{
    Heartbeat, LostLeases, PendingJob, StoreHandle, Submission, Subscriber, Subscribers, Subscription, Urgency,
    Watcher, Worker, new_holder,
};
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::store::{Operation, Store, StoreError};
use haltpoint_engine::{Text, Timestamp};

use crate::clock::ServerClock;
use crate::connecting;
use crate::connection::Connecting;
use crate::options::{Listen, PostgresOptions};
use crate::store::PostgresStore;
use listener::Listener;
use own_lease::OwnLease;
use reader::{Reader, Request};
use writer::Writer;

/// How long work on its own connection may take.
const LONG: Duration = Duration::from_secs(3600);

/// Opens a database on a server: its tables are made where they are missing, unless the options say otherwise.
///
/// # Errors
/// [`StoreError::Unusable`] when the address cannot be read, the server cannot be reached or refuses, or the tables are of a newer release.
pub fn open(url: &str, options: PostgresOptions) -> Result<StoreHandle, StoreError> {
    Ok(open_noting(url, options)?.0)
}

/// As [`open`], and says whether the server acknowledges commits that a crash of it may lose.
///
/// # Errors
/// As for [`open`].
pub fn open_noting(url: &str, options: PostgresOptions) -> Result<(StoreHandle, bool), StoreError> {
    let opened = OpenDatabase::open(url, options)?;
    let is_relaxed = opened.is_relaxed;
    Ok((StoreHandle::new(Arc::new(opened)), is_relaxed))
}

/// As [`open`], without a handle before it.
///
/// # Errors
/// As for [`open`].
pub fn open_backend(url: &str, options: PostgresOptions) -> Result<Arc<dyn Backend>, StoreError> {
    Ok(Arc::new(OpenDatabase::open(url, options)?))
}

/// A database as one opening of this process has it open.
struct OpenDatabase {
    lease: Duration,
    own_lease: Arc<OwnLease>,
    lost: Arc<LostLeases>,
    fault_plan: FaultPlan,
    clock: Arc<ServerClock>,
    holder: Holder,
    writing: Worker<Submission>,
    reader: Arc<Worker<Request>>,
    maintenance: Worker<PendingJob>,
    subscribers: Arc<Subscribers>,
    listener: Option<Listener>,
    is_listening: AtomicBool,
    /// Whether the server acknowledges commits that a crash of it may lose.
    is_relaxed: bool,
}

impl OpenDatabase {
    fn open(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let mut store = PostgresStore::open(url, &options)?;
        let how = connecting(url, &options)?;
        let is_relaxed = crate::settings::check(&mut store.connection)?;
        let clock = ServerClock::read(&mut store.connection);
        let clock = Arc::new(clock.map_err(|failure| failure.describe("open", &how.name))?);
        let position = store.position()?;
        let (holder, lease, subscribers) = (new_holder(), options.lease, Arc::<Subscribers>::default());
        let reader = Reader::new(Arc::clone(&how), options.clone(), Arc::clone(&subscribers), position);
        let reader = Arc::new(Worker::new("haltpoint-read", move |requests| reader.run(&requests)));
        let maintenance = Worker::new("haltpoint-maintain", {
            let (how, options) = (Arc::clone(&how), options.clone());
            move |jobs| reader::maintain(&how, &options, &jobs)
        });
        let heartbeat_clock = Arc::clone(&clock);
        let heartbeat = Heartbeat::new(holder.clone(), lease, Arc::new(move || heartbeat_clock.now()));
        let (own_lease, lost) = (Arc::new(OwnLease::new(lease)), heartbeat.lost());
        let writer = Writer {
            store,
            heartbeat,
            holder: holder.clone(),
            lease,
            own_lease: Arc::clone(&own_lease),
            patience: options.patience,
            has_doubts: false,
            clock: Arc::clone(&clock),
            fault_plan: options.fault_plan.clone(),
            subscribers: Arc::clone(&subscribers),
            wake_reader: wake(&reader, &subscribers),
        };
        let listener = Self::listener(how, &options, &reader)?;
        Ok(Self {
            lease,
            own_lease,
            lost,
            fault_plan: options.fault_plan,
            clock,
            holder,
            writing: Worker::new("haltpoint-write", move |submissions| writer.run(&submissions)),
            reader,
            maintenance,
            subscribers,
            listener,
            is_listening: AtomicBool::new(false),
            is_relaxed,
        })
    }

    fn listener(
        how: Arc<Connecting>,
        options: &PostgresOptions,
        reader: &Arc<Worker<Request>>,
    ) -> Result<Option<Listener>, StoreError> {
        let how = match &options.listen {
            Listen::Here if !options.is_pooled => how,
            // Behind a pooler that shares sessions nobody can listen.
            Listen::Here | Listen::Never => return Ok(None),
            Listen::At(url) => connecting(url, options)?,
        };
        let reader = Arc::clone(reader);
        Ok(Some(Listener::new(how, Arc::new(move || ask(&reader, Request::Look)))))
    }

    fn send(&self, submission: Submission, urgency: Urgency) {
        if let Err((submission, error)) = self.writing.send(submission, urgency) {
            submission.fail(error);
        }
    }

    /// Somebody waits for what others commit.
    fn look_out(&self) {
        ask(&self.reader, Request::LookOut);
        if let Some(listener) = &self.listener
            && !self.is_listening.swap(true, Ordering::AcqRel)
        {
            listener.start();
        }
    }
}

impl Backend for OpenDatabase {
    fn holder(&self) -> &Holder {
        &self.holder
    }

    fn lease(&self) -> Duration {
        self.lease
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn check_lease(&self, run_id: &Text, epoch: u64) -> Result<(), StoreError> {
        let run_id = || run_id.clone();
        if self.lost.has(&run_id(), epoch) {
            return Err(StoreError::LeaseLost { run_id: run_id() });
        }
        match self.own_lease.left() > 0 {
            true => Ok(()),
            false => Err(StoreError::LeaseOver { run_id: run_id() }),
        }
    }

    fn submit(&self, operation: Operation, completion: Completion) {
        self.send(Submission::new(operation, completion), Urgency::Now);
    }

    fn submit_deferred(&self, operation: Operation, completion: Completion) {
        self.send(Submission::new(operation, completion), Urgency::Soon);
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
            self.look_out();
        }
        subscription
    }

    fn watch(&self, watcher: Watcher) -> Subscription {
        let (subscription, is_first) = self.subscribers.watch_noting_first(watcher);
        if is_first {
            self.look_out();
        }
        subscription
    }

    fn pass_fault_point(&self, point: &str) {
        self.fault_plan.pass(point);
    }

    fn close(&self) {
        if let Some(listener) = &self.listener {
            listener.stop();
        }
        self.writing.stop();
        self.reader.stop();
        self.maintenance.stop();
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
