//! The inputs: facts that a driver reports, and what follows from each.

use std::collections::HashSet;

use crate::journal::{
    AnswerRefused, CancelRequested, Entry, Failure, LARGEST_VALUE, ModelReplied, OutcomeSource, PlannedCall, Record,
    RunCompleted, RunContinued, RunFailed, StepsPlanned, ToolFinished, ToolInterrupted, ToolReconciled, cut_name,
    is_fit_name,
};
use crate::store::RunStatus;
use crate::{Json, Text, Timestamp};

use super::fold::ReplayError;
use super::messages::too_long;
use super::state::{Call, CallState, Run, Transient};
use super::{Effect, Transition};

/// What the driver makes of a reply without tool calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is the run's output; `None`: its text as it stands.
    Accept(Option<Json>),
    /// It does not fit the response format: the model is told why and asked again.
    Refuse(Text),
    /// It does not fit, and the model was told often enough.
    GiveUp {
        /// Why it does not fit: the model is told so should the run be continued.
        reason: Text,
        /// Why the run stops.
        failure: Failure,
    },
}

/// What became of a running tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolOutcome {
    /// The text that the model gets.
    pub content: Text,
    /// The tool raised, timed out, or returned what has no JSON form.
    pub is_error: bool,
    /// How long it ran, in microseconds.
    pub duration_us: i64,
}

/// What a tool says of a call in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciliation {
    /// The call ran; this is its result.
    Finished(ToolOutcome),
    /// The call never began: it may run.
    NotStarted,
    /// It cannot tell, with its reason.
    Unknown(Option<Text>),
}

impl Run {
    /// A driver took a new run up: what to do first.
    pub fn notify_begun(&mut self, holder: Text, at: Timestamp) -> Transition {
        self.holder = Transient(holder);
        self.advanced(at, Transition::default())
    }

    /// A driver took the run over.
    pub fn notify_continued(&mut self, continued: RunContinued, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if self.status == RunStatus::Completed {
            transition.effects.push(Effect::Stop);
            return transition;
        }
        self.record(Entry::RunContinued(continued), at, &mut transition);
        self.advanced(at, transition)
    }

    /// The model replied. `verdict` is about a reply without tool calls.
    ///
    /// A reply that comes when none is awaited (after a cancellation) is dropped: it can be asked for again.
    pub fn notify_model_replied(&mut self, mut reply: ModelReplied, verdict: Verdict, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if !self.awaiting_model.0 {
            return transition;
        }
        self.name_calls(&mut reply.calls);
        let is_final = reply.calls.is_empty();
        self.record(Entry::ModelReplied(reply), at, &mut transition);
        if is_final {
            for entry in final_entries(verdict) {
                self.record(entry, at, &mut transition);
            }
        }
        self.advanced(at, transition)
    }

    /// From now on the model is asked as soon as a call has its outcome, also while others are open: it plans calls that join them.
    pub fn plan_ahead(&mut self) {
        let outcomes = self.finished.len();
        self.planning = Transient(Some(if self.awaiting_model.0 { outcomes + 1 } else { 0 }));
    }

    /// A model that plans ahead names calls that join those still open; none where it waits for these.
    ///
    /// Calls that come when none are awaited (after a cancellation) are dropped: they can be asked for again.
    pub fn notify_steps_planned(&mut self, mut calls: Vec<PlannedCall>, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if !self.awaiting_model.0 {
            return transition;
        }
        self.awaiting_model = Transient(false);
        if !calls.is_empty() {
            self.name_calls(&mut calls);
            self.record(Entry::StepsPlanned(StepsPlanned { calls }), at, &mut transition);
        }
        self.advanced(at, transition)
    }

    /// A model that plans ahead has calls to name although nothing happened that it would be asked about.
    pub fn notify_steps_ready(&mut self, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        let is_free = self.cancellation.is_none() && !self.handing_back.0;
        if self.planning.0.is_some() && self.status == RunStatus::Running && is_free {
            if self.awaiting_model.0 {
                // Its answer is on the way, and may not tell of them: it is asked once more then.
                self.planning = Transient(Some(0));
            } else {
                self.request_model(&mut transition);
            }
        }
        self.advanced(at, transition)
    }

    /// The model failed for good. Calls that run meanwhile, of one that plans ahead, end before the run fails.
    pub fn notify_model_failed(&mut self, failure: Failure, duration_us: i64, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if self.awaiting_model.0 {
            let failed = RunFailed { failure, duration_us };
            if self.turn().iter().any(Call::is_started) {
                self.awaiting_model = Transient(false);
                self.model_failure = Transient(Some(failed));
            } else {
                self.record(Entry::RunFailed(failed), at, &mut transition);
            }
        }
        self.advanced(at, transition)
    }

    /// A tool call that this driver started has its outcome. One that it did not start, or that is finished, changes nothing.
    pub fn notify_tool_finished(&mut self, call_id: &str, outcome: ToolOutcome, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if self.call(call_id).is_some_and(Call::is_started) {
            let finished = ToolFinished {
                source: OutcomeSource::Tool,
                ..finished(call_id.into(), outcome)
            };
            self.record(Entry::ToolFinished(finished), at, &mut transition);
        }
        self.advanced(at, transition)
    }

