//! The only place where things come together: apply an input, commit what follows, then hand out the effects, in that order.
//! An effect that anyone can see is already on disk, but for a model request, which can be repeated.

mod approvals;
mod check;
mod commit_gate;
mod committed;
mod control;
mod erase;
mod errors;
mod expiry;
mod export;
mod finish;
mod history;
mod inbox;
mod keyed;
mod lists;
mod prune;
mod relocate;
mod shrink;
mod signals;
mod step;
mod verify;
mod workers;

pub use approvals::{ApprovalList, StandingApproval, revoke};
pub use check::{audit, check};
pub use committed::{CommittedEntries, CommittedEntry};
pub use control::{Loaded, Opened, Word, cancel, decide, decide_known, load, load_known, load_now, open, open_known};
pub use erase::{erase, finish_erasures};
pub use errors::EngineError;
pub use expiry::{expire, next_due, overdue};
pub use export::{event_lines, export, journal_after};
pub use history::{Memory, recall};
pub use inbox::{PreviewList, Previews, RequirementList, run_of_requirement};
pub use lists::{
    Index, IndexedList, List, Part, RunList, RunSummary, count_approvals, count_requirements, count_runs, summary,
};
pub use prune::{forget_signals, prune};
pub use relocate::{Relocated, Route};
pub use shrink::{compact, shrink};
pub use signals::{kept_signals, signal};
pub use step::{Handed, Later};
pub use verify::{Mismatch, Verification, verify};
pub use workers::{claim_due, give_back, requeue, submit, take};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::journal::{Entry, Failure, InDoubtRule, ModelReplied, PlannedCall, Record, RunContinued, RunStarted};
use crate::message::Message;
use crate::run::{Effect, Reconciliation, ReplayError, Run, ToolOutcome, Transition, Verdict};
use crate::store::handle::StoreHandle;
use crate::store::{CancelFlag, Committed, ExternalRecord, NewRun, Operation, StoreError};
use crate::{Text, Timestamp};
use commit_gate::Gate;
use committed::Appending;
use finish::{Ended, Standing};

/// Takes the effects that had to wait for the disk, or what the store ran into. Called once, on whichever thread finished the commit.
pub type Deliver = Box<dyn FnOnce(Result<Vec<Effect>, StoreError>) + Send>;

/// A run that this process drives.
pub struct Session {
    /// Shared with snapshots: as long as there are none, a change costs no copy.
    run: Arc<Run>,
    before: Arc<[Message]>,
    store: StoreHandle,
    epoch: u64,
    /// The first failure of a commit: after it the state here is ahead of the disk, and nothing more is accepted.
    failed: Arc<OnceLock<StoreError>>,
    /// The entry that ends the drive is on disk, and the lease went back with it.
    finished: Arc<AtomicBool>,
    wish: CancelFlag,
    ended: Ended,
    /// Where somebody listens.
    listening: Option<CommittedEntries>,
}

impl Session {
    /// Creates a run. Its first effect waits until the run is on disk. Where a run of that id was started alike before, `deliver` gets
    /// [`StoreError::RunExists`], and the session is of no use.
    #[must_use]
    pub fn start(
        store: StoreHandle,
        started: RunStarted,
        memory: &Memory,
        at: Timestamp,
        deliver: Deliver,
    ) -> (Self, Handed) {
        let mut run = Run::new(Box::new(started.clone()), at);
        let holder = store.holder();
        let transition = run.notify_begun(holder.to_string().into(), at);
        let create = NewRun {
            run_id: started.run_id.clone(),
            agent_name: started.agent_name.clone(),
            session_id: started.session_id.clone(),
            user_id: started.user_id.clone(),
            holder,
            expires: store.lease_expiry(at),
            at,
            entries: std::iter::once(Entry::RunStarted(Box::new(started)))
                .chain(transition.entries)
                .collect(),
        };
        let before = memory.before(run.started());
        let session = Self {
            run: Arc::new(run),
            before,
            store,
            epoch: 1,
            failed: Arc::default(),
            finished: Arc::default(),
            wish: CancelFlag::default(),
            ended: Ended::default(),
            listening: None,
        };
        let deliver = keyed::compared(&session.store, Arc::clone(&session.run), deliver);
        session.submit(Operation::Create(create), transition.effects, true, deliver);
        let handed = Handed {
            now: Vec::new(),
            later: Some(Later::default()),
        };
        (session, handed)
    }

