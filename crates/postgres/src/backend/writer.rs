//! Writing: whatever waits goes to the server together. And the leases of this process: renewed in time, or over for itself first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use haltpoint_engine::store::fault_points::FaultPlan;
use haltpoint_engine::store::handle::{
    Batch, Done, Heartbeat, Receiver, Submission, Subscribers, Waited, is_by_outsider,
};
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::store::{Append, Author, Committed, LeaseGrant, NewRun, Operation, StoreError, WritableStore};
use haltpoint_engine::{Text, Timestamp};

use super::own_lease::OwnLease;
use crate::clock::{ServerClock, micros, steady};
use crate::lease;
use crate::store::PostgresStore;

/// For how long an operation that nobody waits for may wait for company.
const PATIENCE: Duration = Duration::from_millis(2);

/// How long operations are tried that no lease depends on, at least.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);

/// What is written with.
pub(super) struct Writer {
    pub(super) store: PostgresStore,
    pub(super) heartbeat: Heartbeat,
    pub(super) holder: Holder,
    pub(super) lease: Duration,
    pub(super) own_lease: Arc<OwnLease>,
    pub(super) patience: Duration,
    /// Leases may have been taken of which nobody here knows.
    pub(super) has_doubts: bool,
    pub(super) clock: Arc<ServerClock>,
    pub(super) fault_plan: FaultPlan,
    pub(super) subscribers: Arc<Subscribers>,
    /// Called after something was committed that somebody waits for.
    pub(super) wake_reader: Box<dyn Fn() + Send>,
}

impl Writer {
    /// Works submissions off until no more can come, then gives the leases back.
    pub(super) fn run(mut self, receiver: &Receiver<Submission>) {
        loop {
            let deadline = self.beat();
            match receiver.wait(deadline, PATIENCE) {
                Waited::Ready => {
                    let batch = receiver.take();
                    self.commit(batch).tell();
                }
                Waited::Nothing => {}
                Waited::End => return self.finish(),
            }
        }
    }

    /// Renews the leases when it is time to, and says when it is the next time.
    fn beat(&mut self) -> Option<Instant> {
        if self.has_doubts {
            self.clear_doubts();
        }
        let sent = steady();
        if self.own_lease.left() <= 0 {
            self.heartbeat.doubt();
        }
        if self.heartbeat.beat_if_due(&mut self.store) {
            self.own_lease.renew(sent);
            // What cannot be read or forgotten now is so the next time.
            let _ = self.clock.read_again(&mut self.store.connection);
            let _ = lease::sweep(&mut self.store.connection, self.clock.now());
        }
        self.heartbeat.time_left().map(|time_left| Instant::now() + time_left)
    }

    fn commit(&mut self, batch: Vec<Submission>) -> Done {
        let owed = self.heartbeat.take_owed().into_iter();
        let owed = owed.map(|operation| Submission::new(operation, Box::new(|_| ())));
        let (operations, completions): Batch = owed.chain(batch).map(Submission::into_parts).unzip();
        self.fault_plan.pass_before_commit(&operations);
        let (sent, shown) = (steady(), self.clock.now());
        self.store.patience = self.time_to_try();
        let mut outcomes = self.store.commit(&operations);
        self.fault_plan.pass_after_commit(&operations, &outcomes);
        self.has_doubts |= std::mem::take(&mut self.store.has_lost_claims);
        // An operation may have waited here: what it says of its lease began before it was sent.
        let renewals = std::iter::zip(&operations, &outcomes);
        let ends = renewals
            .filter_map(|(operation, outcome)| lease_end(operation, outcome))
            .max();
        if let Some(end) = ends {
            let renewed = sent + end.micros_since(shown) - micros(self.lease);
            // Where the server's clock was set back meanwhile, that would lie ahead.
            self.own_lease.renew(renewed.min(sent));
        }
        self.settle_leases(&operations, &mut outcomes);
        for (operation, outcome) in operations.iter().zip(&outcomes) {
            self.heartbeat.note(operation, outcome);
            self.has_doubts |= is_doubtful(operation, outcome);
        }
        let is_news =
            |(operation, outcome): (&Operation, &Result<Committed, StoreError>)| self.is_news(operation, outcome);
        if std::iter::zip(&operations, &outcomes).any(is_news) {
            (self.wake_reader)();
        }
        Done::new(completions, outcomes)
    }

    /// For how long a batch is tried: while runs are held, no longer than their leases last.
    fn time_to_try(&self) -> Duration {
        match self.heartbeat.time_left() {
            None => self.patience,
            Some(_) => {
                let left = Duration::from_micros(self.own_lease.left().max(0).unsigned_abs());
                left.clamp(LEAST_PATIENCE.min(self.lease), self.patience)
            }
        }
    }

