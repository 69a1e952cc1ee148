//! How a run begins, and who goes on with it.

use serde::{Deserialize, Serialize};

use crate::{Json, Text, Timestamp};

/// The first entry: everything that continuing the run in another process needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The version of the journal format, [`super::FORMAT`] at the time of writing.
    pub format: u32,
    /// The run's id: a `UUIDv7`, or a `UUIDv8` that was computed of the key that the run was started under.
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

impl RunStarted {
    /// What a caller asked for otherwise than in the other one, by the names of the fields. What a new release of the caller's program
    /// may change by itself, such as instructions and tools, is not compared.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        let format = |started: &Self| started.response_format.as_ref().map(|format| format.name.clone());
        let is_same_metadata = match (&self.metadata, &other.metadata) {
            (Some(one), Some(other)) => one.is_same_value(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let compared = [
            ("description", self.description == other.description),
            ("context", self.context == other.context),
            ("response_format", format(self) == format(other)),
            ("user_id", self.user_id == other.user_id),
            ("session_id", self.session_id == other.session_id),
            ("metadata", is_same_metadata),
        ];
        let differing = compared.into_iter().filter(|(_, is_same)| !is_same);
        differing.map(|(name, _)| name).collect()
    }
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
    /// The parameters whose values, and so whose defaults, are masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<Text>,
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
    /// Workers take it from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
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
