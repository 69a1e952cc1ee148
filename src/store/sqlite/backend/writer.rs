//! Writing: whatever waits goes into one transaction with one wait for the disk.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::cost::is_light;
use super::spin::{Rhythm, has_several_cores};
use crate::store::fault_points::FaultPlan;
use crate::store::handle::{
    Batch, Done, Heartbeat, Receiver, Sender, Signal, Submission, Subscribers, Waited, Worker, is_by_outsider, lock,
};
use crate::store::sqlite::SqliteStore;
use crate::store::{Append, Committed, Operation, StoreError, WritableStore};

/// For how long an operation that nobody waits for may wait for company. A sequential run's tool outcome so shares the wait for
/// the disk with the model's next reply, where that comes at once; where it takes longer, the outcome is on disk long before it.
const PATIENCE: Duration = Duration::from_millis(2);

/// Who writes to a file: its thread; and, where that takes microseconds only, whoever submits.
pub(super) struct SharedWriter {
    /// `None` once the file is closed.
    writer: Mutex<Option<Writer>>,
    /// Whether a commit may be made by whoever submits it: where it waits for no disk.
    may_commit_at_once: bool,
    /// It pays to spin until a commit is made, as of the thread's last batch.
    commits_are_near: Signal,
}

impl SharedWriter {
    pub(super) fn new(writer: Writer, may_commit_at_once: bool) -> Self {
        Self {
            writer: Mutex::new(Some(writer)),
            may_commit_at_once,
            commits_are_near: Signal::default(),
        }
    }

    /// Whether it pays to spin until the thread has committed what was submitted.
    pub(super) fn are_commits_near(&self) -> bool {
        self.commits_are_near.is_set()
    }

    /// What the thread does: works submissions off until no more can come, then closes the file.
    pub(super) fn run(&self, receiver: &Receiver<Submission>) {
        let mut rhythm = Rhythm::new(has_several_cores);
        loop {
            let deadline = lock(&self.writer).as_mut().and_then(Writer::keep_in_order);
            if rhythm.take_spin() {
                receiver.spin();
            }
            match receiver.wait(deadline, PATIENCE) {
                Waited::Ready => self.commit(receiver, &mut rhythm),
                Waited::Nothing => {}
                Waited::End => return self.close(),
            }
        }
    }

    /// Taken with the right to write, so that nothing overtakes what was submitted before.
    fn commit(&self, receiver: &Receiver<Submission>, rhythm: &mut Rhythm) {
        let mut guard = lock(&self.writer);
        let batch = receiver.take();
        let Some(writer) = guard.as_mut() else { return };
        let began = Instant::now();
        let done = writer.commit(batch);
        rhythm.note_commit(began, Instant::now(), writer.heartbeat.is_about_one_run());
        // Before anybody hears of the batch and submits more.
        self.commits_are_near.set(rhythm.are_commits_near());
        drop(guard);
        done.tell();
    }

    /// Commits a submission, and what waits before it, here and now, if that takes microseconds only: it waits for no disk and no other
    /// process, it is small, and there is no other run whose submissions could share the transaction. Hands it back otherwise.
    pub(super) fn commit_at_once(&self, submission: Submission, worker: &Worker<Submission>) -> Option<Submission> {
        if !self.may_commit_at_once || !is_light(submission.operation()) {
            return Some(submission);
        }
        let Ok(mut guard) = self.writer.try_lock() else {
            return Some(submission);
        };
        let Some(writer) = guard.as_mut().filter(|writer| writer.heartbeat.is_about_one_run()) else {
            return Some(submission);
        };
        let waiting = worker.with_sender(|sender| sender.take_back(|waiting| is_light(waiting.operation())));
        let Some(mut batch) = waiting.flatten() else {
            return Some(submission);
        };
        batch.push(submission);
        match writer.commit_at_once(batch) {
            Ok(done) => {
                let is_untidy = writer.store.is_untidy();
                drop(guard);
                done.tell();
                if is_untidy {
                    worker.with_sender(Sender::nudge);
                }
            }
            Err(batch) => {
                // The file is closed only by whoever has the right to write.
                worker.with_sender(|sender| sender.send_first(batch));
            }
        }
        None
    }

