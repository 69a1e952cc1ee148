//! What the model answers, and what is planned for the calls in it.

use serde::{Deserialize, Serialize};

use super::approval_rules::AskingRules;
use crate::requirement::{Fields, RequirementKind};
use crate::{Json, Text};

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

/// Calls join the run's step, while earlier ones of it may still be open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepsPlanned {
    /// The calls, in the order in which they were asked for.
    pub calls: Vec<PlannedCall>,
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
    /// What people are shown of the arguments, where that is more than the model said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownArguments>,
    /// The tool; `None` where there is none of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolFacts>,
    /// Who must be asked before, or instead of, running it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<RequirementKind>,
    /// For user input: the fields as they are shown.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
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

/// The arguments of a call as people are shown them, and as the tool validates them once more where the call runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownArguments {
    /// The value that the tool gets for each of its parameters, a JSON object.
    pub args: Json,
    /// What these values are made of, a JSON object: the model's arguments and the defaults that have a JSON form. `None` where that
    /// is the same.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Json::present")]
    pub given: Option<Json>,
    /// The parameters that the model left out. One that `given` lacks has a default without a JSON form, which is shown by its type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defaulted: Vec<Text>,
}

impl PlannedCall {
    /// The arguments as people are shown them before anybody changes them.
    #[must_use]
    pub fn shown_args(&self) -> &Json {
        self.shown.as_ref().map_or(&self.args, |shown| &shown.args)
    }

    /// What the tool validates where the call runs, before anybody changes it.
    #[must_use]
    pub fn given_args(&self) -> &Json {
        let given = self
            .shown
            .as_ref()
            .map(|shown| shown.given.as_ref().unwrap_or(&shown.args));
        given.unwrap_or(&self.args)
    }

    /// The parameters whose values are masked wherever nobody decides on them.
    #[must_use]
    pub fn sensitive(&self) -> &[Text] {
        self.tool.as_ref().map_or(&[], |tool| &tool.sensitive)
    }

    /// The parameters that the model left out, as far as a person is shown them.
    #[must_use]
    pub fn defaulted(&self) -> &[Text] {
        self.shown.as_ref().map_or(&[], |shown| &shown.defaulted)
    }
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
    /// The parameters whose values are masked wherever nobody decides on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<Text>,
}

/// The model is told why its final answer does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRefused {
    /// The text that the model gets.
    pub reason: Text,
}
