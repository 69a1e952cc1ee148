//! The facts that a journal is made of.

use serde::{Deserialize, Serialize};

use super::asking::AskingRules;
use super::memory::ApprovalRevoked;
use super::requirements::{RequirementDecided, RequirementExpired, RequirementOpened};
use crate::requirement::{Fields, RequirementKind};
use crate::{Json, Text};

/// One fact of a run's history. The order of the variants follows a run's life.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// The run exists.
    RunStarted(Box<RunStarted>),
    /// The run waits for a worker.
    RunQueued(RunQueued),
    /// A driver took the run over to go on with it.
    RunContinued(RunContinued),
    /// The model answered.
    ModelReplied(ModelReplied),
    /// The model's final answer did not fit the response format; it is told why and asked again.
    AnswerRefused(AnswerRefused),
    /// A tool call is about to run: on disk before the tool's first instruction.
    ToolStarted(ToolStarted),
    /// A tool call has its outcome.
    ToolFinished(ToolFinished),
    /// A started call was stopped in its middle: its outcome is unknown.
    ToolInterrupted(ToolInterrupted),
    /// The tool's own look at a call in doubt did not bring its outcome.
    ToolReconciled(ToolReconciled),
    /// A call waits for somebody.
    RequirementOpened(RequirementOpened),
    /// Somebody decided.
    RequirementDecided(RequirementDecided),
    /// Nobody decided in time.
    RequirementExpired(RequirementExpired),
    /// A remembered approval answers no further calls.
    ApprovalRevoked(ApprovalRevoked),
    /// Nothing is left to do until somebody decides.
    RunPaused(RunPaused),
    /// Somebody wants the run to stop.
    CancelRequested(CancelRequested),
    /// The run stopped because somebody wanted it to.
    RunCancelled(RunCancelled),
    /// The run stopped because it could not go on.
    RunFailed(RunFailed),
    /// The run has its answer.
    RunCompleted(RunCompleted),
}

/// The first entry: everything that continuing the run in another process needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The version of the journal format, [`super::FORMAT`] at the time of writing.
    pub format: u32,
    /// The run's id, a `UUIDv7`.
    pub run_id: Text,
    /// The agent's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<Text>,
    /// The agent's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<Text>,
    /// The session that the run belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    /// The user for whom it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Text>,
    /// The model's name at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_name: Option<Text>,
    /// Instructions for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<Text>,
    /// The task's description as the caller gave it.
    pub description: Text,
    /// Context that the caller gave beside the description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Text>,
    /// The message that opens the conversation, where it is more than the description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Text>,
    /// What the answer must look like; `None` for plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// The tools that the model is offered, for finding them again in the process that continues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<OfferedTool>,
    /// Earlier runs of the session whose messages the model sees before this run's own, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembers: Vec<Text>,
    /// Most tool calls that the run may make.
    pub tool_call_limit: u64,
    /// Whatever the caller wants to find again.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
    pub metadata: Option<Json>,
}

/// A tool that the model is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedTool {
    /// The model's name for it.
    pub name: Text,
    /// The module in which it was found.
    pub module: Text,
    /// The JSON schema of its arguments, where somebody who has no code may be asked to change them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
    pub parameters: Option<Json>,
}

/// What a structured answer must look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseFormat {
    /// The class's name.
    pub name: Text,
    /// The module that the class stands in, for finding it again among what is already imported.
    pub module: Text,
    /// Its JSON schema.
    pub schema: Json,
}

/// The run waits for a worker: it was handed over to whichever comes, or its driver gave it back unfinished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunQueued {
    /// Who handed it over or gave it back, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
}

/// A driver took the run over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunContinued {
    /// Who, for people.
    pub holder: Text,
    /// The tool-call limit from now on.
    pub tool_call_limit: u64,
    /// What becomes of calls in doubt from now on.
    #[serde(default, skip_serializing_if = "is_ask")]
    pub on_in_doubt: InDoubtRule,
}

/// What becomes of a call in doubt whose tool neither may be repeated nor can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InDoubtRule {
    /// A person decides.
    #[default]
    Ask,
    /// It runs again.
    Retry,
    /// The run fails.
    Fail,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_ask(rule: &InDoubtRule) -> bool {
    *rule == InDoubtRule::Ask
}

/// Tokens that a model request took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// The model answered, with text, tool calls, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReplied {
    /// The text, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// The tool calls in the model's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<PlannedCall>,
    /// Tokens, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What the provider wants back unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
    pub provider_data: Option<Json>,
    /// From the request to the reply, retries included, in microseconds.
    pub duration_us: i64,
    /// Which attempt succeeded; the first is 1.
    pub attempt: u32,
}

