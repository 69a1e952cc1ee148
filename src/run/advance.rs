//! What comes next: from the state alone, the entries and effects that follow. Called after each input, until the run waits
//! for something or stops.

use crate::journal::{
    AskingRules, Entry, FailureKind, InDoubtRule, OnExpiry, OutcomeSource, RequirementOpened, RunCancelled,
    RunCompleted, RunPaused, Terms, ToolFinished, ToolStarted,
};
use crate::requirement::{Decision, RequirementKind};
use crate::store::RunStatus;
use crate::{Json, Text, Timestamp};

use super::decide::answers_as_result;
use super::ids::requirement_id;
use super::messages::{NO_SIGNAL, UNANSWERED, WAITED, failure, limit_failure, rejection, skipping};
use super::state::{Call, CallState, Cancellation, Reconciled, Run, Transient};
use super::{Effect, ToolInDoubt, ToolStart, Transition};

/// What the state says about a call that has no outcome.
enum Next {
    /// Nothing to do now.
    Wait,
    /// This is its outcome.
    Finish(ToolFinished),
    /// It needs somebody.
    Ask(RequirementKind),
    /// Its tool can be asked what became of it.
    Reconcile,
    /// Nobody is asked about it: the run stops.
    Fail,
    /// Nobody answered in time, and the run stops for it.
    Expire,
    /// It may run.
    Start,
}

impl Run {
    /// Takes the run as far as it gets without a further input.
    pub(super) fn advance(&mut self, at: Timestamp, transition: &mut Transition) {
        if self.status == RunStatus::Running {
            self.move_on(at, transition);
        }
        // Whoever hears of something after the stop gets no second one: it would carry no entry to wait for, and overtake the
        // first one on its way to the disk.
        if self.status != RunStatus::Running && !transition.entries.is_empty() {
            transition.effects.push(Effect::Stop);
        }
    }

    fn move_on(&mut self, at: Timestamp, transition: &mut Transition) {
        if self.cancellation.is_some() {
            return self.wind_down(at, transition);
        }
        if self.handing_back.0 {
            return self.drain_if_idle(at, transition);
        }
        if self.exceeds_limit() {
            return self.record(limit_failure(self.tool_call_limit), at, transition);
        }
        self.settle(at, transition);
        let ending = self.forced_ending();
        if ending.is_none() {
            self.start_ready(at, transition);
        }
        if ending.is_none() {
            self.ask_ahead(transition);
        }
        if self.turn().iter().any(Call::is_started) || !self.reconciling.0.is_empty() {
            return;
        }
        if let Some(ending) = ending {
            for entry in ending {
                self.record(entry, at, transition);
            }
        } else if self.turn().iter().all(Call::is_finished) {
            self.finish_turn(at, transition);
        } else if self.planning.0.is_none() || !self.awaiting_model.0 {
            self.record(Entry::RunPaused(RunPaused {}), at, transition);
        }
    }

    /// Asks a model that plans while calls are open, as soon as one of them has an outcome that it has not seen.
    fn ask_ahead(&mut self, transition: &mut Transition) {
        let is_news = self.planning.0.is_some_and(|seen| seen <= self.finished.len());
        if is_news && !self.awaiting_model.0 {
            self.request_model(transition);
        }
    }

    pub(super) fn request_model(&mut self, transition: &mut Transition) {
        self.awaiting_model = Transient(true);
        self.planning = Transient(self.planning.0.map(|_| self.finished.len() + 1));
        transition.effects.push(Effect::RequestModel);
    }

    /// Stops as soon as nothing runs any more.
    fn wind_down(&mut self, at: Timestamp, transition: &mut Transition) {
        if !self.turn().iter().any(Call::is_started) {
            let cancelled = RunCancelled {
                dropped_request: self.awaiting_model.0,
            };
            self.record(Entry::RunCancelled(cancelled), at, transition);
        } else if self.cancellation == Some(Cancellation::Interrupting) && !self.interrupted.0 {
            self.interrupted = Transient(true);
            let running = self.turn().iter().filter(|call| call.is_started());
            let interrupt = |call: &Call| Effect::InterruptTool {
                call_id: call.plan.id.clone(),
            };
            transition.effects.extend(running.map(interrupt));
        }
    }

    /// More calls than the run may make, and none of this turn's has begun.
    fn exceeds_limit(&self) -> bool {
        self.calls.len() as u64 > self.tool_call_limit
            && self.turn().iter().any(|call| !call.is_finished())
            && self.turn().iter().all(|call| call.state == CallState::Planned)
    }

    /// Gives every call its outcome or its requirement, where the state says so already.
    fn settle(&mut self, at: Timestamp, transition: &mut Transition) {
        for place in self.turn_start..self.calls.len() {
            match self.next_of(&self.calls[place]) {
                Next::Finish(finished) => self.record(Entry::ToolFinished(finished), at, transition),
                Next::Ask(kind) => self.ask(place, kind, at, transition),
                Next::Reconcile => self.reconcile(place, transition),
                Next::Fail | Next::Expire | Next::Start | Next::Wait => {}
            }
        }
    }