    pub(crate) fn new(store: StoreHandle, loaded: Loaded, epoch: u64) -> Self {
        let Loaded { run, before, .. } = loaded;
        Self {
            run,
            before,
            store,
            epoch,
            failed: Arc::default(),
            finished: Arc::default(),
            wish: CancelFlag::default(),
            ended: Ended::default(),
            listening: None,
        }
    }

    /// What the run's journal gets from now on, as it gets there.
    pub fn listen(&mut self) -> CommittedEntries {
        self.listening.get_or_insert_default().clone()
    }

    /// The run's state. After a failed commit it is ahead of the disk.
    #[must_use]
    pub fn run(&self) -> &Run {
        self.state()
    }

    fn state(&self) -> &Arc<Run> {
        self.ended.get().unwrap_or(&self.run)
    }

    /// Where any thread of this process can want the run cancelled: it ends so then, also where the driver has come to another end
    /// that is not on disk yet. The driver is to be told as well, see [`Session::notify_cancelled`].
    #[must_use]
    pub fn wish(&self) -> &CancelFlag {
        &self.wish
    }

    /// Passes a fault point: a test may let this process end here.
    pub fn pass_fault_point(&self, point: &str) {
        self.store.pass_fault_point(point);
    }

    /// Refuses to go on where this process may no longer count on its lease.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] or [`StoreError::LeaseOver`].
    pub fn check_lease(&self) -> Result<(), StoreError> {
        self.store.check_lease(self.run.run_id(), self.epoch)
    }

    /// What time it is by the store's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// The messages that stand before the run's own: instructions, and what the session remembers.
    #[must_use]
    pub fn before(&self) -> &Arc<[Message]> {
        &self.before
    }

    /// The epoch of the lease under which this process drives.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The run as it stands now, for somebody who looks at it later.
    #[must_use]
    pub fn snapshot(&self) -> Loaded {
        Loaded {
            run: Arc::clone(self.state()),
            before: Arc::clone(&self.before),
            end: None,
        }
    }

