//! What the driver reports, in the form that Python hands it over.

use haltpoint_engine::journal::{
    AskingRules, Failure, FailureKind, InDoubtRule, ModelReplied, PlannedCall, Remembered, ShownArguments, ToolFacts,
    Usage,
};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::Verdict;
use haltpoint_engine::{Json, Text};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A tool call of a model's reply, with what the tool's declaration says about it.
#[derive(FromPyObject)]
pub(crate) struct PyPlannedCall {
    id: Option<String>,
    name: String,
    args: String,
    /// JSON of what people are shown of the arguments, where that is more.
    shown: Option<String>,
    module: Option<String>,
    digest: Option<String>,
    repeatable: bool,
    reconcilable: bool,
    sequential: bool,
    stop_after: bool,
    sensitive: Vec<String>,
    asks: Option<String>,
    fields: Option<String>,
    answers_are_result: bool,
    refused: Option<String>,
    /// JSON of what holds for the asking, where anything does.
    rules: Option<String>,
    /// JSON of the earlier approval that answers it, where there is one.
    remembered: Option<String>,
}

/// A model's reply, and what the driver makes of it.
#[derive(FromPyObject)]
pub(crate) struct PyModelReplied {
    text: Option<String>,
    calls: Vec<PyPlannedCall>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    provider_data: Option<String>,
    duration_us: i64,
    attempt: u32,
    /// JSON of the output, where it is not the text as it stands.
    output: Option<String>,
    /// Why a final answer does not fit the response format.
    refused: Option<String>,
    /// With `refused`: the message of the failure that ends the run.
    gave_up: Option<String>,
}

impl PyModelReplied {
    /// The engine's input.
    pub(crate) fn into_input(self) -> PyResult<(ModelReplied, Verdict)> {
        let verdict = verdict(self.output, self.refused, self.gave_up)?;
        let calls = self
            .calls
            .into_iter()
            .map(PyPlannedCall::into_planned)
            .collect::<PyResult<_>>()?;
        let usage = (self.input_tokens.is_some() || self.output_tokens.is_some()).then(|| Usage {
            input_tokens: self.input_tokens.unwrap_or_default(),
            output_tokens: self.output_tokens.unwrap_or_default(),
        });
        let reply = ModelReplied {
            text: self.text.map(Text::from),
            calls,
            usage,
            provider_data: self.provider_data.map(parse_json).transpose()?,
            duration_us: self.duration_us,
            attempt: self.attempt,
        };
        Ok((reply, verdict))
    }
}

fn verdict(output: Option<String>, refused: Option<String>, gave_up: Option<String>) -> PyResult<Verdict> {
    Ok(match (refused, gave_up) {
        (Some(reason), Some(message)) => {
            let failure = Failure {
                kind: FailureKind::InvalidOutput,
                message: message.into(),
                provider: None,
                status_code: None,
            };
            Verdict::GiveUp {
                reason: reason.into(),
                failure,
            }
        }
        (Some(reason), None) => Verdict::Refuse(reason.into()),
        (None, _) => Verdict::Accept(output.map(parse_json).transpose()?),
    })
}

impl PyPlannedCall {
    /// The call as the engine plans it.
    pub(crate) fn into_planned(self) -> PyResult<PlannedCall> {
        let tool = self.module.zip(self.digest).map(|(module, digest)| ToolFacts {
            module: module.into(),
            digest: digest.into(),
            repeatable: self.repeatable,
            reconcilable: self.reconcilable,
            sequential: self.sequential,
            stop_after: self.stop_after,
            sensitive: self.sensitive.into_iter().map(Text::from).collect(),
        });
        Ok(PlannedCall {
            id: self.id.unwrap_or_default().into(),
            name: self.name.into(),
            args: parse_json(self.args)?,
            shown: self.shown.map(shown_arguments).transpose()?,
            tool,
            asks: self.asks.as_deref().map(requirement_kind).transpose()?,
            fields: self.fields.map(parse_json).transpose()?,
            answers_are_result: self.answers_are_result,
            refused: self.refused.map(Text::from),
            rules: AskingRules {
                remembered: self.remembered.map(remembered).transpose()?,
                ..self.rules.map(asking_rules).transpose()?.unwrap_or_default()
            },
        })
    }
}

fn shown_arguments(text: String) -> PyResult<ShownArguments> {
    serde_json::from_str(&text)
        .map_err(|error| PyValueError::new_err(format!("arguments that can't be shown: {error}")))
}

fn asking_rules(text: String) -> PyResult<AskingRules> {
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(format!("no rules for asking: {error}")))
}

fn remembered(text: String) -> PyResult<Remembered> {
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(format!("no earlier approval: {error}")))
}

/// The kind of requirement of that name.
pub(crate) fn requirement_kind(name: &str) -> PyResult<RequirementKind> {
    RequirementKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| {
            let kinds = RequirementKind::ALL.map(RequirementKind::as_str).join(", ");
            PyValueError::new_err(format!("{name:?} is not a kind of requirement; the kinds are: {kinds}"))
        })
}

/// The rule of that name for calls in doubt.
pub(crate) fn in_doubt_rule(name: &str) -> PyResult<InDoubtRule> {
    match name {
        "ask" => Ok(InDoubtRule::Ask),
        "retry" => Ok(InDoubtRule::Retry),
        "fail" => Ok(InDoubtRule::Fail),
        other => Err(PyValueError::new_err(format!(
            "on_in_doubt must be \"ask\", \"retry\" or \"fail\", got {other:?}"
        ))),
    }
}

/// JSON text that Python wrote.
pub(crate) fn parse_json(text: String) -> PyResult<Json> {
    Json::parse(text).map_err(|error| PyValueError::new_err(format!("not JSON: {error}")))
}