    fn ask(&mut self, place: usize, kind: RequirementKind, at: Timestamp, transition: &mut Transition) {
        let call = &self.calls[place];
        let opened = RequirementOpened {
            requirement_id: requirement_id(self.run_id(), &call.plan.id, kind, call.requirements.len()),
            call_id: call.plan.id.clone(),
            kind,
            terms: terms(&call.plan.rules, kind, at),
            event: call.plan.rules.event.clone().filter(|_| kind == RequirementKind::Wait),
        };
        if kind == RequirementKind::Wait && opened.terms.are_over(at) {
            let finished = ended(call);
            return self.record(Entry::ToolFinished(finished), at, transition);
        }
        let repeated = self.repeated_approval(&call.plan, &opened);
        self.record(Entry::RequirementOpened(opened), at, transition);
        if let Some(decided) = repeated {
            self.record(decided, at, transition);
        }
    }

    fn reconcile(&mut self, place: usize, transition: &mut Transition) {
        let call = &self.calls[place];
        let CallState::InDoubt { started_at, .. } = call.state else {
            return;
        };
        let ask = ToolInDoubt {
            call_id: call.plan.id.clone(),
            name: call.plan.name.clone(),
            args: self.arguments_of(call).shown,
            attempt: call.attempts,
            started_at,
        };
        self.reconciling.0.insert(ask.call_id.clone());
        transition.effects.push(Effect::ReconcileTool(ask));
    }

    /// What ends the run as soon as nothing runs any more, whatever else there is to do.
    fn forced_ending(&self) -> Option<Vec<Entry>> {
        let failed = self.model_failure.0.clone().map(Entry::RunFailed);
        failed
            .or_else(|| self.forbidden_doubt())
            .map(|failure| vec![failure])
            .or_else(|| self.expired_ending())
    }

    /// The failure of a run that must not go on with a call in doubt.
    fn forbidden_doubt(&self) -> Option<Entry> {
        let call = self
            .turn()
            .iter()
            .find(|call| matches!(self.next_of(call), Next::Fail))?;
        let message = format!(
            "the outcome of tool call {} ({}) is unknown; continue with on_in_doubt=\"ask\" to decide what becomes of it",
            call.plan.id, call.plan.name
        );
        Some(failure(FailureKind::InDoubt, message))
    }

    /// Starts what may run: together, but a sequential call neither beside others nor before the ones that came earlier.
    fn start_ready(&mut self, at: Timestamp, transition: &mut Transition) {
        if self.turn().iter().any(|call| call.is_started() && call.is_sequential()) {
            return;
        }
        for place in self.turn_start..self.calls.len() {
            let call = &self.calls[place];
            if !matches!(self.next_of(call), Next::Start) {
                continue;
            }
            let alone = call.is_sequential();
            if alone && self.turn().iter().any(Call::is_started) {
                return;
            }
            self.start(place, at, transition);
            if alone {
                return;
            }
        }
    }

    fn start(&mut self, place: usize, at: Timestamp, transition: &mut Transition) {
        let call = &self.calls[place];
        let start = ToolStart {
            call_id: call.plan.id.clone(),
            name: call.plan.name.clone(),
            module: call.plan.tool.as_ref().map(|tool| tool.module.clone()),
            arguments: self.arguments_of(call),
            attempt: call.attempts + 1,
        };
        let entry = ToolStarted {
            call_id: start.call_id.clone(),
            attempt: start.attempt,
            holder: self.holder.0.clone(),
        };
        self.record(Entry::ToolStarted(entry), at, transition);
        transition.effects.push(Effect::StartTool(start));
    }

    /// Every call of the turn has its outcome: the run is done, or the model goes on.
    fn finish_turn(&mut self, at: Timestamp, transition: &mut Transition) {
        if let Some(output) = self.final_tool_output() {
            self.record(
                Entry::RunCompleted(RunCompleted { output: Some(output) }),
                at,
                transition,
            );
        } else if !self.awaiting_model.0 {
            self.request_model(transition);
        }
    }

    /// The result of the last of the turn's calls that went to a tool which ends the run, and succeeded.
    fn final_tool_output(&self) -> Option<Json> {
        let mut finals = self.turn().iter().rev().filter(|call| call.stops_after());
        let outcome = finals.find_map(|call| call.outcome().filter(|outcome| outcome.has_result()))?;
        Json::from_serialize(&*outcome.content).ok()
    }

    /// Whether the run stops because nobody answered about this call in time.
    pub(super) fn is_stopped_by(&self, call: &Call) -> bool {
        matches!(self.next_of(call), Next::Expire)
    }

