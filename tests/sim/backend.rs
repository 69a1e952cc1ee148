//! A process's way to the shared disk: operations wait until the scheduler says what becomes of them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use haltpoint_engine::journal::Record;
use haltpoint_engine::store::backend::{Backend, Completion, MaintenanceJob, ReadJob};
use haltpoint_engine::store::handle::{Subscriber, Subscribers, Subscription, Watcher};
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::store::{Author, Committed, ExternalRecord, Operation, Position, StoreError};
use haltpoint_engine::{Text, Timestamp};

use crate::connection::{Sent, lease_micros};
use crate::disk::Disk;
use crate::journal::record;
use crate::process::LEASE;
use crate::server::Server;

type Outcome = Result<Committed, StoreError>;

/// What becomes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Written,
    Refused,
    /// Written, and an error is reported all the same.
    Unheard,
}

/// The queues of one process.
pub(crate) struct SimulatedBackend {
    pub(crate) disk: Arc<Mutex<Disk>>,
    pub(crate) holder: Holder,
    clock: AtomicI64,
    /// When its leases were last renewed for sure, by its own clock that nobody can set.
    renewed: AtomicI64,
    pub(crate) queues: Mutex<Queues>,
    subscribers: Arc<Subscribers>,
}

#[derive(Default)]
pub(crate) struct Queues {
    is_dead: bool,
    pub(crate) writes: VecDeque<(Operation, Completion)>,
    /// What was sent to the server, where there is one.
    pub(crate) sent: Option<Sent>,
    unacknowledged: Vec<(Operation, Completion, Outcome)>,
    reads: VecDeque<MaintenanceJob>,
    /// Records that the process has not been told of, and up to where they were looked for.
    notices: VecDeque<ExternalRecord>,
    position: Position,
    /// Of which it was told since there were so many words of outsiders.
    told: Vec<(Text, u64)>,
    told_since: usize,
}

impl Queues {
    /// A lease that could not be given back is given back with the next transaction.
    pub(crate) fn owe_releases(&mut self, operations: &[Operation]) {
        for release in operations
            .iter()
            .filter(|operation| matches!(operation, Operation::Release { .. }))
        {
            self.writes.push_front((release.clone(), Box::new(|_| ())));
        }
    }
}

impl SimulatedBackend {
    pub(crate) fn new(disk: Arc<Mutex<Disk>>, holder: Holder) -> Self {
        let (position, told_since) = {
            let mut disk = disk.lock().unwrap();
            let of_server = disk.server.as_ref().map(Server::position);
            let position = of_server.unwrap_or_else(|| disk.store.position().unwrap());
            (position, disk.word_count())
        };
        let queues = Queues {
            position,
            told_since,
            ..Queues::default()
        };
        Self {
            disk,
            holder,
            clock: AtomicI64::default(),
            renewed: AtomicI64::default(),
            queues: Mutex::new(queues),
            subscribers: Arc::default(),
        }
    }

    /// What the process's wall clock shows from now on.
    pub(crate) fn set_clock(&self, now: Timestamp) {
        self.clock.store(now.0, Ordering::Relaxed);
    }

    /// What that clock shows.
    pub(crate) fn shown(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }

    /// A renewal of its leases was sent at that time, and is acknowledged.
    pub(crate) fn note_renewal(&self, at: i64) {
        self.renewed.fetch_max(at, Ordering::Relaxed);
    }

    /// Whether it has its leases by its own measure, which ends a little before the server's does.
    pub(crate) fn has_lease(&self, passed: i64) -> bool {
        let length = lease_micros();
        self.renewed.load(Ordering::Relaxed) + length - length / 10 > passed
    }

    /// It was told of everything.
    pub(crate) fn check_told(&self) {
        let queues = self.queues.lock().unwrap();
        if !queues.is_dead {
            self.disk.lock().unwrap().check_told(queues.told_since, &queues.told);
        }
    }

    /// The process is gone: nobody hears of anything any more.
    pub(crate) fn die(&self) -> bool {
        let mut queues = self.queues.lock().unwrap();
        let loses_acknowledgement = !queues.unacknowledged.is_empty();
        let dropped = std::mem::take(&mut *queues);
        queues.is_dead = true;
        drop(queues);
        drop(dropped);
        loses_acknowledgement
    }

    pub(crate) fn can_commit(&self) -> bool {
        let queues = self.queues.lock().unwrap();
        !queues.writes.is_empty() && queues.unacknowledged.is_empty() && queues.sent.is_none()
    }

    pub(crate) fn can_acknowledge(&self) -> bool {
        !self.queues.lock().unwrap().unacknowledged.is_empty() || self.has_answer()
    }

    pub(crate) fn can_read(&self) -> bool {
        !self.queues.lock().unwrap().reads.is_empty()
    }

