//! The settings of a request.

use std::collections::BTreeMap;
use std::time::Duration;

use genai::Headers;
use genai::chat::{ChatOptions, ReasoningEffort};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::protocol::Protocol;

const DEFAULT_TIMEOUT_SECONDS: f64 = 600.0;

/// The settings of a request, as a user gives them.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    top_p: Option<f64>,
    seed: Option<u64>,
    stop_sequences: Vec<String>,
    reasoning_effort: Option<String>,
    pub(super) parallel_tool_calls: Option<bool>,
    timeout: Option<f64>,
    extra_body: Map<String, Value>,
    extra_headers: BTreeMap<String, String>,
}

impl Settings {
    /// How long one request may take.
    pub(super) fn timeout(&self) -> Duration {
        let seconds = self.timeout.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs_f64(DEFAULT_TIMEOUT_SECONDS))
    }

    /// Whether the model is asked to reason.
    pub(super) fn reasons(&self) -> bool {
        self.effort()
            .is_some_and(|effort| !matches!(effort, ReasoningEffort::Zero))
    }

    /// The first setting that the protocol has no field for. Sent all the same, it would be refused or do nothing.
    pub(super) fn unsupported_by(&self, protocol: Protocol) -> Option<&'static str> {
        let unsupported: &[(&'static str, bool)] = match protocol {
            Protocol::Anthropic => &[("seed", self.seed.is_some())],
            Protocol::Responses => &[
                ("seed", self.seed.is_some()),
                ("stop_sequences", !self.stop_sequences.is_empty()),
            ],
            Protocol::Gemini => &[("parallel_tool_calls", self.parallel_tool_calls.is_some())],
            Protocol::Bedrock => &[
                ("seed", self.seed.is_some()),
                ("parallel_tool_calls", self.parallel_tool_calls.is_some()),
                ("extra_body", !self.extra_body.is_empty()),
                ("reasoning_effort", self.reasoning_effort.is_some()),
            ],
            Protocol::ChatCompletions => &[],
        };
        unsupported.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }

    /// The options for genai, with `body` over whatever genai would send itself.
    pub(super) fn options(
        &self,
        protocol: Protocol,
        model: &str,
        may_reason: bool,
        body: Map<String, Value>,
    ) -> ChatOptions {
        let mut extra = self.extra_body.clone();
        extra.extend(body);
        ChatOptions {
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            top_p: self.top_p,
            seed: self.seed,
            stop_sequences: self.stop_sequences.clone(),
            reasoning_effort: self
                .effort()
                .filter(|_| may_reason)
                .or_else(|| quiet_effort(protocol, model)),
            extra_headers: self.headers(),
            extra_body: (!extra.is_empty()).then_some(Value::Object(extra)),
            capture_raw_body: Some(true),
            ..ChatOptions::default()
        }
    }

    fn effort(&self) -> Option<ReasoningEffort> {
        self.reasoning_effort.as_deref().and_then(ReasoningEffort::from_keyword)
    }

    fn headers(&self) -> Option<Headers> {
        let headers: Vec<_> = self
            .extra_headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        (!headers.is_empty()).then(|| Headers::from(headers))
    }
}

/// genai takes the end of a name such as "gpt-5.1-codex-max" for an effort and cuts it off, unless an effort is given:
/// this is one that it sends nowhere.
fn quiet_effort(protocol: Protocol, model: &str) -> Option<ReasoningEffort> {
    let quiet = if protocol == Protocol::Anthropic {
        ReasoningEffort::Zero
    } else {
        ReasoningEffort::Budget(0)
    };
    ReasoningEffort::from_model_name(model).0.map(|_| quiet)
}