    fn next_of(&self, call: &Call) -> Next {
        match &call.state {
            CallState::Planned => planned(call),
            CallState::InDoubt { .. } => self.in_doubt(call),
            CallState::Waiting => self.decided(call),
            CallState::Started { .. } | CallState::Finished(_) => Next::Wait,
        }
    }

    fn in_doubt(&self, call: &Call) -> Next {
        let may_run = call.is_repeatable() || call.reconciled == Some(Reconciled::NotStarted);
        if may_run {
            return Next::Start;
        }
        if call.is_reconcilable() && call.reconciled.is_none() {
            let under_way = self.reconciling.0.contains(&call.plan.id);
            return if under_way { Next::Wait } else { Next::Reconcile };
        }
        match self.on_in_doubt {
            InDoubtRule::Ask => Next::Ask(RequirementKind::Recovery),
            InDoubtRule::Retry => Next::Start,
            InDoubtRule::Fail => Next::Fail,
        }
    }

    fn decided(&self, call: &Call) -> Next {
        let Some(requirement) = self.last_requirement(call) else {
            return Next::Wait;
        };
        if requirement.expired.is_some() {
            return expired(call);
        }
        let Some(decided) = &requirement.decided else {
            return Next::Wait;
        };
        match &decided.decision {
            Decision::Confirm(_) if requirement.kind == RequirementKind::Wait => Next::Finish(ended(call)),
            Decision::Confirm(_) | Decision::Retry => Next::Start,
            Decision::Input { .. } if !call.plan.answers_are_result => Next::Start,
            Decision::Input { values, .. } => {
                let text = answers_as_result(call.plan.fields.as_ref(), values);
                Next::Finish(outcome(call, text.into(), OutcomeSource::User))
            }
            Decision::Result { content } => Next::Finish(outcome(call, content.clone(), OutcomeSource::External)),
            Decision::Supply { content } => Next::Finish(outcome(call, content.clone(), OutcomeSource::Supplied)),
            Decision::Reject { note } => {
                Next::Finish(outcome(call, rejection(note.as_deref()), OutcomeSource::Rejected))
            }
            Decision::Skip { note } => Next::Finish(outcome(call, skipping(note.as_deref()), OutcomeSource::Skipped)),
            Decision::Signal { payload, .. } => {
                Next::Finish(outcome(call, payload.get().into(), OutcomeSource::Signal))
            }
        }
    }

    /// Folds a new entry and adds it to the transition.
    ///
    /// Entries made here speak only of calls and requirements that this state holds, so folding them cannot fail; were it to, the
    /// entry is left out and the run waits, instead of writing what no replay could read.
    pub(super) fn record(&mut self, entry: Entry, at: Timestamp, transition: &mut Transition) {
        if self.fold(&entry, at, false).is_ok() {
            transition.entries.push(entry);
        }
    }
}

fn planned(call: &Call) -> Next {
    match (&call.plan.refused, call.plan.asks) {
        (Some(reason), _) => {
            let mut finished = outcome(call, reason.clone(), OutcomeSource::Refused);
            finished.is_error = true;
            Next::Finish(finished)
        }
        (None, Some(kind)) => Next::Ask(kind),
        (None, None) => Next::Start,
    }
}

fn expired(call: &Call) -> Next {
    match call.on_expiry() {
        OnExpiry::Reject => Next::Finish(unanswered(call)),
        OnExpiry::Proceed => Next::Finish(waited(call)),
        OnExpiry::Fail | OnExpiry::Cancel => Next::Expire,
    }
}

pub(super) fn unanswered(call: &Call) -> ToolFinished {
    let message = match call.plan.rules.event {
        Some(_) => NO_SIGNAL,
        None => UNANSWERED,
    };
    outcome(call, message.into(), OutcomeSource::Expired)
}

/// What becomes of a wait that ends without a signal, by its time or by a person.
fn ended(call: &Call) -> ToolFinished {
    match call.plan.rules.event {
        Some(_) => unanswered(call),
        None => waited(call),
    }
}

fn waited(call: &Call) -> ToolFinished {
    outcome(call, WAITED.into(), OutcomeSource::Waited)
}

/// A recovery waits for as long as it takes, and for one person: nobody can undo what may have happened.
fn terms(rules: &AskingRules, kind: RequirementKind, at: Timestamp) -> Terms {
    let expires_at = rules.expiry.map(|expiry| expiry.end_of(at));
    match kind {
        RequirementKind::Recovery => Terms::default(),
        RequirementKind::Confirmation => Terms {
            expires_at,
            approvals: rules.approvals.max(1),
        },
        RequirementKind::UserInput | RequirementKind::ExternalTool | RequirementKind::Wait => Terms {
            expires_at,
            ..Terms::default()
        },
    }
}

fn outcome(call: &Call, content: Text, source: OutcomeSource) -> ToolFinished {
    ToolFinished {
        call_id: call.plan.id.clone(),
        content,
        is_error: false,
        source,
        duration_us: 0,
    }
}
