//! What a tool's declaration says about asking people, as a call's plan keeps it.

use serde::{Deserialize, Serialize};

use crate::Text;

/// What holds for asking somebody about a call: fixed when the call is planned, and never looked up again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskingRules {
    /// What the tool's own function of the arguments said, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<RuleAnswer>,
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