    /// Gives the leases back and closes the file.
    pub(super) fn close(&self) {
        let writer = lock(&self.writer).take();
        writer.into_iter().for_each(Writer::finish);
    }
}

/// What is written with.
pub(super) struct Writer {
    pub(super) store: SqliteStore,
    pub(super) heartbeat: Heartbeat,
    pub(super) fault_plan: FaultPlan,
    pub(super) subscribers: Arc<Subscribers>,
    /// Called after something was committed that somebody waits for.
    pub(super) wake_reader: Box<dyn Fn() + Send>,
}

impl Writer {
    /// Does what nobody waits for, and says when there is more of it.
    fn keep_in_order(&mut self) -> Option<Instant> {
        if self.store.is_untidy() {
            // What is in the way now is tried again after a further while; whoever writes meanwhile is told what is wrong.
            let _ = self.store.tidy_up();
            // The first write to the log after that waits for the disk: it had better be one that nobody waits for.
            self.heartbeat.hasten();
        }
        self.heartbeat.beat_if_due(&mut self.store);
        self.heartbeat.time_left().map(|time_left| Instant::now() + time_left)
    }

    fn commit(&mut self, batch: Vec<Submission>) -> Done {
        let owed = self.heartbeat.take_owed().into_iter();
        let owed = owed.map(|operation| Submission::new(operation, Box::new(|_| ())));
        let batch: Batch = owed.chain(batch).map(Submission::into_parts).unzip();
        self.fault_plan.pass_before_commit(&batch.0);
        let outcomes = self.store.commit(&batch.0);
        self.note(batch, outcomes)
    }

    /// As [`Writer::commit`]; hands the submissions back where another process is writing.
    fn commit_at_once(&mut self, batch: Vec<Submission>) -> Result<Done, Vec<Submission>> {
        let batch: Batch = batch.into_iter().map(Submission::into_parts).unzip();
        self.fault_plan.pass_before_commit(&batch.0);
        match self.store.commit_at_once(&batch.0) {
            Some(outcomes) => Ok(self.note(batch, outcomes)),
            None => Err(std::iter::zip(batch.0, batch.1).map(Submission::from).collect()),
        }
    }

    fn note(&mut self, (operations, completions): Batch, outcomes: Vec<Result<Committed, StoreError>>) -> Done {
        self.fault_plan.pass_after_commit(&operations, &outcomes);
        for (operation, outcome) in operations.iter().zip(&outcomes) {
            self.heartbeat.note(operation, outcome);
        }
        if std::iter::zip(&operations, &outcomes).any(|(operation, outcome)| self.is_news(operation, outcome)) {
            (self.wake_reader)();
        }
        Done::new(completions, outcomes)
    }

    /// Whether somebody is to hear of the operation at once, and not only when the reading thread looks the next time.
    fn is_news(&self, operation: &Operation, outcome: &Result<Committed, StoreError>) -> bool {
        let changes = || outcome.is_ok() && changes_status(operation);
        is_by_outsider(operation, outcome) || self.subscribers.has_watchers() && changes()
    }

    fn finish(mut self) {
        let releases = self.heartbeat.releases();
        if !releases.is_empty() {
            // A lease that cannot be given back now ends with this process, or expires.
            let _ = self.store.commit(&releases);
        }
    }
}

/// Whether a run is another one afterwards in the eyes of who waits for it to end, or for work.
fn changes_status(operation: &Operation) -> bool {
    match operation {
        Operation::Create(new) => new.is_queued(),
        Operation::Append(Append { finish, .. }) => finish.is_some(),
        _ => false,
    }
}
