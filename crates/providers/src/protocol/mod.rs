//! The wire protocols, one in each file, and what they have in common.

mod anthropic;
mod bedrock;
mod chat_completions;
mod claude;
mod gemini;
mod responses;
mod strict_schema;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod testing;

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::{NoContext, Timestamp, Uuid};

use crate::catalog::Provider;
use crate::conversation::{Summary, Written};
use crate::failure::{Failure, provider_message};
use crate::reply::Reply;
use crate::settings::{Setting, Settings};
use crate::transcript::{Assistant, CallResult, IdStyle, Reader, Turn};

pub(crate) use anthropic::Anthropic;
pub(crate) use bedrock::Bedrock;
pub(crate) use chat_completions::ChatCompletions;
pub(crate) use gemini::Gemini;
pub(crate) use responses::Responses;

/// A wire protocol: how a request is written and an answer read. It knows neither connections nor the environment.
pub(crate) trait Protocol: Sync {
    /// The settings that the protocol has no field for. Sent all the same, they would be refused or do nothing.
    fn unsupported(&self) -> &'static [Setting] {
        &[]
    }

    /// The form of tool call ids that the provider takes.
    fn id_style(&self, _provider: &Provider) -> IdStyle {
        IdStyle::Common
    }

    /// What the protocol's own SDK appends to a base URL; `None` where base URLs hold the version themselves.
    fn version_path(&self) -> Option<&'static str> {
        None
    }

    /// Where a request for the model goes, below the provider's address, which ends with a slash.
    fn path(&self, model: &str) -> String;

    /// The headers that hold the key, and what else the protocol wants there.
    fn headers(&self, key: &str) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {key}"))]
    }

    /// Whether the model may be asked to reason at this point of the conversation.
    fn may_reason(&self, _outgoing: &Outgoing<'_>) -> bool {
        true
    }

    /// The part of the body that the settings make up. [`Settings::extra_body`] may replace it.
    fn options(&self, outgoing: &Outgoing<'_>) -> Map<String, Value>;

    /// The part of the body that the model's name, the conversation as a whole and the tools make up. Nothing may replace it.
    fn conversation(&self, outgoing: &Outgoing<'_>) -> Map<String, Value>;

    /// The field of the body that holds the messages.
    fn messages_field(&self) -> &'static str {
        "messages"
    }

    /// What a turn adds to the messages. It depends on nothing but the turn and what is before it: it is written once.
    fn messages(&self, turn: &Turn<'_>, before: &Before<'_>, reader: &Reader<'_>) -> Vec<Value>;

    /// The list of a message that neighbours of one role share, where the roles take turns.
    fn list_of_a_role(&self) -> Option<&'static str> {
        None
    }

    /// Reads an answer that reports no error.
    fn read(&self, body: &Value) -> Result<Reply, Fault>;
}

impl dyn Protocol {
    /// The request's body: the options, over them what the user wants in it beside, and the conversation over all.
    pub(crate) fn body(&self, outgoing: &Outgoing<'_>, written: &Written) -> serde_json::Result<Vec<u8>> {
        let mut fields = self.options(outgoing);
        fields.extend(outgoing.settings.extra_body.clone());
        fields.extend(self.conversation(outgoing));
        let field = self.messages_field();
        fields.shift_remove(field);
        let mut body = serde_json::to_vec(&fields)?;
        let (messages, end) = written.text();
        body.reserve(messages.len() + field.len() + end.len() + 8);
        body.pop();
        if !fields.is_empty() {
            body.push(b',');
        }
        serde_json::to_writer(&mut body, field)?;
        for part in [b":[", messages, end, b"]}"] {
            body.extend_from_slice(part);
        }
        Ok(body)
    }