    /// What was written for a driver counts only while its lease does: else somebody else may drive the run by now, and nothing may be
    /// started on the strength of it.
    fn settle_leases(&mut self, operations: &[Operation], outcomes: &mut [Result<Committed, StoreError>]) {
        let is_driven = |(operation, outcome): (&Operation, &Result<Committed, StoreError>)| {
            driven(operation, outcome).is_some()
                || matches!(outcome, Ok(Committed::DueClaimed(runs)) if !runs.is_empty())
        };
        if self.own_lease.left() > 0 || !std::iter::zip(operations, &*outcomes).any(is_driven) {
            return;
        }
        let held = self.held_still();
        for (operation, outcome) in std::iter::zip(operations, outcomes) {
            if let Some((run_id, epoch)) = driven(operation, outcome)
                && !held.contains(&(run_id.clone(), epoch))
            {
                let run_id = run_id.clone();
                *outcome = Err(StoreError::LeaseLost { run_id });
                self.has_doubts = true;
            }
            if let Ok(Committed::DueClaimed(runs)) = outcome {
                // They are found again once they are given back.
                runs.clear();
                self.has_doubts = true;
            }
        }
    }

    /// Renews the leases and asks which of them this process has: those that nobody took over.
    fn held_still(&mut self) -> Vec<(Text, u64)> {
        let (sent, now) = (steady(), self.clock.now());
        let expires = now.plus_micros(micros(self.lease));
        if self.store.heartbeat(&self.holder, now, expires).is_err() {
            return Vec::new();
        }
        let held = lease::held_by(&mut self.store.connection, &self.holder).unwrap_or_default();
        self.own_lease.renew(sent);
        self.heartbeat.note_held(held.clone());
        match self.own_lease.left() > 0 {
            true => held,
            false => Vec::new(),
        }
    }

    /// Gives back what the server says this process holds, and what no driver of it was ever told of: the answer was lost.
    fn clear_doubts(&mut self) {
        let Ok(held) = lease::held_by(&mut self.store.connection, &self.holder) else {
            return;
        };
        let unknown = held
            .into_iter()
            .filter(|(run_id, epoch)| !self.heartbeat.holds(run_id, *epoch));
        let releases: Vec<Operation> = unknown
            .map(|(run_id, epoch)| Operation::Release { run_id, epoch })
            .collect();
        self.has_doubts = self.store.commit(&releases).iter().any(Result::is_err);
    }

    /// Whether somebody is to hear of the operation at once, and not only when the reading thread looks the next time.
    fn is_news(&self, operation: &Operation, outcome: &Result<Committed, StoreError>) -> bool {
        let is_claim = matches!(operation, Operation::ClaimDue(_));
        is_by_outsider(operation, outcome) || outcome.is_ok() && self.subscribers.has_watchers() && !is_claim
    }

    fn finish(mut self) {
        let releases = self.heartbeat.releases();
        if !releases.is_empty() {
            self.store.patience = LEAST_PATIENCE;
            // A lease that cannot be given back now expires.
            let _ = self.store.commit(&releases);
        }
    }
}

/// When a lease ends that the operation takes, by the server's clock.
fn lease_end(operation: &Operation, outcome: &Result<Committed, StoreError>) -> Option<Timestamp> {
    match (operation, outcome) {
        (_, Err(_)) => None,
        (Operation::Create(new), _) if !new.is_queued() => Some(new.expires),
        (Operation::Acquire { expires, .. }, _) => Some(*expires),
        (Operation::ClaimDue(claim), Ok(Committed::DueClaimed(runs))) => {
            runs.iter().any(|run| run.epoch.is_some()).then_some(claim.expires)
        }
        _ => None,
    }
}

/// Whether a lease may have been taken of which nobody here knows.
fn is_doubtful(operation: &Operation, outcome: &Result<Committed, StoreError>) -> bool {
    matches!(
        operation,
        Operation::Acquire { .. } | Operation::Create(_) | Operation::ClaimDue(_)
    ) && matches!(
        outcome,
        Err(StoreError::Unusable { .. } | StoreError::Unreachable { .. })
    )
}

/// The run and the epoch that an outcome lets its driver go on under.
fn driven<'a>(operation: &'a Operation, outcome: &Result<Committed, StoreError>) -> Option<(&'a Text, u64)> {
    match (operation, outcome) {
        (Operation::Create(new @ NewRun { run_id, .. }), Ok(_)) if !new.is_queued() => Some((run_id, 1)),
        (Operation::Acquire { run_id, .. }, Ok(Committed::Lease(LeaseGrant::Granted { epoch, .. }))) => {
            Some((run_id, *epoch))
        }
        (
            Operation::Append(Append {
                run_id,
                author: Author::Driver { epoch, .. },
                finish: None,
                ..
            }),
            Ok(_),
        ) => Some((run_id, *epoch)),
        _ => None,
    }
}
