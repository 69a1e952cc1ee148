//! A run as users see it: the JSON that outputs, the command line and the inbox are made from.

use serde::Serialize;
use serde_json::Value;

use crate::journal::{Event, Remembered, ResponseFormat};
use crate::message::Message;
use crate::requirement::{Decision, RequirementKind};
use crate::{Json, Text, Timestamp};

use super::approval_view::ApprovalView;
use super::ids::idempotency_key;
use super::requirement::{Requirement, Revocation};
use super::state::{Call, CallState, Run, Step};

/// A run as users see it. Times are microseconds since the Unix epoch, except where a field says otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct RunView {
    run_id: Text,
    agent_id: Option<Text>,
    agent_name: Option<Text>,
    session_id: Option<Text>,
    user_id: Option<Text>,
    task: TaskView,
    status: &'static str,
    output: Option<Json>,
    pause_reason: Option<RequirementKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    error_details: Option<Text>,
    model_name: Option<Text>,
    metadata: Option<Json>,
    created_at: i64,
    updated_at: i64,
    requirements: Vec<RequirementView>,
    tools: Vec<ToolExecutionView>,
    step_results: Vec<StepView>,
    messages: Vec<Message>,
    first_new_message: usize,
    usage: UsageView,
}

#[derive(Clone, Debug, Serialize)]
struct TaskView {
    description: Text,
    context: Option<Text>,
    response_format: Option<ResponseFormat>,
}

#[derive(Clone, Debug, Serialize)]
struct UsageView {
    requests: u64,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    tool_calls: u64,
    duration: f64,
}

#[derive(Clone, Debug, Serialize)]
struct StepView {
    name: String,
    step_number: usize,
    status: &'static str,
    message: String,
    execution_time: f64,
}

/// A requirement as users see it.
#[derive(Clone, Debug, Serialize)]
pub struct RequirementView {
    id: Text,
    run_id: Text,
    kind: RequirementKind,
    /// Where the code of the call's tool stood when the model asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_module: Option<Text>,
    created_at: String,
    decided_by: Option<Text>,
    decided_at: Option<String>,
    confirmation: Option<bool>,
    confirmation_note: Option<Text>,
    user_input_schema: Option<Value>,
    tool_execution: ToolExecutionView,
    decision: Option<Decision>,
    details: Option<DetailsView>,
    /// Of what confirming would run now.
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approvals_needed: Option<u32>,
    /// What a wait is for, where it is not a time alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<ApprovalView>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    always_ask: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fixed_arguments: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    remembered_from: Option<Remembered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<RevocationView>,
}

impl RequirementView {
    /// About how many bytes of the model's and of people's making it holds.
    pub(crate) fn size(&self) -> usize {
        let call = &self.tool_execution;
        let original = call.original_tool_args.as_ref().map_or(0, |args| args.get().len());
        let result = call.result.as_ref().map_or(0, |result| result.len());
        call.tool_args.get().len() + original + result
    }
}

/// That a remembered approval answers no later calls any more.
#[derive(Clone, Debug, Serialize)]
struct RevocationView {
    by: Option<Text>,
    at: String,
}

/// What else a person may want to know.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum DetailsView {
    Recovery(RecoveryView),
    Rule(RuleView),
}

/// Why a person is asked although the tool's own function could not tell.
#[derive(Clone, Debug, Serialize)]
struct RuleView {
    rule_failure: Text,
}

/// What is known of a call in doubt.
#[derive(Clone, Debug, Serialize)]
struct RecoveryView {
    started_at: String,
    process: Text,
    attempt: u32,
    idempotency_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interruption: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Text>,
}

/// A tool call as users see it.
#[derive(Clone, Debug, Serialize)]
struct ToolExecutionView {
    tool_call_id: Text,
    tool_name: Text,
    tool_args: Json,
    /// What the model said, where that is not the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    original_tool_args: Option<Json>,
    /// The parameters that the model left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    defaulted: Vec<Text>,
    /// Whether a person gave or changed arguments.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    changed_by_person: bool,
    /// The parameters whose values are masked wherever nobody decides on them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sensitive: Vec<Text>,
    result: Option<Text>,
    tool_call_error: Option<bool>,
    requires_confirmation: Option<bool>,
    confirmed: Option<bool>,
    confirmation_note: Option<Text>,
    requires_user_input: Option<bool>,
    user_input_schema: Option<Value>,
    answered: Option<bool>,
    external_execution_required: Option<bool>,
    created_at: i64,
    stop_after_tool_call: bool,
}

