//! What a paused run needs from outside, and what resolves each kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Json, Text};

/// The kinds of requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequirementKind {
    /// A person approves or rejects the call.
    Confirmation,
    /// A person fills in fields.
    UserInput,
    /// Something outside runs the call and supplies its result.
    ExternalTool,
    /// The call was started and its outcome is unknown: a person decides what became of it.
    Recovery,
}

impl RequirementKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Confirmation, Self::UserInput, Self::ExternalTool, Self::Recovery];

    /// The stable name that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::UserInput => "user_input",
            Self::ExternalTool => "external_tool",
            Self::Recovery => "recovery",
        }
    }
}

/// What resolves a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Decision {
    /// The call may run, with the arguments that were shown.
    Confirm,
    /// The call must not run; the model is told so.
    Reject {
        /// Why, for the model.
        #[serde(default)]
        note: Option<Text>,
    },
    /// The values of the fields.
    Input {
        /// JSON values by field name.
        values: BTreeMap<Text, serde_json::Value>,
    },
    /// The result of a call that was run elsewhere.
    Result {
        /// The text that the model gets.
        content: Text,
    },
    /// Run the call in doubt again.
    Retry,
    /// The call in doubt did run; this is its result.
    Supply {
        /// The text that the model gets.
        content: Text,
    },
    /// Go on without the call in doubt; the model is told that its outcome is unknown.
    Skip {
        /// Why, for the model.
        #[serde(default)]
        note: Option<Text>,
    },
}

impl Decision {
    /// Whether this decision can resolve a requirement of that kind.
    #[must_use]
    pub fn fits(&self, kind: RequirementKind) -> bool {
        matches!(
            (self, kind),
            (Self::Confirm | Self::Reject { .. }, RequirementKind::Confirmation)
                | (Self::Input { .. }, RequirementKind::UserInput)
                | (Self::Result { .. }, RequirementKind::ExternalTool)
                | (
                    Self::Retry | Self::Supply { .. } | Self::Skip { .. },
                    RequirementKind::Recovery
                )
        )
    }

    /// A short name for messages: `confirmed`, `rejected`, ...
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Confirm => "confirmed",
            Self::Reject { .. } => "rejected",
            Self::Input { .. } => "answered",
            Self::Result { .. } => "given a result",
            Self::Retry => "retried",
            Self::Supply { .. } => "supplied with a result",
            Self::Skip { .. } => "skipped",
        }
    }
}

/// A requirement's fields for user input: the list that is shown, as JSON.
pub type Fields = Json;
