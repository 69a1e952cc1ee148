//! What a paused run needs from outside, and what resolves each kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::Event;
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
    /// Time passes, or an event is to happen: nobody is asked. Of a time, the expiry is the answer; of an event, a signal. A person may
    /// end it before.
    Wait,
}

impl RequirementKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Confirmation,
        Self::UserInput,
        Self::ExternalTool,
        Self::Recovery,
        Self::Wait,
    ];

    /// The stable name that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::UserInput => "user_input",
            Self::ExternalTool => "external_tool",
            Self::Recovery => "recovery",
            Self::Wait => "wait",
        }
    }

    /// Whether somebody is asked. Lists leave out what nobody is asked, unless they are about it.
    #[must_use]
    pub fn asks_somebody(self) -> bool {
        self != Self::Wait
    }
}

/// What resolves a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "WrittenDecision")]
pub enum Decision {
    /// The call may run.
    Confirm(Confirmation),
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
        /// The values that the tool gets, where its validation makes others of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<BTreeMap<Text, serde_json::Value>>,
        /// Whether no code of the tool checked `shown`, which comes of its schema alone.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unchecked: bool,
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
    /// The event that was waited for has happened.
    Signal {
        /// The signal that said so.
        signal_id: Text,
        /// The event.
        event: Event,
        /// What the signal said of it.
        payload: Json,
    },
}

/// How a call may run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// All arguments to run with, a JSON object, where they are not those that were shown.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
    pub tool_args: Option<Json>,
    /// The values that the tool gets, where its validation makes others of them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
    pub shown_args: Option<Json>,
    /// Which later calls of the tool may run without asking, where any may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember: Option<Remember>,
    /// Whether no code of the tool checked the changed arguments, which fit its schema alone. Where the tool makes other values of
    /// them, they are an answer that does not fit, and no sign that the tool has changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchecked: bool,
}

impl Confirmation {
    fn says_the_same(&self, other: &Self) -> bool {
        let same_args = match (&self.tool_args, &other.tool_args) {
            (Some(first), Some(second)) => first.is_same_value(second),
            (first, second) => first.is_none() && second.is_none(),
        };
        same_args && self.remember == other.remember
    }
}

/// Which later calls of a tool an approval answers, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remember {
    /// Those of which runs.
    pub scope: RememberScope,
    /// Only those with the same arguments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_arguments: bool,
}

impl Remember {
    fn words(self) -> &'static str {
        match (self.scope, self.with_arguments) {
            (RememberScope::Run, false) => "the run",
            (RememberScope::Run, true) => "the run with these arguments",
            (RememberScope::Session, false) => "its session",
            (RememberScope::Session, true) => "its session with these arguments",
        }
    }
}

/// In which runs an approval is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RememberScope {
    /// In the run that it was given in.
    Run,
    /// In all runs of that run's session.
    Session,
}

/// A decision as it is written. JSON that is kept to the byte cannot be read behind a tag, so the tag is looked at last.
#[derive(Deserialize)]
struct WrittenDecision {
    #[serde(rename = "type")]
    kind: Text,
    #[serde(default, deserialize_with = "Json::present")]
    tool_args: Option<Json>,
    #[serde(default, deserialize_with = "Json::present")]
    shown_args: Option<Json>,
    #[serde(default)]
    remember: Option<Remember>,
    #[serde(default)]
    note: Option<Text>,
    #[serde(default)]
    values: Option<BTreeMap<Text, serde_json::Value>>,
    #[serde(default)]
    shown: Option<BTreeMap<Text, serde_json::Value>>,
    #[serde(default)]
    content: Option<Text>,
    #[serde(default)]
    unchecked: bool,
    #[serde(default)]
    signal_id: Option<Text>,
    #[serde(default)]
    event: Option<Event>,
    #[serde(default, deserialize_with = "Json::present")]
    payload: Option<Json>,
}

impl TryFrom<WrittenDecision> for Decision {
    type Error = String;

