//! Runs and workers: waiting for one, being given back by one, and being set aside because they end one after the other.

use crate::journal::{Entry, FailureKind, RunCancelled, RunContinued, RunQueued, ToolInterrupted};
use crate::store::RunStatus;
use crate::{Text, Timestamp};

use super::messages::failure;
use super::state::{Call, Run, Transient};
use super::{Effect, Transition};

impl Run {
    /// How many drivers in a row ended in the middle of driving since the run last got further.
    #[must_use]
    pub fn recoveries(&self) -> u32 {
        self.recoveries
    }

    /// Whether a worker can go on: the run waits for one, its driver ended, or all that it asked for is decided.
    #[must_use]
    pub fn is_due(&self) -> bool {
        match self.status {
            RunStatus::Queued | RunStatus::Running => true,
            RunStatus::Paused => self.open_requirements().count() as u64 <= self.goes_on_with(),
            RunStatus::Completed | RunStatus::Cancelled | RunStatus::Error | RunStatus::Moved => false,
        }
    }

    /// The run, which nobody drives, waits for a worker from now on; workers take it from `not_before` on.
    pub fn notify_queued(&mut self, by: Option<Text>, not_before: Option<Timestamp>, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        self.record(Entry::RunQueued(RunQueued { by, not_before }), at, &mut transition);
        transition
    }

    /// The driver wants to stop and leave the rest to another one. What runs may end before, unless it is in a hurry: calls that
    /// still run are in doubt then.
    pub fn notify_drained(&mut self, force: bool, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        self.handing_back = Transient(true);
        if force && self.status == RunStatus::Running && self.cancellation.is_none() {
            self.abandon_calls(at, &mut transition);
            self.drain(at, &mut transition);
        }
        self.advance(at, &mut transition);
        transition
    }

    /// Nobody drives the run, and no worker shall any more: it is taken over only to write why.
    pub fn notify_set_aside(&mut self, continued: RunContinued, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        let message = format!(
            "set aside: {} processes in a row ended while they drove this run, which got no further meanwhile; find out what \
             ends them, then continue it",
            self.recoveries + 1
        );
        self.record(Entry::RunContinued(continued), at, &mut transition);
        self.record(failure(FailureKind::SetAside, message), at, &mut transition);
        transition.effects.push(Effect::Stop);
        transition
    }

    /// Nobody drives the run, and somebody cancelled it before its last driver ended: it is taken over only to write that it is.
    pub fn notify_cancelled_before(&mut self, continued: RunContinued, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        let cancelled = RunCancelled { dropped_request: false };
        self.record(Entry::RunContinued(continued), at, &mut transition);
        self.record(Entry::RunCancelled(cancelled), at, &mut transition);
        transition.effects.push(Effect::Stop);
        transition
    }

    pub(super) fn drain_if_idle(&mut self, at: Timestamp, transition: &mut Transition) {
        let is_busy =
            self.awaiting_model.0 || !self.reconciling.0.is_empty() || self.turn().iter().any(Call::is_started);
        if !is_busy {
            self.drain(at, transition);
        }
    }

    /// What runs is left alone, and nobody will hear of its outcome.
    fn abandon_calls(&mut self, at: Timestamp, transition: &mut Transition) {
        let running = self.turn().iter().filter(|call| call.is_started());
        let abandoned: Vec<_> = running.map(|call| call.plan.id.clone()).collect();
        for call_id in abandoned {
            let reason = "its worker stopped before it had ended".into();
            self.record(
                Entry::ToolInterrupted(ToolInterrupted { call_id, reason }),
                at,
                transition,
            );
        }
    }

    fn drain(&mut self, at: Timestamp, transition: &mut Transition) {
        let queued = RunQueued {
            by: Some(self.holder.0.clone()),
            not_before: None,
        };
        self.record(Entry::RunQueued(queued), at, transition);
    }
}
