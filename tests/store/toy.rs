//! A backend that is different on purpose: what runs and their handles take for granted of SQLite does not hold here.
//!
//! Places in its change feed are handed out before the commit, so that a later place may be committed first; operations on different runs
//! overtake each other; and its clock is an hour ahead of this machine's.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haltpoint_engine::journal::{JournalEnd, Record};
use haltpoint_engine::store::backend::{Backend, Completion, MaintenanceJob, ReadJob};
use haltpoint_engine::store::handle::{Subscriber, Subscribers, Subscription, Watcher};
use haltpoint_engine::store::holder::{Holder, Liveness};
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::raw::RawRun;
use haltpoint_engine::store::{
    ApprovalFilter, ApprovalQuery, Changes, Committed, DueFilter, Erasure, ExternalRecord, Import, KeptSignal,
    Operation, OverdueFilter, Position, PruneFilter, Pruned, RequirementFilter, RequirementRow, RunFilter, RunRow,
    SignalFilter, Store, StoreError, StoredRun, WritableStore,
};
use haltpoint_engine::{Text, Timestamp};

/// How far its clock is ahead, in microseconds.
pub(crate) const AHEAD: i64 = 3_600_000_000;

const LEASE: Duration = Duration::from_secs(30);

/// How many operations one thread has under way.
const AT_ONCE: usize = 3;

const WRITERS: usize = 2;

pub(crate) struct ToyBackend {
    holder: Holder,
    inner: Arc<Inner>,
    requests: SyncSender<Request>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

enum Request {
    Read(MaintenanceJob),
    /// Something was committed.
    Look,
    End,
}

struct Inner {
    shelf: Mutex<Shelf>,
    queue: Mutex<Queue>,
    arrival: Condvar,
    subscribers: Arc<Subscribers>,
}

/// What is kept.
struct Shelf {
    store: MemoryStore,
    /// Up to where the store's own records are in the feed.
    noted: Position,
    feed: BTreeMap<u64, Vec<ExternalRecord>>,
    next_place: u64,
    /// Places that were handed out and are not committed.
    open: BTreeSet<u64>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Operation, Completion)>,
    /// Runs with an operation under way.
    busy: HashSet<Text>,
    is_closed: bool,
}

impl ToyBackend {
    pub(crate) fn new(liveness: Box<dyn Liveness>) -> Self {
        let inner = Arc::new(Inner {
            shelf: Mutex::new(Shelf {
                store: MemoryStore::new(liveness),
                noted: Position::default(),
                feed: BTreeMap::new(),
                next_place: 1,
                open: BTreeSet::new(),
            }),
            queue: Mutex::default(),
            arrival: Condvar::new(),
            subscribers: Arc::default(),
        });
        let holder = Holder::this_process("the toy's only holder".into());
        let (requests, incoming) = sync_channel(10_000);
        let mut threads = Vec::new();
        for _ in 0..WRITERS {
            let (inner, look) = (Arc::clone(&inner), requests.clone());
            threads.push(thread::spawn(move || inner.write(&look)));
        }
        let (reading, held) = (Arc::clone(&inner), holder.clone());
        threads.push(thread::spawn(move || {
            let mut told = Position::default();
            loop {
                match incoming.recv_timeout(LEASE / 3) {
                    Ok(Request::Read(job)) => job(Ok(&mut ToyStore(&mut reading.shelf()))),
                    Ok(Request::Look) => told = reading.tell(told),
                    Ok(Request::End) | Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                let (now, expires) = (now(), now().plus_micros(LEASE.as_micros() as i64));
                reading.shelf().store.heartbeat(&held, now, expires).unwrap();
            }
        }));
        Self {
            holder,
            inner,
            requests,
            threads: Mutex::new(threads),
        }
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap() + AHEAD)
}

fn run_of(operation: &Operation) -> Text {
    match operation {
        Operation::Create(new) => new.run_id.clone(),
        Operation::Append(append) => append.run_id.clone(),
        Operation::Acquire { run_id, .. } | Operation::Release { run_id, .. } => run_id.clone(),
        Operation::Signal(_) | Operation::ClaimDue(_) | Operation::ClaimOutbox(_) | Operation::AdvanceOutbox { .. } => {
            "".into()
        }
    }
}

impl Inner {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    fn write(&self, look: &SyncSender<Request>) {
        while let Some(taken) = self.take() {
            let places: Vec<u64> = taken.iter().map(|_| self.shelf().begin()).collect();
            thread::yield_now();
            // The last one that began is the first to be committed.
            for (place, (operation, completion)) in places.into_iter().zip(taken).rev() {
                let outcome = self.shelf().commit(place, &operation);
                self.queue.lock().unwrap().busy.remove(&run_of(&operation));
                self.arrival.notify_all();
                completion(outcome);
                let _ = look.send(Request::Look);
                thread::yield_now();
            }
        }
    }

    /// Operations on different runs, each the first that waits for its run; none once all is done and closed.
    fn take(&self) -> Option<Vec<(Operation, Completion)>> {
        let mut queue = self.queue.lock().unwrap();
        loop {
            let taken = queue.take();
            if !taken.is_empty() {
                return Some(taken);
            }
            if queue.is_closed && queue.waiting.is_empty() {
                return None;
            }
            queue = self.arrival.wait(queue).unwrap();
        }
    }

