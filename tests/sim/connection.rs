//! A process's connection to the server: what it has sent and not heard of, and what it may believe of its leases.

use haltpoint_engine::store::backend::Completion;
use haltpoint_engine::store::{Append, Author, Committed, LeaseGrant, NewRun, Operation, StoreError};
use haltpoint_engine::{Text, Timestamp};

use crate::backend::{SimulatedBackend, trouble};
use crate::disk::Disk;
use crate::process::LEASE;
use crate::server::{Draft, Outcome, Server};
use crate::witness::Happening;

/// A batch under way.
pub(crate) struct Sent {
    /// The statement whose answer is awaited; `None` when the connection ended before there was one.
    statement: Option<u64>,
    drafts: Vec<(Draft, Vec<Completion>)>,
    /// When it was first sent, by the clock that nobody can set and by the server's.
    at: i64,
    shown: Timestamp,
}

type Done = (Operation, Completion, Outcome);

impl SimulatedBackend {
    /// Sends the oldest operations to the server; returns how many.
    pub(crate) fn send(&self, most: usize) -> usize {
        if !self.can_commit() {
            return 0;
        }
        let mut queues = self.queues.lock().unwrap();
        let mut disk = self.disk.lock().unwrap();
        let count = most.min(queues.writes.len());
        let mut by_run: Vec<(Text, Vec<Operation>, Vec<Completion>)> = Vec::new();
        for (operation, completion) in queues.writes.drain(..count) {
            let run_id = run_of(&operation);
            let found = by_run.iter().position(|(other, ..)| *other == run_id);
            let place = found.unwrap_or_else(|| {
                by_run.push((run_id, Vec::new(), Vec::new()));
                by_run.len() - 1
            });
            by_run[place].1.push(operation);
            by_run[place].2.push(completion);
        }
        let together = by_run.into_iter();
        let drafts = together.map(|(run_id, operations, completions)| (disk.draft(run_id, operations), completions));
        let mut sent = Sent {
            statement: None,
            drafts: drafts.collect(),
            at: disk.lives.passed(),
            shown: self.shown(),
        };
        sent.statement = Some(disk.send(sent.copies(), self.holder.host.clone()));
        queues.sent = Some(sent);
        count
    }

    /// Whether something was sent whose outcome is not known here.
    pub(crate) fn has_sent(&self) -> bool {
        self.queues.lock().unwrap().sent.is_some()
    }

    /// Whether the connection ended before an answer came.
    pub(crate) fn is_in_the_dark(&self) -> bool {
        let queues = self.queues.lock().unwrap();
        queues.sent.as_ref().is_some_and(|sent| sent.statement.is_none())
    }

    /// Whether an answer is there.
    pub(crate) fn has_answer(&self) -> bool {
        let queues = self.queues.lock().unwrap();
        let statement = queues.sent.as_ref().and_then(|sent| sent.statement);
        let disk = self.disk.lock().unwrap();
        statement.is_some_and(|statement| disk.server.as_ref().is_some_and(|server| server.is_answered(statement)))
    }

    /// Takes the answer, if it is there: what was written has its outcome, and the rest is sent once more.
    pub(crate) fn take_answer(&self) {
        if self.has_answer() {
            self.settle();
        }
    }

    /// The connection ends before the answer comes.
    pub(crate) fn lose_answer(&self) {
        let mut queues = self.queues.lock().unwrap();
        let statement = queues.sent.as_mut().and_then(|sent| sent.statement.take());
        if let Some(statement) = statement {
            let mut disk = self.disk.lock().unwrap();
            disk.witness.count(Happening::LostAnswers);
            if let Some(server) = &mut disk.server {
                server.forget(statement);
            }
        }
    }

    /// A statement that is lost itself has no answer either.
    pub(crate) fn notice_loss(&self) {
        let is_lost = {
            let queues = self.queues.lock().unwrap();
            let statement = queues.sent.as_ref().and_then(|sent| sent.statement);
            let disk = self.disk.lock().unwrap();
            statement.is_some_and(|statement| disk.server.as_ref().is_some_and(|server| server.is_lost(statement)))
        };
        if is_lost {
            self.lose_answer();
        }
    }

    /// Looks up what became of a batch whose answer was lost: by its hashes. Where none of them is there, the very same is sent once more:
    /// should the first one be under way yet, only one of them can be carried out.
    pub(crate) fn look_up(&self) {
        if !self.is_in_the_dark() {
            return;
        }
        let is_written = {
            let mut queues = self.queues.lock().unwrap();
            let mut disk = self.disk.lock().unwrap();
            let Some(sent) = &mut queues.sent else { return };
            let is_written = sent.drafts.iter().any(|(draft, _)| found(&disk, draft).is_some());
            if is_written {
                disk.witness.count(Happening::FoundByHash);
            } else {
                disk.witness.count(Happening::SentAgain);
                sent.statement = Some(disk.send(sent.copies(), self.holder.host.clone()));
            }
            is_written
        };
        if is_written {
            self.settle();
        }
    }

