//! The wire protocols, and what they have in common.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::catalog::Provider;
use super::failure::{Failure, provider_message};
use super::reply::Reply;
use super::secrets::percent_encoded;
use super::settings::Settings;
use super::transcript::{IdStyle, Transcript};
use super::{anthropic, bedrock, chat_completions, gemini, responses};

/// A wire protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Anthropic,
    Bedrock,
    ChatCompletions,
    Gemini,
    Responses,
}

/// A tool as the model is told of it.
#[derive(Deserialize)]
pub(super) struct ToolSpec {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) parameters: Map<String, Value>,
    #[serde(default)]
    pub(super) strict: bool,
}

impl ToolSpec {
    /// A tool that the conversation mentions and that this request does not offer.
    pub(super) fn mentioned(name: &str) -> Self {
        let description = "Not available any more.".to_owned();
        Self {
            name: name.to_owned(),
            description,
            parameters: Map::new(),
            strict: false,
        }
    }

    /// The schema of its arguments, always of an object: providers refuse anything else.
    pub(super) fn schema(&self) -> Value {
        let mut schema = self.parameters.clone();
        schema.insert("type".to_owned(), json!("object"));
        schema.entry("properties").or_insert_with(|| json!({}));
        Value::Object(schema)
    }
}

/// Everything that a request is made of.
pub(super) struct Outgoing<'a> {
    pub(super) provider: &'static Provider,
    pub(super) model: &'a str,
    pub(super) transcript: &'a Transcript<'a>,
    pub(super) tools: &'a [ToolSpec],
    pub(super) settings: &'a Settings,
}

/// An answer that is no reply of the model.
pub(super) enum Fault {
    /// Asking again may give a proper one.
    Passing(String),
    /// It may not.
    Final(String),
    /// The provider reports a status inside a successful answer.
    Status(u16, String),
}

impl Fault {
    /// The answer breaks the protocol: `what` says where.
    pub(super) fn malformed(what: &str) -> Self {
        Self::Passing(format!("sent an answer that can't be read: {what}"))
    }

    /// The model was stopped by the limit on its output, in the middle of something that is useless when cut.
    pub(super) fn cut_short() -> Self {
        Self::Final("stopped the answer at the token limit before it was complete: raise `max_tokens`".to_owned())
    }

    /// The provider's filter held the answer back.
    pub(super) fn filtered(reason: &str) -> Self {
        Self::Final(format!("held the answer back ({reason})"))
    }

    pub(super) fn into_failure(self, provider: &'static str) -> Failure {
        match self {
            Self::Passing(message) => Failure::passing(provider, format!("{provider} {message}")),
            Self::Final(message) => Failure::final_error(provider, format!("{provider} {message}")),
            Self::Status(status, message) => {
                Failure::of_status(provider, status, &format!("{provider} answered {status}: {message}"))
            }
        }
    }
}

impl Protocol {
    /// The form of tool call ids that the protocol takes.
    pub(super) fn id_style(self, provider: &Provider) -> IdStyle {
        if provider.prefix == "mistral" {
            IdStyle::Mistral
        } else {
            IdStyle::Common
        }
    }

    /// Where a request for the model goes, below the provider's address, which ends with a slash.
    pub(super) fn url(self, address: &str, model: &str) -> String {
        let place = match self {
            Self::Anthropic => "messages".to_owned(),
            Self::Bedrock => format!("model/{}/converse", percent_encoded(model)),
            Self::ChatCompletions => "chat/completions".to_owned(),
            Self::Gemini => {
                let parts: Vec<_> = model.split('/').map(percent_encoded).collect();
                format!("models/{}:generateContent", parts.join("/"))
            }
            Self::Responses => "responses".to_owned(),
        };
        format!("{address}{place}")
    }

    /// The headers that hold the key, and what else the protocol wants there.
    pub(super) fn headers(self, key: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Anthropic => vec![
                ("x-api-key", key.to_owned()),
                ("anthropic-version", anthropic::VERSION.to_owned()),
            ],
            Self::Gemini => vec![("x-goog-api-key", key.to_owned())],
            Self::Bedrock | Self::ChatCompletions | Self::Responses => {
                vec![("authorization", format!("Bearer {key}"))]
            }
        }
    }

    /// The request's body: the options, over them what the user wants in it beside, and the conversation over all.
    pub(super) fn body(self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let (mut body, conversation) = match self {
            Self::Anthropic => (anthropic::options(outgoing), anthropic::body(outgoing)),
            Self::Bedrock => (bedrock::options(outgoing), bedrock::body(outgoing)),
            Self::ChatCompletions => (chat_completions::options(outgoing), chat_completions::body(outgoing)),
            Self::Gemini => (gemini::options(outgoing), gemini::body(outgoing)),
            Self::Responses => (responses::options(outgoing), responses::body(outgoing)),
        };
        body.extend(outgoing.settings.extra_body.clone());
        body.extend(conversation);
        body
    }

    /// Reads the answer.
    pub(super) fn reply(self, body: &Value) -> Result<Reply, Fault> {
        if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
            return Err(reported(error, body));
        }
        match self {
            Self::Anthropic => anthropic::reply(body),
            Self::Bedrock => bedrock::reply(body),
            Self::ChatCompletions => chat_completions::reply(body),
            Self::Gemini => gemini::reply(body),
            Self::Responses => responses::reply(body),
        }
    }
}

/// Some gateways answer 200 with an error in the body.
fn reported(error: &Value, body: &Value) -> Fault {
    let message = provider_message(&body.to_string());
    match error
        .get("code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok())
    {
        Some(status @ 400..=599) => Fault::Status(status, message),
        _ => Fault::Passing(format!("answered with an error: {message}")),
    }
}

/// The text at a JSON pointer.
pub(super) fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The number at a JSON pointer, zero when there is none.
pub(super) fn count_at(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The list at a JSON pointer, empty when there is none.
pub(super) fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}
