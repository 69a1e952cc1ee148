//! What a run's journal adds up to.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::journal::{
    CancelRequested, Failure, InDoubtRule, OnExpiry, OutcomeSource, PlannedCall, RunFailed, RunStarted, Usage,
};
use crate::message::Message;
use crate::requirement::Decision;
use crate::store::RunStatus;
use crate::{Json, Text, Timestamp};

use super::requirement::{Doubt, Requirement};

/// A run's state: the fold of its journal. Two are equal when their journals add up to the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub(super) started: Box<RunStarted>,
    pub(super) status: RunStatus,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) tool_call_limit: u64,
    pub(super) on_in_doubt: InDoubtRule,
    /// The run's own messages; instructions and remembered runs stand before them and are not kept here.
    pub(super) messages: Vec<Message>,
    pub(super) calls: Vec<Call>,
    pub(super) call_index: HashMap<Text, usize>,
    /// Where the calls of the model's last reply begin.
    pub(super) turn_start: usize,
    /// Where in it calls begin that joined while earlier ones were open.
    pub(super) joined: Vec<usize>,
    /// The calls that have an outcome, as places, in the order in which they got it.
    pub(super) finished: Vec<usize>,
    pub(super) requirements: Vec<Requirement>,
    pub(super) requirement_index: HashMap<Text, usize>,
    pub(super) steps: Vec<Step>,
    /// The step that a cancellation or failure cut off; gone once the run goes on.
    pub(super) cut_step: Option<Step>,
    pub(super) usage: Usage,
    pub(super) requests: u64,
    pub(super) refusals: u32,
    /// How many drivers in a row ended in the middle since the run last got further.
    pub(super) recoveries: u32,
    /// From when on workers take it, while it is queued.
    pub(super) not_before: Option<Timestamp>,
    /// The driver begins nothing new, and stops once what runs has ended.
    pub(super) handing_back: Transient<bool>,
    pub(super) cancellation: Option<Cancellation>,
    /// The calls that run were asked to stop in their middle: asking twice would cut off their cleaning up.
    pub(super) interrupted: Transient<bool>,
    pub(super) failure: Option<Failure>,
    /// Where the run goes on, and with which status, while it was moved to another database.
    pub(super) moved: Option<(Text, RunStatus)>,
    pub(super) output: Option<Json>,
    /// Active time of earlier stretches, and where the present one began, in microseconds.
    pub(super) active_us: i64,
    pub(super) active_since: Option<Timestamp>,
    /// Who drives, for people.
    pub(super) holder: Transient<Text>,
    /// How many entries drivers have appended, and which sequence number was folded last.
    pub(super) driver_entries: u64,
    /// Entries by outsiders that were folded already: how many, and the sequence number of the last one.
    pub(super) outsider_entries: u64,
    pub(super) outsider_seq: u64,
    /// A model request is under way. A request leaves no trace in the journal until it is answered.
    pub(super) awaiting_model: Transient<bool>,
    /// Whether the model plans calls while others are open, and how many outcomes must be there for it to be asked again.
    pub(super) planning: Transient<Option<usize>>,
    /// What the model failed with while calls of it ran: the run fails once they have ended.
    pub(super) model_failure: Transient<Option<RunFailed>>,
    /// Calls in doubt whose tool is being asked what became of them.
    pub(super) reconciling: Transient<HashSet<Text>>,
}

/// What only the process that drives the run knows, and no replay: it counts for no comparison of states.
#[derive(Clone, Debug, Default)]
pub(super) struct Transient<T>(pub(super) T);

impl<T> PartialEq for Transient<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// How the run is to stop. Requests add up, in whichever order they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cancellation {
    /// Once the tools that run have finished.
    AfterTools,
    /// At once: tools that run are stopped in their middle, where that is possible.
    Interrupting,
}

impl From<&CancelRequested> for Cancellation {
    fn from(request: &CancelRequested) -> Self {
        if request.interrupt {
            Self::Interrupting
        } else {
            Self::AfterTools
        }
    }
}

/// One tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What the model asked for and what the tool's declaration says.
    pub plan: PlannedCall,
    /// When the model asked.
    pub asked_at: Timestamp,
    /// How far it is.
    pub state: CallState,
    /// How often it was started.
    pub attempts: u32,
    /// Its requirements, as places in the run's list, oldest first.
    pub requirements: Vec<usize>,
    /// What the tool itself could say of the call's being in doubt.
    pub reconciled: Option<Reconciled>,
}