    /// There is no time left to find out: the caller is told that it is not known.
    pub(crate) fn give_up(&self) -> bool {
        if !self.is_in_the_dark() {
            return false;
        }
        let Some(sent) = self.queues.lock().unwrap().sent.take() else {
            return false;
        };
        for (draft, completions) in sent.drafts {
            self.queues.lock().unwrap().owe_releases(&draft.operations);
            completions
                .into_iter()
                .for_each(|completion| completion(Err(trouble())));
        }
        true
    }

    fn settle(&self) {
        let (mut done, sent) = {
            let mut queues = self.queues.lock().unwrap();
            let disk = self.disk.lock().unwrap();
            let Some(sent) = queues.sent.take() else { return };
            let (mut done, mut again) = (Vec::new(), Vec::new());
            for (draft, completions) in sent.drafts {
                match found(&disk, &draft) {
                    Some(outcomes) => {
                        let together = draft.operations.into_iter().zip(completions).zip(outcomes);
                        done.extend(
                            together.map(|((operation, completion), outcome)| (operation, completion, outcome)),
                        );
                    }
                    None => again.extend(draft.operations.into_iter().zip(completions)),
                }
            }
            for waiting in again.into_iter().rev() {
                queues.writes.push_front(waiting);
            }
            (done, (sent.at, sent.shown))
        };
        self.settle_leases(&mut done, sent);
        for (operation, completion, outcome) in done {
            self.disk.lock().unwrap().acknowledge(&operation, &outcome);
            completion(outcome);
        }
    }

    /// What was written for a driver counts only while its lease does, by this process's own measure; or where the server says that
    /// nobody took the run over meanwhile.
    fn settle_leases(&self, done: &mut [Done], (at, shown): (i64, Timestamp)) {
        let mut disk = self.disk.lock().unwrap();
        let granted = done.iter().filter(|(_, _, outcome)| outcome.is_ok());
        if let Some(end) = granted.filter_map(|(operation, ..)| lease_end(operation)).max() {
            // The server's clock may have been set back since.
            self.note_renewal(at.min(at + end.micros_since(shown) - lease_micros()));
        }
        let is_measured = disk.server.as_ref().is_some_and(|server| server.are_leases_measured());
        let is_driven = |(operation, _, outcome): &Done| driven(operation, outcome).is_some();
        if !is_measured || self.has_lease(disk.lives.passed()) || !done.iter().any(is_driven) {
            return;
        }
        disk.witness.count(Happening::LapsedAnswers);
        let now = self.shown();
        disk.heartbeat(&self.holder, now, now.plus_micros(lease_micros()));
        self.note_renewal(disk.lives.passed());
        for (operation, _, outcome) in done {
            if let Some((run_id, epoch)) = driven(operation, outcome)
                && !disk.is_held_by(run_id, epoch, &self.holder)
            {
                let run_id = run_id.clone();
                disk.witness.count(Happening::LeasesLostUnseen);
                *outcome = Err(StoreError::LeaseLost { run_id });
            }
        }
    }
}

impl Sent {
    pub(crate) fn copies(&self) -> Vec<Draft> {
        self.drafts.iter().map(|(draft, _)| draft.clone()).collect()
    }

    /// The operations that are not on disk; `None` when some were refused and nobody was told.
    pub(crate) fn pending(&self, server: &Server) -> Option<Vec<&Operation>> {
        let mut pending = Vec::new();
        for (draft, _) in &self.drafts {
            match server.outcomes_of(draft) {
                None => pending.extend(&draft.operations),
                Some(outcomes) if outcomes.iter().any(Result::is_err) => return None,
                Some(_) => {}
            }
        }
        Some(pending)
    }
}

fn found(disk: &Disk, draft: &Draft) -> Option<Vec<Outcome>> {
    disk.server.as_ref()?.outcomes_of(draft)
}

fn run_of(operation: &Operation) -> Text {
    match operation {
        Operation::Create(new) => new.run_id.clone(),
        Operation::Append(append) => append.run_id.clone(),
        Operation::Acquire { run_id, .. } | Operation::Release { run_id, .. } => run_id.clone(),
        Operation::Signal(_) | Operation::ClaimDue(_) | Operation::ClaimOutbox(_) | Operation::AdvanceOutbox { .. } => {
            Text::default()
        }
    }
}

/// A lease in microseconds.
pub(crate) fn lease_micros() -> i64 {
    i64::try_from(LEASE.as_micros()).unwrap()
}

/// When a lease ends that the operation takes, by the server's clock.
fn lease_end(operation: &Operation) -> Option<Timestamp> {
    match operation {
        Operation::Create(new) => Some(new.expires),
        Operation::Acquire { expires, .. } => Some(*expires),
        _ => None,
    }
}

/// The run and the epoch that an outcome lets its driver go on under.
fn driven<'a>(operation: &'a Operation, outcome: &Outcome) -> Option<(&'a Text, u64)> {
    match (operation, outcome) {
        (Operation::Create(NewRun { run_id, .. }), Ok(_)) => Some((run_id, 1)),
        (Operation::Acquire { run_id, .. }, Ok(Committed::Lease(LeaseGrant::Granted { epoch, .. }))) => {
            Some((run_id, *epoch))
        }
        (Operation::Append(append @ Append { finish: None, .. }), Ok(_)) => match append.author {
            Author::Driver { epoch, .. } => Some((&append.run_id, epoch)),
            Author::External | Author::Mover { .. } => None,
        },
        _ => None,
    }
}
