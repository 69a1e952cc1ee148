//! The backend in memory, for any number of threads: everything happens inside the call, and no lock is held while
//! somebody else's code runs.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::MemoryStore;
use crate::journal::{AuditKey, JournalEnd, Record};
use crate::store::backend::{Backend, Completion, MaintenanceJob, ReadJob};
use crate::store::clock::system_clock;
use crate::store::handle::{
    StoreHandle, Subscriber, Subscribers, Subscription, Watcher, is_by_outsider, lock, new_holder,
};
use crate::store::holder::Holder;
use crate::store::raw::RawRun;
use crate::store::{
    ApprovalFilter, ApprovalQuery, Changes, Committed, DueFilter, Erasure, ExternalRecord, Import, KeptSignal,
    Operation, OverdueFilter, Position, PruneFilter, Pruned, RequirementFilter, RequirementRow, RunFilter, RunRow,
    SignalFilter, Store, StoreError, StoredRun, WritableStore,
};
use crate::{Text, Timestamp};

/// For how long a run in memory is held; nobody else could take it.
const LEASE: Duration = Duration::from_secs(30);

impl StoreHandle {
    /// A store that lives and dies with this process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::in_memory_with_key(None)
    }

    /// A store that lives and dies with this process, with a key for its hash chains.
    #[must_use]
    pub fn in_memory_with_key(key: Option<AuditKey>) -> Self {
        Self::new(Arc::new(MemoryBackend::new(MemoryStore::default().with_audit_key(key))))
    }
}

/// Journals in memory, with their subscribers.
pub struct MemoryBackend {
    holder: Holder,
    store: SharedMemory,
    subscribers: Arc<Subscribers>,
    notices: Mutex<Notices>,
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryBackend").finish_non_exhaustive()
    }
}

/// Records on their way to subscribers, in order, whichever threads commit.
#[derive(Default)]
struct Notices {
    position: Position,
    waiting: VecDeque<ExternalRecord>,
    under_way: bool,
}

impl MemoryBackend {
    /// Shares that store among threads.
    #[must_use]
    pub fn new(mut store: MemoryStore) -> Self {
        let position = store.position().unwrap_or_default();
        let notices = Notices {
            position,
            ..Notices::default()
        };
        Self {
            holder: new_holder(),
            store: SharedMemory(Arc::new(Mutex::new(store))),
            subscribers: Arc::default(),
            notices: Mutex::new(notices),
        }
    }

    /// One thread at a time delivers, so that the order is kept; the others leave their records to it.
    fn notify(&self) {
        if !self.collect() {
            return;
        }
        while let Some(record) = self.next_notice() {
            self.subscribers.notify(&record);
        }
    }

    fn tell_watchers(&self) {
        if self.subscribers.has_watchers() {
            self.subscribers
                .tell_watchers(self.store.clone().position().as_ref().copied());
        }
    }

    fn collect(&self) -> bool {
        let mut notices = lock(&self.notices);
        if let Ok(Changes { records, end }) = self.store.clone().changes(notices.position) {
            notices.waiting.extend(records);
            notices.position = end;
        }
        !std::mem::replace(&mut notices.under_way, true)
    }

    fn next_notice(&self) -> Option<ExternalRecord> {
        let mut notices = lock(&self.notices);
        let next = notices.waiting.pop_front();
        notices.under_way = next.is_some();
        next
    }
}

impl Backend for MemoryBackend {
    fn holder(&self) -> &Holder {
        &self.holder
    }

    fn lease(&self) -> Duration {
        LEASE
    }

    fn now(&self) -> Timestamp {
        system_clock()
    }

    fn submit(&self, operation: Operation, completion: Completion) {
        let outcome = lock(&self.store.0).commit(std::slice::from_ref(&operation)).pop();
        let outcome = outcome.unwrap_or(Err(StoreError::Closed));
        let is_by_outsider = is_by_outsider(&operation, &outcome);
        completion(outcome);
        if is_by_outsider {
            self.notify();
        }
        self.tell_watchers();
    }

    fn read(&self, job: ReadJob) {
        job(Ok(&mut self.store.clone()));
    }

