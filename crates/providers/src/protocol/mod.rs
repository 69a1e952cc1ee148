//! The wire protocols, and what they have in common.

pub(crate) mod anthropic;
mod bedrock;
mod chat_completions;
mod claude;
mod gemini;
mod responses;
mod strict_schema;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::catalog::Provider;
use crate::failure::{Failure, provider_message};
use crate::reply::Reply;
use crate::secrets::percent_encoded;
use crate::settings::Settings;
use crate::transcript::{IdStyle, Transcript};

/// A wire protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Anthropic,
    Bedrock,
    ChatCompletions,
    Gemini,
    Responses,
}

/// A tool as the model is told of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ToolSpec {
    /// The tool's name, of letters, digits, underscores and hyphens.
    pub name: String,
    /// What the tool does, for the model.
    #[serde(default)]
    pub description: String,
    /// The JSON Schema of the arguments, which are always an object.
    pub parameters: Map<String, Value>,
    /// The provider shall hold the model to the schema, where the provider is known to be able to.
    #[serde(default)]
    pub strict: bool,
}

impl ToolSpec {
    /// A tool that the conversation mentions and that this request does not offer.
    pub(crate) fn mentioned(name: &str) -> Self {
        let description = "Not available any more.".to_owned();
        Self {
            name: name.to_owned(),
            description,
            parameters: Map::new(),
            strict: false,
        }
    }

    /// The schema of its arguments, always of an object: providers refuse anything else.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = self.parameters.clone();
        schema.insert("type".to_owned(), json!("object"));
        schema.entry("properties").or_insert_with(|| json!({}));
        Value::Object(schema)
    }
}

/// Everything that a request is made of.
pub(crate) struct Outgoing<'a> {
    pub(crate) provider: &'static Provider,
    pub(crate) model: &'a str,
    pub(crate) transcript: &'a Transcript<'a>,
    pub(crate) tools: &'a [ToolSpec],
    pub(crate) settings: &'a Settings,
}

/// An answer that is no reply of the model.
pub(crate) enum Fault {
    /// Asking again may give a proper one.
    Passing(String),
    /// It may not.
    Final(String),
    /// The provider reports a status inside a successful answer.
    Status(u16, String),
}

impl Fault {
    /// The answer breaks the protocol: `what` says where.
    pub(crate) fn malformed(what: &str) -> Self {
        Self::Passing(format!("sent an answer that can't be read: {what}"))
    }

    /// The model was stopped by the limit on its output, in the middle of something that is useless when cut.
    pub(crate) fn cut_short() -> Self {
        Self::Final("stopped the answer at the token limit before it was complete: raise `max_tokens`".to_owned())
    }

    /// The provider's filter held the answer back.
    pub(crate) fn filtered(reason: &str) -> Self {
        Self::Final(format!("held the answer back ({reason})"))
    }

    pub(crate) fn into_failure(self, provider: &'static str) -> Failure {
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
    pub(crate) fn id_style(self, provider: &Provider) -> IdStyle {
        if provider.prefix == "mistral" {
            IdStyle::Mistral
        } else {
            IdStyle::Common
        }
    }

    /// Where a request for the model goes, below the provider's address, which ends with a slash.
    pub(crate) fn url(self, address: &str, model: &str) -> String {
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
    pub(crate) fn headers(self, key: &str) -> Vec<(&'static str, String)> {
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
    pub(crate) fn body(self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
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
    pub(crate) fn reply(self, body: &Value) -> Result<Reply, Fault> {
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
pub(crate) fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The number at a JSON pointer, zero when there is none.
pub(crate) fn count_at(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The list at a JSON pointer, empty when there is none.
pub(crate) fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}
