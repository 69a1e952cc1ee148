//! What the tests of all protocols share: a conversation with every kind of message, and what a protocol makes of it.

use haltpoint_engine::message::{Message, Role};
use serde_json::{Value, json};

use super::{Outgoing, ToolSpec};
use crate::catalog;
use crate::conversation::{Conversation, Written};
use crate::failure::Failure;
use crate::reply::{Reply, ReplyCall};
use crate::settings::Settings;
use crate::transcript::Reader;

/// Two calls: one with its result, and one whose arguments were not valid JSON, and which failed.
pub(crate) fn conversation() -> Value {
    json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is the weather?"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [
            {"id": "call_1", "name": "weather", "args": {"city": "Rome"}},
            {"id": "call_2", "name": "weather", "args": "{\"city\": "},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "Fine."},
        {"role": "tool", "tool_call_id": "call_2", "name": "weather", "content": "Not JSON.", "is_error": true},
    ])
}

/// The tool of the conversation.
pub(crate) fn tools() -> Value {
    json!([{
        "name": "weather",
        "description": "The weather.",
        "parameters": {"properties": {"city": {"type": "string"}}},
        "strict": true,
    }])
}

/// The schema of the tool's arguments, where it is not made strict.
pub(crate) fn schema() -> Value {
    json!({"properties": {"city": {"type": "string"}}, "type": "object"})
}

/// The body of the request for "provider/model".
pub(crate) fn body(model: &str, conversation: Value, tools: Value, settings: Value) -> Value {
    let (provider, model) = catalog::parse(model).unwrap();
    let messages: Vec<Message> = serde_json::from_value(conversation).unwrap();
    let tools: Vec<ToolSpec> = serde_json::from_value(tools).unwrap();
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let reader = Reader {
        provider: provider.prefix,
        model,
        id_style: provider.protocol.id_style(provider),
    };
    let write = |conversation: &Conversation| {
        let written = |written: &Written| {
            let outgoing = Outgoing {
                provider,
                model,
                summary: written.summary(),
                tools: &tools,
                settings: &settings,
            };
            provider.protocol.body(&outgoing, written).unwrap()
        };
        conversation
            .written(conversation.len(), provider.protocol, &reader, written)
            .unwrap()
    };
    let whole = write(&Conversation::new(messages.clone()));
    // A run asks again and again, with the results of the calls each time.
    let growing = Conversation::default();
    let mut last = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        growing.extend([message.clone()]);
        if messages.get(index + 1).is_none_or(|next| next.role != Role::Tool) {
            last = write(&growing);
        }
    }
    assert!(messages.is_empty() || last == whole);
    serde_json::from_slice(&whole).unwrap()
}

/// What an answer of "provider/model" is read as.
pub(crate) fn reply(model: &str, body: &Value) -> Result<Reply, Failure> {
    let (provider, _) = catalog::parse(model).unwrap();
    let outcome = provider.protocol.reply(body);
    outcome.map_err(|fault| fault.into_failure(provider.prefix))
}

/// A call of the tool.
pub(crate) fn call(id: &str, args: &str) -> ReplyCall {
    ReplyCall {
        id: id.to_owned(),
        name: "weather".to_owned(),
        args: args.to_owned(),
    }
}
