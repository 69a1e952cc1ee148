//! What becomes of tool calls.

use serde::{Deserialize, Serialize};

use crate::Text;

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
    /// It only waited, and the wait is over.
    Waited,
    /// It waited for an event, and this is what the signal said.
    Signal,
}

impl OutcomeSource {
    /// The stable name that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::External => "external",
            Self::User => "user",
            Self::Supplied => "supplied",
            Self::Skipped => "skipped",
            Self::Reconciled => "reconciled",
            Self::Expired => "expired",
            Self::Waited => "waited",
            Self::Signal => "signal",
        }
    }
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