    fn maintain(&self, job: MaintenanceJob) {
        job(Ok(&mut self.store.clone()));
        self.tell_watchers();
    }

    fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription {
        self.subscribers.add(run_id, subscriber)
    }

    fn watch(&self, watcher: Watcher) -> Subscription {
        self.subscribers.watch(watcher)
    }

    fn close(&self) {}
}

/// A memory store that is locked for each call only, so that a read job may submit.
#[derive(Clone, Default)]
struct SharedMemory(Arc<Mutex<MemoryStore>>);

impl Store for SharedMemory {
    fn load(&mut self, run_id: &str) -> Result<StoredRun, StoreError> {
        lock(&self.0).load(run_id)
    }

    fn load_behind(&mut self, run_id: &str, known: JournalEnd) -> Result<StoredRun, StoreError> {
        lock(&self.0).load_behind(run_id, known)
    }

    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError> {
        lock(&self.0).records_after(run_id, after)
    }

    fn raw(&mut self, run_id: &str) -> Result<RawRun, StoreError> {
        lock(&self.0).raw(run_id)
    }

    fn row(&mut self, run_id: &str) -> Result<RunRow, StoreError> {
        lock(&self.0).row(run_id)
    }

    fn completed_runs(&mut self, session_id: &str) -> Result<Vec<String>, StoreError> {
        lock(&self.0).completed_runs(session_id)
    }

    fn position(&mut self) -> Result<Position, StoreError> {
        lock(&self.0).position()
    }

    fn changes(&mut self, after: Position) -> Result<Changes, StoreError> {
        lock(&self.0).changes(after)
    }

    fn backup(&mut self, target: &Path) -> Result<(), StoreError> {
        lock(&self.0).backup(target)
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        lock(&self.0).check()
    }

    fn runs(&mut self, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, StoreError> {
        lock(&self.0).runs(filter)
    }

    fn count_runs(&mut self, filter: &RunFilter) -> Result<u64, StoreError> {
        lock(&self.0).count_runs(filter)
    }

    fn due(&mut self, filter: &DueFilter) -> Result<Vec<RunRow>, StoreError> {
        lock(&self.0).due(filter)
    }

    fn requirements(&mut self, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, StoreError> {
        lock(&self.0).requirements(filter)
    }

    fn count_requirements(&mut self, filter: &RequirementFilter) -> Result<u64, StoreError> {
        lock(&self.0).count_requirements(filter)
    }

    fn approvals(&mut self, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, StoreError> {
        lock(&self.0).approvals(filter)
    }

    fn count_approvals(&mut self, filter: &ApprovalFilter) -> Result<u64, StoreError> {
        lock(&self.0).count_approvals(filter)
    }

    fn approvals_for(&mut self, query: &ApprovalQuery) -> Result<Vec<RequirementRow>, StoreError> {
        lock(&self.0).approvals_for(query)
    }

    fn overdue(&mut self, filter: &OverdueFilter) -> Result<Vec<RequirementRow>, StoreError> {
        lock(&self.0).overdue(filter)
    }

    fn next_due(&mut self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        lock(&self.0).next_due(after)
    }

    fn signals(&mut self, filter: &SignalFilter) -> Result<Vec<KeptSignal>, StoreError> {
        lock(&self.0).signals(filter)
    }

    fn audit_key(&self) -> Option<AuditKey> {
        lock(&self.0).audit_key()
    }

    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        lock(&self.0).run_ids(after, limit)
    }
}

impl WritableStore for SharedMemory {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        lock(&self.0).commit(batch)
    }

    fn erase(&mut self, erasure: &Erasure) -> Result<bool, StoreError> {
        lock(&self.0).erase(erasure)
    }

    fn import(&mut self, import: &Import) -> Result<(), StoreError> {
        lock(&self.0).import(import)
    }

    fn prune(&mut self, filter: &PruneFilter) -> Result<Pruned, StoreError> {
        lock(&self.0).prune(filter)
    }

    fn forget_signals(&mut self, before: Timestamp, patience: Duration) -> Result<u64, StoreError> {
        lock(&self.0).forget_signals(before, patience)
    }

    fn heartbeat(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) -> Result<(), StoreError> {
        lock(&self.0).heartbeat(holder, now, expires)
    }
}
