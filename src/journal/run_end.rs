//! How a run stops: for decisions, on request, because it failed, or with its answer.

use serde::{Deserialize, Serialize};

use crate::store::RunStatus;
use crate::{Json, Text};

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
    /// Why, in words, where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// The run stopped because somebody wanted it to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCancelled {
    /// A model request was under way and was dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped_request: bool,
}

/// What the entries before this one say was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadsErased {
    /// Who erased it, as far as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// The run goes on in another database: here nobody drives it or decides about it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMoved {
    /// The other database, for people; of a server without its password.
    pub to: Text,
    /// Who moved it, as far as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
}

/// The run goes on here: all its entries came from another database, which had closed it with the entry before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunArrived {
    /// The other database, for people.
    pub from: Text,
    /// The status that it had there, and has again.
    pub status: RunStatus,
    /// Who moved it, as far as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
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