    /// Reads an answer, which may report an error in place of a reply.
    pub(crate) fn reply(&self, body: &Value) -> Result<Reply, Fault> {
        match body.get("error").filter(|error| !error.is_null()) {
            Some(error) => Err(reported(error, body)),
            None => self.read(body),
        }
    }
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
    pub(crate) summary: &'a Summary,
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

/// What came before a turn.
pub(crate) struct Before<'a> {
    /// The turn before was the results of calls.
    pub(crate) after_results: bool,
    /// The model's last turn, where the turn is its results.
    pub(crate) assistant: Option<&'a Assistant<'a>>,
}

/// The message of a turn whose protocol lets the roles take turns: what the user says after tool results belongs to the same message.
fn alternating(
    turn: &Turn<'_>,
    user_block: impl Fn(&str) -> Value,
    assistant_blocks: impl Fn(&Assistant<'_>) -> Vec<Value>,
    result_block: impl Fn(&CallResult<'_>) -> Value,
) -> Vec<Value> {
    let (role, blocks) = match turn {
        Turn::System(_) => return Vec::new(),
        Turn::User(text) => ("user", vec![user_block(text)]),
        Turn::Assistant(assistant) => ("assistant", assistant_blocks(assistant)),
        Turn::Results(results) => ("user", results.iter().map(result_block).collect()),
    };
    vec![json!({"role": role, "content": blocks})]
}

/// An id for a call that came without one.
fn new_call_id() -> String {
    call_id_at(SystemTime::now())
}

/// An id that is made at a time. A clock that shows a time before 1970 counts as one that shows the beginning of 1970.
fn call_id_at(now: SystemTime) -> String {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Ids that also count up share a lock, which a fork could catch in the hands of a thread that makes requests.
    let time = Timestamp::from_unix(NoContext, since_epoch.as_secs(), since_epoch.subsec_nanos());
    format!("call_{}", Uuid::new_v7(time).simple())
}

/// The text at a JSON pointer.
fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The number at a JSON pointer, zero when there is none.
fn count_at(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The list at a JSON pointer, empty when there is none.
fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::call_id_at;
    use super::testing::{body, conversation, reply};

    #[test]
    fn call_ids_do_not_depend_on_a_clock_that_is_right() {
        let moment = Duration::from_millis(1);
        for now in [UNIX_EPOCH - moment, UNIX_EPOCH, UNIX_EPOCH + moment] {
            let id = call_id_at(now);
            assert_eq!((id.len(), id.starts_with("call_")), (37, true), "{id}");
            assert_ne!(id, call_id_at(now));
        }
    }

    #[test]
    fn extra_fields_replace_options_and_nothing_of_the_conversation() {
        let extra = json!({"extra_body": {"temperature": 1, "messages": [], "model": "other", "user": "me"}});
        let body = body("openai/gpt-4o", conversation(), json!([]), extra);
        assert_eq!(body["temperature"], 1);
        assert_eq!(body["user"], "me");
        assert_eq!(body["model"], "gpt-4o");
        assert_eq!(body["messages"].as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn an_error_in_a_successful_answer_fails_as_its_status_would() {
        let failure = |error: Value| reply("openrouter/some/model", &json!({"error": error})).unwrap_err();
        let refused = failure(json!({"code": 401, "message": "who are you"}));
        assert_eq!((refused.status, refused.retryable), (Some(401), false));
        assert_eq!(refused.message, "openrouter answered 401: who are you");
        let busy = failure(json!({"code": 503, "message": "busy"}));
        assert_eq!((busy.status, busy.retryable), (Some(503), true));
        let vague = failure(json!("oops"));
        assert_eq!((vague.status, vague.retryable), (None, true));
        assert_eq!(vague.message, "openrouter answered with an error: oops");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"choices": [{"message": {"tool_calls": [
            {"id": "c", "function": {"name": "pay", "arguments": {"amount": 0.10000000000000000001}}}]}}]}"#;
        let reply = reply("openai/gpt-4o", &serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(reply.calls[0].args, r#"{"amount":0.10000000000000000001}"#);
    }
}