impl Run {
    /// The run as users see it. `before` are the messages that stand before the run's own: instructions and remembered runs.
    #[must_use]
    pub fn view(&self, before: &[Message]) -> RunView {
        let started = self.started();
        RunView {
            run_id: started.run_id.clone(),
            agent_id: started.agent_id.clone(),
            agent_name: started.agent_name.clone(),
            session_id: started.session_id.clone(),
            user_id: started.user_id.clone(),
            task: TaskView {
                description: started.description.clone(),
                context: started.context.clone(),
                response_format: started.response_format.clone(),
            },
            status: self.status.as_str(),
            output: self.output.clone(),
            pause_reason: self.pause_reason(),
            not_before: self.not_before.map(iso),
            error_details: self.failure.as_ref().map(|failure| failure.message.clone()),
            model_name: started.model_name.clone(),
            metadata: started.metadata.clone(),
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            requirements: self
                .requirements
                .iter()
                .map(|requirement| self.requirement_view(requirement))
                .collect(),
            tools: self.calls.iter().map(|call| self.tool_view(call)).collect(),
            step_results: self.step_views(),
            messages: before.iter().chain(&self.messages).cloned().collect(),
            first_new_message: before.len(),
            usage: self.usage_view(),
        }
    }

    /// The kind of the first open requirement, while the run is paused: of the first wait only where nobody is asked.
    #[must_use]
    pub fn pause_reason(&self) -> Option<RequirementKind> {
        let paused = self.status == crate::store::RunStatus::Paused;
        paused
            .then(|| self.asked().next().or_else(|| self.open_requirements().next()))
            .flatten()
            .map(|requirement| requirement.kind)
    }

    /// The requirement as users see it.
    #[must_use]
    pub fn requirement_view(&self, requirement: &Requirement) -> RequirementView {
        let call = &self.calls[requirement.call];
        let tool_execution = self.tool_view(call);
        let decided = requirement.decided.as_ref();
        let decision = decided.map(|decided| decided.decision.clone());
        let (confirmation, confirmation_note) = confirmation(decision.as_ref());
        RequirementView {
            id: requirement.id.clone(),
            run_id: self.run_id().clone(),
            kind: requirement.kind,
            tool_module: call.plan.tool.as_ref().map(|tool| tool.module.clone()),
            created_at: iso(requirement.opened_at),
            decided_by: decided.and_then(|decided| decided.by.clone()),
            decided_at: decided.map(|decided| iso(decided.at)),
            confirmation,
            confirmation_note,
            user_input_schema: tool_execution.user_input_schema.clone(),
            tool_execution,
            decision,
            details: self.details_view(requirement, call),
            digest: self.digest_of(requirement),
            expires_at: requirement.terms.expires_at.map(iso),
            expired_at: requirement.expired.map(iso),
            approvals_needed: (requirement.terms.approvals > 1).then_some(requirement.terms.approvals),
            event: requirement.event.clone(),
            approvals: requirement
                .approvals
                .iter()
                .map(|approval| ApprovalView::new(approval, call))
                .collect(),
            always_ask: call.plan.rules.always_ask,
            fixed_arguments: call.plan.rules.fixed_arguments,
            remembered_from: decided.and_then(|decided| decided.remembered.clone()),
            revoked: requirement.revoked.as_ref().map(revocation_view),
        }
    }

    fn details_view(&self, requirement: &Requirement, call: &Call) -> Option<DetailsView> {
        if requirement.kind == RequirementKind::Recovery {
            return self.recovery_view(requirement, call).map(DetailsView::Recovery);
        }
        let rule_failure = call.plan.rules.answer.as_ref()?.failure.clone()?;
        Some(DetailsView::Rule(RuleView { rule_failure }))
    }

    fn recovery_view(&self, requirement: &Requirement, call: &Call) -> Option<RecoveryView> {
        let doubt = requirement.doubt.as_ref()?;
        Some(RecoveryView {
            started_at: iso(doubt.started_at),
            process: doubt.holder.clone(),
            attempt: doubt.attempt,
            idempotency_key: idempotency_key(self.run_id(), &call.plan.id),
            interruption: doubt.interruption.clone(),
            reason: doubt.reason.clone(),
        })
    }

