//! The settings of a request.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const DEFAULT_TIMEOUT_SECONDS: f64 = 600.0;
const DEFAULT_MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;

/// The settings of a request, as a user gives them. What is left out is the provider's to choose.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The sampling temperature.
    pub temperature: Option<f64>,
    /// Tokens that the model may answer at most, reasoning included.
    pub max_tokens: Option<u32>,
    /// The share of probability that tokens are sampled from.
    pub top_p: Option<f64>,
    /// For answers that can be repeated, as far as the provider can.
    pub seed: Option<u64>,
    /// Texts at which the model stops.
    pub stop_sequences: Vec<String>,
    /// How much the model is asked to reason.
    pub reasoning_effort: Option<Effort>,
    /// Whether the model may ask for several tool calls at once.
    pub parallel_tool_calls: Option<bool>,
    /// Seconds that one request may take; by default 600.
    pub timeout: Option<f64>,
    /// Bytes of an answer that are read at most; by default 64 MiB.
    pub max_response_bytes: Option<usize>,
    /// Further fields of the request's body. Those of the conversation and of the tools can't be replaced.
    pub extra_body: Map<String, Value>,
    /// Further headers of the request, in place of those of the same name.
    pub extra_headers: BTreeMap<String, String>,
}

/// How much a model is asked to reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// The middle.
    Medium,
    /// Much.
    High,
    /// More than high; high where the model has no such level.
    XHigh,
    /// As much as the model can.
    Max,
}

impl Effort {
    /// As OpenAI and those who speak its protocols write it.
    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

impl Settings {
    /// How long one request may take.
    pub(crate) fn timeout(&self) -> Duration {
        let seconds = self.timeout.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs_f64(DEFAULT_TIMEOUT_SECONDS))
    }

    /// Bytes of an answer that are read at most.
    pub(crate) fn max_response_bytes(&self) -> usize {
        self.max_response_bytes.unwrap_or(DEFAULT_MAX_RESPONSE_BYTES)
    }

    /// Whether the model is asked to reason.
    pub(crate) fn reasons(&self) -> bool {
        self.reasoning_effort.is_some_and(|effort| effort != Effort::None)
    }

    /// Whether a setting is given.
    pub(crate) fn has(&self, setting: Setting) -> bool {
        match setting {
            Setting::Seed => self.seed.is_some(),
            Setting::StopSequences => !self.stop_sequences.is_empty(),
            Setting::ParallelToolCalls => self.parallel_tool_calls.is_some(),
            Setting::ExtraBody => !self.extra_body.is_empty(),
            Setting::ReasoningEffort => self.reasoning_effort.is_some(),
        }
    }

    /// The options that are given, under the names that a protocol has for them.
    pub(crate) fn named(&self, names: &Names) -> Map<String, Value> {
        let given = [
            (names.temperature, self.temperature.map(|value| json!(value))),
            (names.top_p, self.top_p.map(|value| json!(value))),
            (names.max_tokens, self.max_tokens.map(|value| json!(value))),
            (names.seed, self.seed.map(|value| json!(value))),
            (
                names.stop_sequences,
                (!self.stop_sequences.is_empty()).then(|| json!(self.stop_sequences)),
            ),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// A setting that not every protocol has a field for.
#[derive(Clone, Copy)]
pub(crate) enum Setting {
    Seed,
    StopSequences,
    ParallelToolCalls,
    ExtraBody,
    ReasoningEffort,
}

impl Setting {
    /// The name that a user gives it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::StopSequences => "stop_sequences",
            Self::ParallelToolCalls => "parallel_tool_calls",
            Self::ExtraBody => "extra_body",
            Self::ReasoningEffort => "reasoning_effort",
        }
    }
}

/// What a protocol calls the options that all have in common. Those that it lacks are refused before.
pub(crate) struct Names {
    pub(crate) temperature: &'static str,
    pub(crate) top_p: &'static str,
    pub(crate) max_tokens: &'static str,
    pub(crate) seed: &'static str,
    pub(crate) stop_sequences: &'static str,
}
