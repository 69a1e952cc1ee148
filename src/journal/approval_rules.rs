//! What a tool's declaration says about asking people, as a call's plan keeps it.

use serde::{Deserialize, Serialize};

use super::events::Event;
use super::remembered_approvals::Remembered;
use super::requirements::{is_one, one};
use crate::{Text, Timestamp};

/// What holds for asking somebody about a call: fixed when the call is planned, and never looked up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskingRules {
    /// What the tool's own function of the arguments said, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<RuleAnswer>,
    /// When waiting ends, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Expiry>,
    /// How many different people must confirm; 1 or more.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals: u32,
    /// No approval of an earlier call answers it, and its own answers no later one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always_ask: bool,
    /// The arguments say what is asked, and whoever asks gets a yes or a no alone: nobody can change them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixed_arguments: bool,
    /// The earlier approval that answers it, where one stood when the call was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered: Option<Remembered>,
    /// The event that it waits for, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

impl Default for AskingRules {
    fn default() -> Self {
        Self {
            answer: None,
            expiry: None,
            approvals: one(),
            always_ask: false,
            fixed_arguments: false,
            remembered: None,
            event: None,
        }
    }
}

impl AskingRules {
    /// Whether nothing is special.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What a tool's own function said about asking a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAnswer {
    /// A person is asked.
    pub ask: bool,
    /// Why the function could not tell: a person is asked then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Text>,
}

/// When waiting ends, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// How long it is waited, in microseconds.
    pub after_us: i64,
    /// Until when it is waited, in the place of `after_us`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What happens then.
    #[serde(default)]
    pub then: OnExpiry,
}

impl Expiry {
    /// When waiting ends that begins then.
    #[must_use]
    pub fn end_of(&self, begin: Timestamp) -> Timestamp {
        self.until.unwrap_or_else(|| begin.plus_micros(self.after_us))
    }
}

/// What happens when nobody answered in time. The call is not run in any case, and the model is told so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// The run goes on.
    #[default]
    Reject,
    /// The run fails.
    Fail,
    /// The run is cancelled.
    Cancel,
    /// It is what was waited for: the run goes on.
    Proceed,
}

impl OnExpiry {
    /// Whether the run stops.
    #[must_use]
    pub fn stops(self) -> bool {
        matches!(self, Self::Fail | Self::Cancel)
    }
}