    fn tool_view(&self, call: &Call) -> ToolExecutionView {
        let asks = |kind: RequirementKind| (call.plan.asks == Some(kind)).then_some(true);
        let decision = call.requirements.iter().find_map(|&index| {
            self.requirements[index]
                .decided
                .as_ref()
                .map(|decided| &decided.decision)
        });
        let (confirmed, confirmation_note) = confirmation(decision);
        let outcome = match &call.state {
            CallState::Finished(outcome) => Some(outcome),
            _ => None,
        };
        let answered = matches!(decision, Some(Decision::Input { .. }));
        let arguments = self.arguments_of(call);
        ToolExecutionView {
            tool_call_id: call.plan.id.clone(),
            tool_name: call.plan.name.clone(),
            original_tool_args: (arguments.shown != call.plan.args).then(|| call.plan.args.clone()),
            tool_args: arguments.shown,
            defaulted: arguments.defaulted,
            changed_by_person: arguments.changed_by_person,
            sensitive: call.plan.sensitive().to_vec(),
            result: outcome.map(|outcome| outcome.content.clone()),
            tool_call_error: outcome.map(|outcome| outcome.is_error),
            requires_confirmation: asks(RequirementKind::Confirmation),
            confirmed,
            confirmation_note,
            requires_user_input: asks(RequirementKind::UserInput),
            user_input_schema: shown_fields(call, decision),
            answered: answered.then_some(true),
            external_execution_required: asks(RequirementKind::ExternalTool),
            created_at: call.asked_at.0.div_euclid(1_000_000),
            stop_after_tool_call: call.plan.tool.as_ref().is_some_and(|tool| tool.stop_after),
        }
    }

    fn step_views(&self) -> Vec<StepView> {
        let waiting = self
            .turn()
            .iter()
            .filter(|call| !call.is_finished())
            .map(|call| self.unfinished_step(call));
        let steps = self.steps.iter().cloned().chain(self.cut_step.clone()).chain(waiting);
        steps.enumerate().map(|(index, step)| step_view(index, step)).collect()
    }

    /// A call without an outcome, as the step that it is going to be.
    fn unfinished_step(&self, call: &Call) -> Step {
        let message = match &call.state {
            CallState::Waiting => self
                .last_requirement(call)
                .map_or("waiting", |requirement| match requirement.kind {
                    RequirementKind::Confirmation => "waiting for confirmation",
                    RequirementKind::UserInput => "waiting for user input",
                    RequirementKind::ExternalTool => "waiting for the result of a run elsewhere",
                    RequirementKind::Recovery => "waiting for a recovery decision",
                    RequirementKind::Wait if requirement.event.is_some() => "waiting for an event",
                    RequirementKind::Wait => "sleeping",
                }),
            CallState::InDoubt { .. } => "outcome unknown",
            CallState::Started { .. } => "running",
            CallState::Planned | CallState::Finished(_) => "not started",
        };
        Step {
            name: format!("tool:{}", call.plan.name),
            status: self.status,
            message: message.to_owned(),
            duration_us: 0,
        }
    }

    fn usage_view(&self) -> UsageView {
        let running = self.active_since.map_or(0, |since| self.updated_at.micros_since(since));
        UsageView {
            requests: self.requests,
            input_tokens: self.usage.input_tokens,
            output_tokens: self.usage.output_tokens,
            total_tokens: self.usage.input_tokens.saturating_add(self.usage.output_tokens),
            tool_calls: self.calls.len() as u64,
            duration: seconds(self.active_us.saturating_add(running)),
        }
    }
}

fn revocation_view(revoked: &Revocation) -> RevocationView {
    RevocationView {
        by: revoked.by.clone(),
        at: iso(revoked.at),
    }
}

fn confirmation(decision: Option<&Decision>) -> (Option<bool>, Option<Text>) {
    match decision {
        Some(Decision::Confirm(_)) => (Some(true), None),
        Some(Decision::Reject { note }) => (Some(false), note.clone()),
        _ => (None, None),
    }
}

/// The fields as they are shown, with the answers filled in.
fn shown_fields(call: &Call, decision: Option<&Decision>) -> Option<Value> {
    let mut fields: Value = serde_json::from_str(call.plan.fields.as_ref()?.get()).ok()?;
    if let Some(Decision::Input { values, .. }) = decision {
        for field in fields.as_array_mut().into_iter().flatten() {
            let answer = field
                .get("name")
                .and_then(Value::as_str)
                .and_then(|name| values.get(name))
                .cloned();
            if let (Some(answer), Some(field)) = (answer, field.as_object_mut()) {
                field.insert("value".to_owned(), answer);
            }
        }
    }
    Some(fields)
}

fn step_view(index: usize, step: Step) -> StepView {
    StepView {
        name: step.name,
        step_number: index + 1,
        status: step.status.as_str(),
        message: step.message,
        execution_time: seconds(step.duration_us),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run's duration in microseconds stays far below 2^53"
)]
fn seconds(micros: i64) -> f64 {
    micros.max(0) as f64 / 1e6
}

/// The time as ISO 8601 in UTC, in the form that every Python from 3.7 on reads.
pub(crate) fn iso(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
    )
}