    fn tell(&self, after: Position) -> Position {
        let Changes { records, end } = ToyStore(&mut self.shelf()).changes(after).unwrap();
        records.iter().for_each(|record| self.subscribers.notify(record));
        if end != after {
            self.subscribers.tell_watchers(Ok(end));
        }
        end
    }
}

impl Queue {
    fn take(&mut self) -> Vec<(Operation, Completion)> {
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        let mut passed = HashSet::new();
        for (operation, completion) in std::mem::take(&mut self.waiting) {
            let run_id = run_of(&operation);
            let is_next = !passed.contains(&run_id) && !self.busy.contains(&run_id);
            if is_next && taken.len() < AT_ONCE {
                self.busy.insert(run_id);
                taken.push((operation, completion));
            } else {
                passed.insert(run_id);
                left.push_back((operation, completion));
            }
        }
        self.waiting = left;
        taken
    }
}

impl Shelf {
    fn begin(&mut self) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        self.open.insert(place);
        place
    }

    fn commit(&mut self, place: u64, operation: &Operation) -> Result<Committed, StoreError> {
        let outcome = self.store.commit(std::slice::from_ref(operation)).remove(0);
        let Changes { records, end } = self.store.changes(self.noted).unwrap();
        self.noted = end;
        self.feed.insert(place, records);
        self.open.remove(&place);
        outcome
    }

    /// The first place at which something may still be committed.
    fn end(&self) -> u64 {
        self.open.first().copied().unwrap_or(self.next_place)
    }
}

impl Backend for ToyBackend {
    fn holder(&self) -> &Holder {
        &self.holder
    }

    fn lease(&self) -> Duration {
        LEASE
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn submit(&self, operation: Operation, completion: Completion) {
        let mut queue = self.inner.queue.lock().unwrap();
        if queue.is_closed {
            drop(queue);
            return completion(Err(StoreError::Closed));
        }
        queue.waiting.push_back((operation, completion));
        self.inner.arrival.notify_all();
    }

    fn read(&self, job: ReadJob) {
        self.maintain(Box::new(move |store| job(store.map(|store| store as _))));
    }

    fn maintain(&self, job: MaintenanceJob) {
        if let Err(unsent) = self.requests.send(Request::Read(job))
            && let Request::Read(job) = unsent.0
        {
            job(Err(StoreError::Closed));
        }
    }

    fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription {
        self.inner.subscribers.add(run_id, subscriber)
    }

    fn watch(&self, watcher: Watcher) -> Subscription {
        self.inner.subscribers.watch(watcher)
    }

    fn close(&self) {
        self.inner.queue.lock().unwrap().is_closed = true;
        self.inner.arrival.notify_all();
        let mut threads = std::mem::take(&mut *self.threads.lock().unwrap());
        let reading = threads.pop();
        threads.into_iter().for_each(join);
        let _ = self.requests.send(Request::End);
        reading.into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        thread.join().unwrap();
    }
}

/// The toy as a read job sees it.
struct ToyStore<'a>(&'a mut Shelf);

macro_rules! as_in_memory {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&mut self, $($argument: $type),*) -> Result<$result, StoreError> {
            self.0.store.$name($($argument),*)
        })*
    };
}

impl Store for ToyStore<'_> {
    fn position(&mut self) -> Result<Position, StoreError> {
        Ok(Position::new(u64::MAX, self.0.end()))
    }

    fn changes(&mut self, after: Position) -> Result<Changes, StoreError> {
        let [_, after] = after.numbers();
        let end = self.0.end();
        let records = self.0.feed.range(after.min(end)..end);
        Ok(Changes {
            records: records.flat_map(|(_, records)| records.clone()).collect(),
            end: self.position()?,
        })
    }

    as_in_memory! {
        load(run_id: &str) -> StoredRun;
        load_behind(run_id: &str, known: JournalEnd) -> StoredRun;
        records_after(run_id: &str, after: u64) -> Vec<Record>;
        raw(run_id: &str) -> RawRun;
        row(run_id: &str) -> RunRow;
        completed_runs(session_id: &str) -> Vec<String>;
        backup(target: &Path) -> ();
        check() -> Vec<String>;
        runs(filter: &RunFilter) -> Vec<Result<RunRow, StoreError>>;
        count_runs(filter: &RunFilter) -> u64;
        due(filter: &DueFilter) -> Vec<RunRow>;
        requirements(filter: &RequirementFilter) -> Vec<RequirementRow>;
        count_requirements(filter: &RequirementFilter) -> u64;
        approvals(filter: &ApprovalFilter) -> Vec<RequirementRow>;
        count_approvals(filter: &ApprovalFilter) -> u64;
        approvals_for(query: &ApprovalQuery) -> Vec<RequirementRow>;
        overdue(filter: &OverdueFilter) -> Vec<RequirementRow>;
        next_due(after: Timestamp) -> Option<Timestamp>;
        signals(filter: &SignalFilter) -> Vec<KeptSignal>;
        run_ids(after: Option<&str>, limit: u32) -> Vec<String>;
    }
}

impl WritableStore for ToyStore<'_> {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        let commit = |operation| {
            let place = self.0.begin();
            self.0.commit(place, operation)
        };
        batch.iter().map(commit).collect()
    }

    as_in_memory! {
        erase(erasure: &Erasure) -> bool;
        import(import: &Import) -> ();
        prune(filter: &PruneFilter) -> Pruned;
        forget_signals(before: Timestamp, patience: Duration) -> u64;
        heartbeat(holder: &Holder, now: Timestamp, expires: Timestamp) -> ();
    }
}