/// A tool call, and what the tool's declaration says about running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCall {
    /// Unique within the run; the provider's id, or one made from the call's place where that is missing or taken.
    pub id: Text,
    /// The tool's name as the model said it.
    pub name: Text,
    /// The arguments as the model said them, a JSON object.
    pub args: Json,
    /// The tool; `None` where there is none of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolFacts>,
    /// Who must be asked before, or instead of, running it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<RequirementKind>,
    /// For user input: the fields as they are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Fields>,
    /// The answers are the result (`get_user_input`), instead of arguments for the tool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers_are_result: bool,
    /// Why the call cannot run at all: the text that the model gets as its error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Text>,
    /// What holds for the asking.
    #[serde(default, skip_serializing_if = "AskingRules::is_plain")]
    pub rules: AskingRules,
}

/// What the journal remembers of a tool's declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolFacts {
    /// The module in which the tool was found.
    pub module: Text,
    /// A digest of its schema.
    pub digest: Text,
    /// It may run again when its outcome is unknown (declared read-only or idempotent).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeatable: bool,
    /// It can be asked what became of a call in doubt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reconcilable: bool,
    /// It must not run beside other calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sequential: bool,
    /// Its result is the run's output.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after: bool,
}

/// The model is told why its final answer does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRefused {
    /// The text that the model gets.
    pub reason: Text,
}

/// A tool call is about to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolStarted {
    /// The call.
    pub call_id: Text,
    /// Which attempt; the first is 1.
    pub attempt: u32,
    /// In which process, for people.
    pub holder: Text,
}

/// Where an outcome comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeSource {
    /// The tool ran and returned or raised.
    #[default]
    Tool,
    /// The call could not run: unknown tool, arguments that break its schema.
    Refused,
    /// A person rejected it.
    Rejected,
    /// It was run elsewhere.
    External,
    /// The person's answers are the result.
    User,
    /// A person supplied the result of a call in doubt.
    Supplied,
    /// A person gave a call in doubt up.
    Skipped,
    /// The tool itself found out what became of a call in doubt.
    Reconciled,
    /// Nobody answered in time; it was not run.
    Expired,
}

/// A tool call has its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolFinished {
    /// The call.
    pub call_id: Text,
    /// The text that the model gets.
    pub content: Text,
    /// The tool failed, or was not run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// Where the outcome comes from.
    #[serde(default, skip_serializing_if = "is_tool")]
    pub source: OutcomeSource,
    /// How long the tool ran, in microseconds.
    pub duration_us: i64,
}

fn is_tool(source: &OutcomeSource) -> bool {
    *source == OutcomeSource::Tool
}

/// A started call was stopped in its middle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolInterrupted {
    /// The call.
    pub call_id: Text,
    /// What stopped it, for people.
    pub reason: Text,
}

/// The tool's own look at a call in doubt did not bring its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolReconciled {
    /// The call.
    pub call_id: Text,
    /// It is certain that the call never began, so that it may run; else it stays in doubt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_started: bool,
    /// Why the tool cannot tell, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// Nothing is left to do until somebody decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPaused {}

/// Somebody wants the run to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequested {
    /// Stop async tools in their middle, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupt: bool,
    /// Who or what asked, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
}

/// The run stopped because somebody wanted it to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCancelled {
    /// A model request was under way and was dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped_request: bool,
}

/// Why a run could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The model did not answer, or its answer could not be read.
    Model,
    /// More tool calls were asked for than the run may make.
    ToolCallLimit,
    /// The model's final answer did not fit the response format, again and again.
    InvalidOutput,
    /// A tool call's outcome is unknown, and the rule says to stop then.
    InDoubt,
    /// Nobody answered in time, and the tool says to stop then.
    Expired,
    /// One driver after the other ended while it drove the run, which got no further meanwhile.
    SetAside,
}

impl FailureKind {
    /// The stable name that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::ToolCallLimit => "tool_call_limit",
            Self::InvalidOutput => "invalid_output",
            Self::InDoubt => "in_doubt",
            Self::Expired => "expired",
            Self::SetAside => "set_aside",
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// The message, free of secrets.
    pub message: Text,
    /// The provider, where one answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Text>,
    /// The HTTP status, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
}

/// The run stopped because it could not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailed {
    /// What went wrong.
    pub failure: Failure,
    /// How long the failed step took, in microseconds.
    pub duration_us: i64,
}

/// The run has its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCompleted {
    /// The output: a JSON string for plain text; `None` where it is the last assistant message's text as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
    pub output: Option<Json>,
}