    fn try_from(written: WrittenDecision) -> Result<Self, Self::Error> {
        let missing = |field: &str| format!("a decision of type {:?} needs {field}", written.kind);
        Ok(match &*written.kind {
            "confirm" => Self::Confirm(Confirmation {
                tool_args: written.tool_args,
                shown_args: written.shown_args,
                remember: written.remember,
                unchecked: written.unchecked,
            }),
            "reject" => Self::Reject { note: written.note },
            "input" => Self::Input {
                values: written.values.ok_or_else(|| missing("values"))?,
                shown: written.shown,
                unchecked: written.unchecked,
            },
            "result" => Self::Result {
                content: written.content.ok_or_else(|| missing("content"))?,
            },
            "retry" => Self::Retry,
            "supply" => Self::Supply {
                content: written.content.ok_or_else(|| missing("content"))?,
            },
            "skip" => Self::Skip { note: written.note },
            "signal" => Self::Signal {
                signal_id: written.signal_id.ok_or_else(|| missing("signal_id"))?,
                event: written.event.ok_or_else(|| missing("event"))?,
                payload: written.payload.ok_or_else(|| missing("payload"))?,
            },
            other => return Err(format!("no decision is of type {other:?}")),
        })
    }
}

impl Decision {
    /// The call may run with the arguments that were shown.
    #[must_use]
    pub fn confirm() -> Self {
        Self::Confirm(Confirmation::default())
    }

    /// Which later calls it answers, too.
    #[must_use]
    pub fn remember(&self) -> Option<Remember> {
        match self {
            Self::Confirm(confirmation) => confirmation.remember,
            _ => None,
        }
    }

    /// The arguments that a person gives the call in the place of those that were shown, as they are shown from then on.
    #[must_use]
    pub fn changed_args_shown(&self) -> Option<&Json> {
        match self {
            Self::Confirm(confirmation) => confirmation.shown_args.as_ref().or(confirmation.tool_args.as_ref()),
            _ => None,
        }
    }

    /// The arguments that a person gives the call in the place of those that were shown.
    #[must_use]
    pub fn changed_args(&self) -> Option<&Json> {
        match self {
            Self::Confirm(confirmation) => confirmation.tool_args.as_ref(),
            _ => None,
        }
    }

    /// What others must approve alike, for messages: the arguments as they are shown, and which later calls are answered, too.
    #[must_use]
    pub fn approved_text(&self) -> String {
        let asked_for = "the arguments as they were asked for";
        let args = self.changed_args_shown().map_or(asked_for, Json::get);
        match self.remember() {
            None => args.to_owned(),
            Some(remember) => format!("{args}, remembered for {}", remember.words()),
        }
    }

    /// Whether both decide the same, in whatever words.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Confirm(first), Self::Confirm(second)) => first.says_the_same(second),
            // What became of the values is found out, and not said.
            (Self::Input { values: first, .. }, Self::Input { values: second, .. }) => first == second,
            _ => self == other,
        }
    }

    /// Whether this decision can resolve a requirement of that kind.
    #[must_use]
    pub fn fits(&self, kind: RequirementKind) -> bool {
        matches!(
            (self, kind),
            (Self::Confirm(_) | Self::Reject { .. }, RequirementKind::Confirmation)
                | (Self::Confirm(_) | Self::Signal { .. }, RequirementKind::Wait)
                | (Self::Input { .. }, RequirementKind::UserInput)
                | (Self::Result { .. }, RequirementKind::ExternalTool)
                | (
                    Self::Retry | Self::Supply { .. } | Self::Skip { .. },
                    RequirementKind::Recovery
                )
        )
    }

    /// The name of its type, as it is stored: `confirm`, `reject`, ...
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Confirm(_) => "confirm",
            Self::Reject { .. } => "reject",
            Self::Input { .. } => "input",
            Self::Result { .. } => "result",
            Self::Retry => "retry",
            Self::Supply { .. } => "supply",
            Self::Skip { .. } => "skip",
            Self::Signal { .. } => "signal",
        }
    }

    /// A short name for messages: `confirmed`, `rejected`, ...
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Confirm(_) => "confirmed",
            Self::Reject { .. } => "rejected",
            Self::Input { .. } => "answered",
            Self::Result { .. } => "given a result",
            Self::Retry => "retried",
            Self::Supply { .. } => "supplied with a result",
            Self::Skip { .. } => "skipped",
            Self::Signal { .. } => "signalled",
        }
    }
}

/// A requirement's fields for user input: the list that is shown, as JSON.
pub type Fields = Json;