/// What a tool can say of a call in doubt, short of its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// The call never began: it may run.
    NotStarted,
    /// It cannot tell, with its reason.
    Unknown(Option<Text>),
}

/// How far a tool call is.
#[derive(Clone, Debug, PartialEq)]
pub enum CallState {
    /// Nothing happened yet.
    Planned,
    /// Its last requirement waits for a decision, or is decided and not yet acted on.
    Waiting,
    /// It runs.
    Started {
        /// Since when.
        at: Timestamp,
        /// In which process.
        holder: Text,
    },
    /// It was started and nobody knows what became of it.
    InDoubt {
        /// When it was started.
        started_at: Timestamp,
        /// In which process.
        holder: Text,
        /// What stopped it in its middle, where that is known.
        interruption: Option<Text>,
    },
    /// It has its outcome.
    Finished(Outcome),
}

/// The outcome of a tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The text that the model gets.
    pub content: Text,
    /// It failed, or was not run.
    pub is_error: bool,
    /// Where it comes from.
    pub source: OutcomeSource,
}

impl Outcome {
    /// Whether the call did what it was to do, wherever it was run.
    pub(super) fn has_result(&self) -> bool {
        let was_run = !matches!(
            self.source,
            OutcomeSource::Refused | OutcomeSource::Rejected | OutcomeSource::Skipped | OutcomeSource::Expired
        );
        was_run && !self.is_error
    }
}

impl Call {
    /// Whether the call has its outcome.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.state, CallState::Finished(_))
    }

    /// Whether the call runs at this moment.
    #[must_use]
    pub fn is_started(&self) -> bool {
        matches!(self.state, CallState::Started { .. })
    }

    /// The outcome, once there is one.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            CallState::Finished(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// What is known of the call while it is in doubt.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        let CallState::InDoubt {
            started_at,
            holder,
            interruption,
        } = &self.state
        else {
            return None;
        };
        let reason = match &self.reconciled {
            Some(Reconciled::Unknown(reason)) => reason.clone(),
            _ => None,
        };
        Some(Doubt {
            started_at: *started_at,
            holder: holder.clone(),
            attempt: self.attempts,
            interruption: interruption.clone(),
            reason,
        })
    }

    pub(super) fn stops_after(&self) -> bool {
        self.plan.tool.as_ref().is_some_and(|tool| tool.stop_after)
    }

    pub(super) fn is_sequential(&self) -> bool {
        self.plan.tool.as_ref().is_some_and(|tool| tool.sequential)
    }

    pub(super) fn is_reconcilable(&self) -> bool {
        self.plan.tool.as_ref().is_some_and(|tool| tool.reconcilable)
    }

    /// What happens when nobody answers in time.
    #[must_use]
    pub fn on_expiry(&self) -> OnExpiry {
        self.plan.rules.expiry.map(|expiry| expiry.then).unwrap_or_default()
    }

    pub(super) fn is_repeatable(&self) -> bool {
        self.plan.tool.as_ref().is_some_and(|tool| tool.repeatable)
    }
}

/// A step as users see it: a model request or a tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// `model_execution`, or the tool's name behind `tool:`.
    pub name: String,
    /// How it ended.
    pub status: RunStatus,
    /// A line for people.
    pub message: String,
    /// How long it took, in microseconds.
    pub duration_us: i64,
}