    /// A tool call that this driver started was stopped in its middle.
    pub fn notify_tool_interrupted(&mut self, call_id: &str, reason: Text, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if self.call(call_id).is_some_and(Call::is_started) {
            let interrupted = ToolInterrupted {
                call_id: call_id.into(),
                reason,
            };
            self.record(Entry::ToolInterrupted(interrupted), at, &mut transition);
        }
        self.advanced(at, transition)
    }

    /// A tool was asked what became of a call in doubt. An answer about a call that is not in doubt changes nothing.
    pub fn notify_reconciled(&mut self, call_id: &str, answer: Reconciliation, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        let is_awaited = self.reconciling.0.remove(call_id) && self.status == RunStatus::Running;
        let in_doubt = |call: &Call| matches!(call.state, CallState::InDoubt { .. });
        if is_awaited && self.call(call_id).is_some_and(in_doubt) {
            self.record(reconciliation_entry(call_id.into(), answer), at, &mut transition);
        }
        self.advanced(at, transition)
    }

    /// The driver wants to stop: its caller was cancelled, or asked for it.
    pub fn notify_cancelled(&mut self, interrupt: bool, by: Option<Text>, at: Timestamp) -> Transition {
        let mut transition = Transition::default();
        if self.status == RunStatus::Running {
            let cancel = CancelRequested {
                interrupt,
                by,
                reason: None,
            };
            self.record(Entry::CancelRequested(cancel), at, &mut transition);
        }
        self.advanced(at, transition)
    }

    /// Nobody drives the run, and it shall not go on: it is taken over only to write that it is cancelled. Calls that a dead driver
    /// had started are in doubt from then on.
    pub fn notify_cancelled_idle(
        &mut self,
        continued: RunContinued,
        cancel: CancelRequested,
        at: Timestamp,
    ) -> Transition {
        let mut transition = Transition::default();
        self.record(Entry::RunContinued(continued), at, &mut transition);
        self.record(Entry::CancelRequested(cancel), at, &mut transition);
        self.advanced(at, transition)
    }

    /// Somebody who does not drive appended to the journal: a decision, or a cancel request.
    ///
    /// # Errors
    /// When the record speaks of something unknown, or contradicts an earlier one.
    pub fn notify_outsider(&mut self, record: &Record, at: Timestamp) -> Result<Transition, ReplayError> {
        if record.seq > self.outsider_seq {
            self.fold_record(record)?;
        }
        Ok(self.advanced(at, Transition::default()))
    }

    pub(super) fn advanced(&mut self, at: Timestamp, mut transition: Transition) -> Transition {
        self.advance(at, &mut transition);
        transition
    }

    /// Gives each call an id that is unique within the run: some providers give none, and some count from zero in each reply. What a
    /// model made up and no journal keeps, a name or an id of any length, does not stop the run.
    fn name_calls(&self, calls: &mut [PlannedCall]) {
        let mut seen: HashSet<Text> = HashSet::new();
        for (index, call) in calls.iter_mut().enumerate() {
            if !is_fit_name(&call.name) {
                call.name = cut_name(&call.name);
            }
            let is_usable = !call.id.is_empty() && is_fit_name(&call.id);
            if !is_usable || seen.contains(&call.id) || self.call_index.contains_key(&call.id) {
                call.id = self.free_id(index, &seen);
            }
            seen.insert(call.id.clone());
        }
    }

    fn free_id(&self, index: usize, seen: &HashSet<Text>) -> Text {
        let mut number = self.calls.len() + index + 1;
        loop {
            let id: Text = format!("call_{number}").into();
            if !seen.contains(&id) && !self.call_index.contains_key(&id) {
                return id;
            }
            number += 1;
        }
    }
}

/// The call ran, whatever its result: one that is too long to be kept is an error that says so.
fn finished(call_id: Text, outcome: ToolOutcome) -> ToolFinished {
    let length = outcome.content.len();
    let is_too_long = length > LARGEST_VALUE;
    ToolFinished {
        call_id,
        content: if is_too_long { too_long(length) } else { outcome.content },
        is_error: outcome.is_error || is_too_long,
        source: OutcomeSource::Tool,
        duration_us: outcome.duration_us,
    }
}

fn reconciliation_entry(call_id: Text, answer: Reconciliation) -> Entry {
    let (not_started, reason) = match answer {
        Reconciliation::Finished(outcome) => {
            return Entry::ToolFinished(ToolFinished {
                source: OutcomeSource::Reconciled,
                ..finished(call_id, outcome)
            });
        }
        Reconciliation::NotStarted => (true, None),
        Reconciliation::Unknown(reason) => (false, reason),
    };
    Entry::ToolReconciled(ToolReconciled {
        call_id,
        not_started,
        reason,
    })
}

fn final_entries(verdict: Verdict) -> Vec<Entry> {
    match verdict {
        Verdict::Accept(output) => vec![Entry::RunCompleted(RunCompleted { output })],
        Verdict::Refuse(reason) => vec![Entry::AnswerRefused(AnswerRefused { reason })],
        Verdict::GiveUp { reason, failure } => vec![
            Entry::AnswerRefused(AnswerRefused { reason }),
            Entry::RunFailed(RunFailed {
                failure,
                duration_us: 0,
            }),
        ],
    }
}