    /// Goes on with a run that was stopped or orphaned.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_continued(
        &mut self,
        tool_call_limit: u64,
        on_in_doubt: InDoubtRule,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        let holder = self.store.holder().to_string().into();
        self.apply(at, deliver, |run| {
            run.notify_continued(
                RunContinued {
                    holder,
                    tool_call_limit,
                    on_in_doubt,
                },
                at,
            )
        })
    }

    /// The model replied.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_model_replied(
        &mut self,
        reply: ModelReplied,
        verdict: Verdict,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_model_replied(reply, verdict, at))
    }

    /// The model plans calls while others are open: it is asked as soon as one of them has its outcome. To be said before the first
    /// input.
    pub fn plan_ahead(&mut self) {
        Arc::make_mut(&mut self.run).plan_ahead();
    }

    /// A model that plans ahead names calls that join those still open; none where it waits for these.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_steps_planned(
        &mut self,
        calls: Vec<PlannedCall>,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_steps_planned(calls, at))
    }

    /// A model that plans ahead has calls to name, and wants to be asked.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_steps_ready(&mut self, at: Timestamp, deliver: Deliver) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_steps_ready(at))
    }

    /// The model failed for good.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_model_failed(
        &mut self,
        failure: Failure,
        duration_us: i64,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_model_failed(failure, duration_us, at))
    }

    /// A tool call has its outcome.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_tool_finished(
        &mut self,
        call_id: &str,
        outcome: ToolOutcome,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_tool_finished(call_id, outcome, at))
    }

    /// A tool call was stopped in its middle.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_tool_interrupted(
        &mut self,
        call_id: &str,
        reason: Text,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_tool_interrupted(call_id, reason, at))
    }

    /// A tool was asked what became of a call in doubt.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_reconciled(
        &mut self,
        call_id: &str,
        answer: Reconciliation,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_reconciled(call_id, answer, at))
    }

    /// The driver wants to stop.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_cancelled(
        &mut self,
        interrupt: bool,
        by: Option<Text>,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_cancelled(interrupt, by, at))
    }

    /// Somebody else appended a decision or a cancel request.
    ///
    /// # Errors
    /// The failure of an earlier commit; [`StoreError::LeaseLost`] when the record shows that another driver has the run; a
    /// record that cannot be read.
    pub fn notify_outsider(&mut self, record: &Record, at: Timestamp, deliver: Deliver) -> Result<Handed, EngineError> {
        let mut fault = None;
        let handed = self.apply(at, deliver, |run| {
            run.notify_outsider(record, at).unwrap_or_else(|error| {
                fault = Some(error);
                Transition::default()
            })
        })?;
        fault.map_or(Ok(handed), |error| Err(self.unreadable(error)))
    }

    /// As [`Session::notify_outsider`], for a record as it was noticed in the store. One that anybody could have written is not acted
    /// on: its driver goes on as if it were not there, and whoever reads the journal finds it.
    ///
    /// # Errors
    /// As for [`Session::notify_outsider`].
    pub fn notify_noticed(
        &mut self,
        notice: &ExternalRecord,
        at: Timestamp,
        deliver: Deliver,
    ) -> Result<Handed, EngineError> {
        if let Some(listening) = &self.listening {
            listening.add_noticed(&notice.record);
        }
        if notice.authentic {
            return self.notify_outsider(&notice.record, at, deliver);
        }
        Ok(Handed::at_once(Vec::new()))
    }

    /// Whoever drives a run opens its requirements: a decision on one that this driver does not know was asked for by another
    /// driver, who took the run over.
    fn unreadable(&self, error: ReplayError) -> EngineError {
        let ReplayError::Dangling { .. } = error else {
            return error.into();
        };
        let run_id = self.run.run_id().clone();
        self.failed
            .get_or_init(|| StoreError::LeaseLost { run_id })
            .clone()
            .into()
    }

    fn apply(
        &mut self,
        at: Timestamp,
        deliver: Deliver,
        transition: impl FnOnce(&mut Run) -> Transition,
    ) -> Result<Handed, StoreError> {
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        if self.ended.get().is_some() {
            return Ok(Handed::at_once(Vec::new()));
        }
        let standing = Standing::of(&self.run);
        let Transition { entries, effects } = transition(Arc::make_mut(&mut self.run));
        if entries.is_empty() {
            return Ok(Handed::at_once(effects));
        }
        let append = self.append(standing, entries, at);
        let (gated, mut now) = effects.into_iter().partition::<Vec<_>, _>(Effect::needs_commit);
        let is_awaited = append.finish.is_some() || !gated.is_empty();
        let gate = Gate::new(deliver);
        let notified = gate.clone();
        let deliver = Box::new(move |committed| notified.notify(committed));
        self.submit(Operation::Append(append), gated, is_awaited, deliver);
        let passed = gate.pass();
        let later = passed
            .is_none()
            .then(|| Later::new(gate, is_awaited && self.store.are_commits_near()));
        now.extend(passed.unwrap_or_default());
        Ok(Handed { now, later })
    }

    fn submit(&self, operation: Operation, gated: Vec<Effect>, is_awaited: bool, deliver: Deliver) {
        let failed = Arc::clone(&self.failed);
        let finished = Arc::clone(&self.finished);
        let finishes = matches!(&operation, Operation::Append(append) if append.finish.is_some());
        let ending = finishes.then(|| self.ending());
        let listening = self.listening.as_ref();
        let appending = listening.and_then(|listening| Appending::of(&operation, listening));
        let completion = Box::new(move |committed: Result<Committed, StoreError>| {
            if let Some(appending) = appending {
                appending.committed(&committed);
            }
            // A run that was there before is another driver's, whose lease may be of the same epoch.
            let is_others = matches!(committed, Err(StoreError::RunExists { .. }));
            finished.fetch_or(is_others || finishes && committed.is_ok(), Ordering::Release);
            match (committed, ending) {
                (Ok(Committed::Cancelled { .. }), Some(ending)) => ending.read_back(gated, deliver),
                (committed, _) => deliver(committed.map(|_| gated).inspect_err(|error| {
                    // Only the first failure counts: the later ones follow from it.
                    let _ = failed.set(error.clone());
                })),
            }
        });
        if is_awaited {
            self.store.submit(operation, completion);
        } else {
            self.store.submit_deferred(operation, completion);
        }
    }
}

impl Drop for Session {
    /// A driver that goes away without having stopped the run leaves it to whoever comes next, at once instead of after the lease;
    /// so does one whose last words could not be written. Giving back what another one holds by now changes nothing.
    fn drop(&mut self) {
        // Whoever wants it cancelled from here on has to ask the store.
        let _ = self.wish.seal();
        if !self.finished.load(Ordering::Acquire) {
            let release = Operation::Release {
                run_id: self.run.run_id().clone(),
                epoch: self.epoch,
            };
            self.store.submit(release, Box::new(|_| ()));
        }
    }
}
