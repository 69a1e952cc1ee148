//! What a story expects. Effects are compared as short lines, so that a failure reads as the story does.

use haltpoint_engine::journal::{FailureKind, OutcomeSource, Record};
use haltpoint_engine::message::Message;
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::{Call, CallState, Effect, Outcome, Requirement, Run};
use haltpoint_engine::store::RunStatus;
use serde_json::Value;

use super::{Journal, Scenario};

/// The model is asked.
pub(crate) fn request_model() -> String {
    "request model".to_owned()
}

/// The call is started for the first time.
pub(crate) fn start(call_id: &str) -> String {
    again(call_id, 1)
}

/// The call is started once more.
pub(crate) fn again(call_id: &str, attempt: u32) -> String {
    format!("start {call_id}, attempt {attempt}")
}

/// The running call is to be stopped in its middle.
pub(crate) fn interrupt(call_id: &str) -> String {
    format!("interrupt {call_id}")
}

/// The tool is asked what became of the call in doubt.
pub(crate) fn reconcile(call_id: &str) -> String {
    format!("reconcile {call_id}")
}

/// There is nothing more to do.
fn stop() -> String {
    "stop".to_owned()
}

fn line(effect: &Effect) -> String {
    match effect {
        Effect::RequestModel => request_model(),
        Effect::StartTool(start) => again(&start.call_id, start.attempt),
        Effect::InterruptTool { call_id } => interrupt(call_id),
        Effect::ReconcileTool(in_doubt) => reconcile(&in_doubt.call_id),
        Effect::Stop => stop(),
    }
}

impl Scenario {
    /// Exactly these effects were handed out since the last look, in this order.
    #[track_caller]
    pub(crate) fn expect_effects<const N: usize>(mut self, expected: [String; N]) -> Self {
        let effects: Vec<String> = self.effects.drain(..).map(|effect| line(&effect)).collect();
        assert_eq!(effects, expected);
        self
    }

    /// Whatever was handed out since the last look is of no interest.
    pub(crate) fn overlooks_effects(mut self) -> Self {
        self.effects.clear();
        self
    }

    /// Nothing was handed out since the last look.
    #[track_caller]
    pub(crate) fn expect_no_effects(self) -> Self {
        self.expect_effects([])
    }

    /// The call was handed out to run with these arguments.
    #[track_caller]
    pub(crate) fn expect_started_with(mut self, call_id: &str, args: &Value) -> Self {
        let effects = std::mem::take(&mut self.effects);
        let started = effects.iter().find_map(|effect| match effect {
            Effect::StartTool(start) if &*start.call_id == call_id => Some(start),
            _ => None,
        });
        let started = started.unwrap_or_else(|| panic!("{call_id} was not started: {effects:?}"));
        assert_eq!(
            &serde_json::from_str::<Value>(started.arguments.given.get()).unwrap(),
            args
        );
        self
    }

    /// The run waits for these calls to be decided, and for nothing else.
    #[track_caller]
    pub(crate) fn expect_paused_on<const N: usize>(self, open: [(&str, RequirementKind); N]) -> Self {
        let found: Vec<_> = self
            .live
            .open_requirements()
            .map(|requirement| (self.call_of(requirement), requirement.kind))
            .collect();
        assert_eq!(found, open);
        self.expect_stopped(RunStatus::Paused)
    }

    /// The run is completed, and this is its output.
    #[track_caller]
    pub(crate) fn expect_completed(self, output: &Value) -> Self {
        let found = self
            .live
            .output()
            .map(|output| serde_json::from_str::<Value>(output.get()).unwrap());
        assert_eq!(found.as_ref(), Some(output));
        self.expect_stopped(RunStatus::Completed)
    }

    /// The run is cancelled.
    #[track_caller]
    pub(crate) fn expect_cancelled(self) -> Self {
        self.expect_stopped(RunStatus::Cancelled)
    }

    /// The run could not go on.
    #[track_caller]
    pub(crate) fn expect_failed(self, kind: FailureKind) -> Self {
        assert_eq!(self.live.failure().map(|failure| failure.kind), Some(kind));
        self.expect_stopped(RunStatus::Error)
    }

    #[track_caller]
    fn expect_stopped(self, status: RunStatus) -> Self {
        assert_eq!(self.live.status(), status);
        self.expect_effects([stop()])
    }

    /// The run goes on.
    #[track_caller]
    pub(crate) fn expect_running(self) -> Self {
        assert_eq!(self.live.status(), RunStatus::Running);
        self
    }

    /// The call has its outcome.
    #[track_caller]
    pub(crate) fn expect_outcome(self, call_id: &str, source: OutcomeSource, content: &str) -> Self {
        let outcome = self.outcome(call_id);
        assert_eq!((outcome.source, &*outcome.content), (source, content));
        self
    }

    /// The model sees the call's outcome as an error, or not.
    #[track_caller]
    pub(crate) fn expect_error_flag(self, call_id: &str, is_error: bool) -> Self {
        assert_eq!(self.outcome(call_id).is_error, is_error);
        self
    }

    /// These calls have no outcome yet.
    #[track_caller]
    pub(crate) fn expect_unfinished<const N: usize>(self, expected: [&str; N]) -> Self {
        let unfinished: Vec<&str> = self
            .live
            .calls()
            .iter()
            .filter(|call| !call.is_finished())
            .map(|call| &*call.plan.id)
            .collect();
        assert_eq!(unfinished, expected);
        self
    }

    /// Lets a test look at something that no expectation covers.
    #[track_caller]
    pub(crate) fn check_that(self, check: impl FnOnce(&Run)) -> Self {
        check(&self.live);
        self
    }

    /// How far the call is.
    pub(crate) fn state_of(&self, call_id: &str) -> &CallState {
        &self.call(call_id).state
    }

    fn outcome(&self, call_id: &str) -> &Outcome {
        match self.state_of(call_id) {
            CallState::Finished(outcome) => outcome,
            state => panic!("{call_id} has no outcome: {state:?}"),
        }
    }

    fn call(&self, call_id: &str) -> &Call {
        let found = self.live.calls().iter().find(|call| &*call.plan.id == call_id);
        found.unwrap_or_else(|| panic!("there is no call {call_id}"))
    }

    fn call_of(&self, requirement: &Requirement) -> &str {
        &self.live.calls()[requirement.call].plan.id
    }

    /// The requirement that the call waits for.
    pub(crate) fn open_requirement(&self, call_id: &str) -> &Requirement {
        open_requirement(&self.live, call_id)
    }

    /// The live state.
    pub(crate) fn run(&self) -> &Run {
        &self.live
    }

    /// The run's own messages.
    pub(crate) fn messages(&self) -> &[Message] {
        self.live.messages()
    }

    /// The whole journal.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The last row of the journal.
    pub(crate) fn last_record(&self) -> Record {
        self.journal.records().last().cloned().unwrap()
    }

    /// The kinds of the journal's entries.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.journal
            .records()
            .iter()
            .map(|record| record.entry.kind())
            .collect()
    }

    /// The run as users see it.
    pub(crate) fn view(&self) -> Value {
        serde_json::to_value(self.live.view(&[])).unwrap()
    }
}

/// The requirement that the call waits for.
pub(super) fn open_requirement<'run>(run: &'run Run, call_id: &str) -> &'run Requirement {
    let mut open = run.open_requirements();
    let found = open.find(|requirement| &*run.calls()[requirement.call].plan.id == call_id);
    found.unwrap_or_else(|| panic!("{call_id} waits for nobody"))
}