impl Run {
    /// The first entry.
    #[must_use]
    pub fn started(&self) -> &RunStarted {
        &self.started
    }

    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> &Text {
        &self.started.run_id
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// The run's own messages, oldest first. It only ever grows.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// All tool calls, oldest first.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The calls that have their outcome, in the order in which they got it, from that place of the order on.
    pub fn finished_calls(&self, start: usize) -> impl Iterator<Item = (&Call, &Outcome)> {
        let places = self.finished.iter().skip(start);
        places.filter_map(|&place| Some((&self.calls[place], self.calls[place].outcome()?)))
    }

    /// What people answered where their answers are the call's result, by the names of the fields.
    #[must_use]
    pub fn answers(&self, call: &Call) -> Option<&BTreeMap<Text, Value>> {
        match self.last_requirement(call)?.decision()? {
            Decision::Input { values, .. } if call.plan.answers_are_result => Some(values),
            _ => None,
        }
    }

    /// The signal of the event that a call waited for.
    #[must_use]
    pub fn signal_of(&self, call: &Call) -> Option<&Text> {
        match self.last_requirement(call)?.decision()? {
            Decision::Signal { signal_id, .. } => Some(signal_id),
            _ => None,
        }
    }

    /// The calls that have no outcome yet.
    pub fn unfinished_calls(&self) -> impl Iterator<Item = &Call> {
        self.turn().iter().filter(|call| !call.is_finished())
    }

    /// All requirements, oldest first.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The requirement of that id.
    #[must_use]
    pub fn requirement(&self, requirement_id: &str) -> Option<&Requirement> {
        self.requirement_index
            .get(requirement_id)
            .map(|&index| &self.requirements[index])
    }

    /// The requirements that the run waits for.
    pub fn open_requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter().filter(|requirement| requirement.is_open())
    }

    /// The requirements that the run asks somebody for.
    pub fn asked(&self) -> impl Iterator<Item = &Requirement> {
        self.open_requirements()
            .filter(|requirement| requirement.kind.asks_somebody())
    }

    /// From when on workers take it, while it waits for one, where that is not at once.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// Until when the run does nothing but wait, while nobody is asked.
    #[must_use]
    pub fn sleeps_until(&self) -> Option<Timestamp> {
        let is_asleep = self.status == RunStatus::Paused && self.asked().next().is_none();
        let ends = self.open_requirements().filter_map(|wait| wait.terms.expires_at);
        is_asleep.then(|| ends.min()).flatten()
    }

    /// With how many open requirements the run goes on once it has paused. One that waits for a time goes on with each answer, and with each
    /// time that comes: only its code knows which of them the others depend on.
    #[must_use]
    pub fn goes_on_with(&self) -> u64 {
        let waiting = || self.turn().iter().filter(|call| call.state == CallState::Waiting);
        let is_wait = |call: &Call| {
            self.last_requirement(call)
                .is_some_and(|last| !last.kind.asks_somebody())
        };
        let others = (waiting().count() as u64).saturating_sub(1);
        if waiting().any(is_wait) { others } else { 0 }
    }

    /// Whether something was decided, or expired, that the run has not acted on yet.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.turn().iter().any(|call| {
            call.state == CallState::Waiting
                && self
                    .last_requirement(call)
                    .is_some_and(|requirement| !requirement.is_open())
        })
    }

    /// The output of a completed run.
    #[must_use]
    pub fn output(&self) -> Option<&Json> {
        self.output.as_ref()
    }

    /// What went wrong, while the status is error.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How many of the model's final answers did not fit the response format since it last made progress.
    #[must_use]
    pub fn refusals(&self) -> u32 {
        self.refusals
    }

    /// How the run is to stop, while it has not stopped yet.
    #[must_use]
    pub fn cancellation(&self) -> Option<Cancellation> {
        self.cancellation
    }

    /// Most tool calls that the run may make.
    #[must_use]
    pub fn tool_call_limit(&self) -> u64 {
        self.tool_call_limit
    }

    /// How many entries drivers have appended.
    #[must_use]
    pub fn driver_entries(&self) -> u64 {
        self.driver_entries
    }

    /// How many entries of outsiders it has heard of.
    pub(crate) fn outsider_entries(&self) -> u64 {
        self.outsider_entries
    }

    /// The place of the last of them in the journal; 0 before there is one.
    pub(crate) fn outsider_seq(&self) -> u64 {
        self.outsider_seq
    }

    /// Whether a model request is under way.
    pub(crate) fn awaits_model(&self) -> bool {
        self.awaiting_model.0
    }

    pub(super) fn turn(&self) -> &[Call] {
        &self.calls[self.turn_start..]
    }

    pub(super) fn call(&self, call_id: &str) -> Option<&Call> {
        self.call_index.get(call_id).map(|&index| &self.calls[index])
    }

    /// The last requirement of a call.
    pub(super) fn last_requirement(&self, call: &Call) -> Option<&Requirement> {
        call.requirements.last().map(|&index| &self.requirements[index])
    }
}
