//! What becomes of a run when nobody answers in time.

use crate::Timestamp;
use crate::journal::{CancelRequested, Entry, FailureKind, OnExpiry, RunCancelled, RunContinued};
use crate::store::RunStatus;

use super::Transition;
use super::advance::unanswered;
use super::messages::failure;
use super::state::{Call, Run};
use super::view::iso;

impl Run {
    /// Whether the run is to stop because nobody answered in time.
    #[must_use]
    pub fn is_stopped_by_expiry(&self) -> bool {
        let goes_on = matches!(self.status, RunStatus::Running | RunStatus::Paused | RunStatus::Queued);
        goes_on && self.stopping_calls().next().is_some()
    }

    fn stopping_calls(&self) -> impl Iterator<Item = &Call> {
        self.turn().iter().filter(|call| self.is_stopped_by(call))
    }

    /// The entries that stop the run because nobody answered in time. The calls have their outcome then, so that a run that is
    /// continued later goes on without them.
    pub(super) fn expired_ending(&self) -> Option<Vec<Entry>> {
        let calls: Vec<&Call> = self.stopping_calls().collect();
        let first = *calls
            .iter()
            .find(|call| call.on_expiry() == OnExpiry::Fail)
            .or(calls.first())?;
        let unanswered = calls.iter().map(|call| Entry::ToolFinished(unanswered(call)));
        Some(unanswered.chain(self.stop_entries(first)).collect::<Vec<Entry>>())
    }

    fn stop_entries(&self, call: &Call) -> Vec<Entry> {
        let message = self.expiry_message(call);
        if call.on_expiry() == OnExpiry::Fail {
            return vec![failure(FailureKind::Expired, message)];
        }
        vec![
            Entry::CancelRequested(CancelRequested {
                interrupt: false,
                by: None,
                reason: Some(message.into()),
            }),
            Entry::RunCancelled(RunCancelled { dropped_request: false }),
        ]
    }

    fn expiry_message(&self, call: &Call) -> String {
        let requirement = self.last_requirement(call);
        let id = requirement.map_or("", |requirement| &*requirement.id);
        let expires_at = requirement.and_then(|requirement| requirement.terms.expires_at);
        let until = expires_at.map_or_else(String::new, |at| format!(" until {}", iso(at)));
        let plan = &call.plan;
        format!(
            "nobody answered requirement {id} of tool call {} ({}){until}",
            plan.id, plan.name
        )
    }

    /// Nobody drives the run, and it is to stop because nobody answered in time: it is taken over only to write that.
    pub fn notify_expired_idle(&mut self, continued: RunContinued, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if !self.is_stopped_by_expiry() {
            return transition;
        }
        self.record(Entry::RunContinued(continued), at, &mut transition);
        for entry in self.expired_ending().unwrap_or_default() {
            self.record(entry, at, &mut transition);
        }
        self.advanced(at, transition)
    }
}