    /// Puts the oldest operations on disk, in one transaction; returns how many.
    pub(crate) fn commit(&self, most: usize, fate: Fate) -> usize {
        if fate == Fate::Written && self.disk.lock().unwrap().server.is_some() {
            return self.send(most);
        }
        if !self.can_commit() {
            return 0;
        }
        let mut queues = self.queues.lock().unwrap();
        let count = most.min(queues.writes.len());
        let (operations, completions): (Vec<_>, Vec<_>) = queues.writes.drain(..count).unzip();
        let outcomes = match fate {
            Fate::Written => self.disk.lock().unwrap().commit(&operations, &self.holder.host),
            Fate::Refused => {
                queues.owe_releases(&operations);
                vec![Err(trouble()); count]
            }
            Fate::Unheard => {
                self.disk.lock().unwrap().commit(&operations, &self.holder.host);
                vec![Err(trouble()); count]
            }
        };
        let together = operations.into_iter().zip(completions).zip(outcomes);
        queues
            .unacknowledged
            .extend(together.map(|((operation, completion), outcome)| (operation, completion, outcome)));
        count
    }

    /// Tells the process what became of its last transaction.
    pub(crate) fn acknowledge(&self) {
        let outcomes = std::mem::take(&mut self.queues.lock().unwrap().unacknowledged);
        for (operation, completion, outcome) in outcomes {
            self.disk.lock().unwrap().acknowledge(&operation, &outcome);
            completion(outcome);
        }
        self.take_answer();
    }

    pub(crate) fn read_one(&self) {
        let job = self.queues.lock().unwrap().reads.pop_front();
        if let Some(job) = job {
            job(Ok(&mut *self.disk.lock().unwrap().store));
        }
    }

    pub(crate) fn has_notices(&self) -> bool {
        let mut queues = self.queues.lock().unwrap();
        let mut disk = self.disk.lock().unwrap();
        let (records, end) = match &disk.server {
            Some(server) => (server.words_after(queues.position), server.position()),
            None => {
                let changes = disk.store.changes(queues.position).unwrap();
                (changes.records, changes.end)
            }
        };
        queues.position = end;
        queues
            .told
            .extend(records.iter().map(|word| (word.run_id.clone(), word.record.seq)));
        queues.notices.extend(records);
        !queues.notices.is_empty()
    }

    /// Tells the process of the next record that outsiders appended.
    pub(crate) fn notify_one(&self) {
        if self.has_notices() {
            let next = self.queues.lock().unwrap().notices.pop_front();
            next.iter().for_each(|record| self.subscribers.notify(record));
        }
    }

    /// A driver's entries that are not on disk yet; `None` when some of them failed and their driver does not know.
    pub(crate) fn pending(&self, run_id: &Text, of_epoch: u64, server: Option<&Server>) -> Option<Vec<Record>> {
        let queues = self.queues.lock().unwrap();
        if queues.unacknowledged.iter().any(|(_, _, outcome)| outcome.is_err()) {
            return None;
        }
        let sent = match (&queues.sent, server) {
            (Some(sent), Some(server)) => sent.pending(server)?,
            _ => Vec::new(),
        };
        let waiting = queues.writes.iter().map(|(operation, _)| operation);
        let mut pending = Vec::new();
        for operation in sent.into_iter().chain(waiting) {
            match operation {
                Operation::Append(append)
                    if append.run_id == *run_id
                        && matches!(append.author, Author::Driver { epoch, .. } if epoch == of_epoch) =>
                {
                    pending.extend(
                        append
                            .entries
                            .iter()
                            .map(|entry| record(0, entry.clone(), append.at, false)),
                    );
                }
                Operation::Create(new) if new.run_id == *run_id => return None,
                _ => {}
            }
        }
        Some(pending)
    }
}

pub(crate) fn trouble() -> StoreError {
    StoreError::Unusable {
        message: "the disk is in trouble".to_owned(),
    }
}

impl Backend for SimulatedBackend {
    fn holder(&self) -> &Holder {
        &self.holder
    }

    fn lease(&self) -> Duration {
        LEASE
    }

    fn now(&self) -> Timestamp {
        self.shown()
    }

    fn submit(&self, operation: Operation, completion: Completion) {
        let mut queues = self.queues.lock().unwrap();
        if !queues.is_dead {
            queues.writes.push_back((operation, completion));
        }
    }

    fn read(&self, job: ReadJob) {
        self.maintain(Box::new(move |store| job(store.map(|store| store as _))));
    }

    fn maintain(&self, job: MaintenanceJob) {
        let mut queues = self.queues.lock().unwrap();
        if !queues.is_dead {
            queues.reads.push_back(job);
        }
    }

    fn subscribe(&self, run_id: Text, subscriber: Subscriber) -> Subscription {
        self.subscribers.add(run_id, subscriber)
    }

    fn watch(&self, watcher: Watcher) -> Subscription {
        self.subscribers.watch(watcher)
    }

    fn close(&self) {}
}
