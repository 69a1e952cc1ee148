//! The Bedrock Converse protocol.
//!
//! Reasoning is switched off, because its blocks could not be given back unchanged; a failed call is told in the
//! result's text, because not all models there take the protocol's `status`.

use serde_json::{Map, Value, json};

use super::{Before, Fault, Outgoing, Protocol, ToolSpec, alternating, count_at, list_at, text_at};
use crate::reply::{Reply, ReplyCall};
use crate::secrets::percent_encoded;
use crate::settings::{Names, Setting};
use crate::transcript::{Assistant, CallResult, Reader, Turn};

/// What may stand before the publisher in a model's name: where it runs.
const REGIONS: [&str; 9] = ["us", "us-gov", "eu", "apac", "au", "ca", "jp", "in", "global"];

/// The Bedrock Converse protocol.
pub(crate) struct Bedrock;

impl Protocol for Bedrock {
    fn unsupported(&self) -> &'static [Setting] {
        &[
            Setting::Seed,
            Setting::ParallelToolCalls,
            Setting::ExtraBody,
            Setting::ReasoningEffort,
        ]
    }

    fn path(&self, model: &str) -> String {
        format!("model/{}/converse", percent_encoded(model))
    }

    fn options(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut config = outgoing.settings.named(&Names {
            temperature: "temperature",
            top_p: "topP",
            max_tokens: "maxTokens",
            seed: "seed",
            stop_sequences: "stopSequences",
        });
        config
            .entry("maxTokens")
            .or_insert_with(|| json!(most_tokens(outgoing.model)));
        let mut options = Map::new();
        options.insert("inferenceConfig".to_owned(), Value::Object(config));
        options
    }

    // `system`, `messages` and `toolConfig`.
    fn conversation(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(system) = outgoing.summary.system_text() {
            body.insert("system".to_owned(), json!([{"text": system}]));
        }
        // A conversation with calls in it is refused without definitions of tools.
        let mentioned: Vec<_> = match outgoing.tools {
            [] => outgoing
                .summary
                .called_tools()
                .iter()
                .map(|name| ToolSpec::mentioned(name))
                .collect(),
            _ => Vec::new(),
        };
        let tools: Vec<_> = outgoing.tools.iter().chain(&mentioned).map(tool).collect();
        if !tools.is_empty() {
            body.insert("toolConfig".to_owned(), json!({"tools": tools}));
        }
        body
    }

    fn messages(&self, turn: &Turn<'_>, _before: &Before<'_>, _reader: &Reader<'_>) -> Vec<Value> {
        alternating(turn, user_block, assistant_blocks, result_block)
    }

    fn list_of_a_role(&self) -> Option<&'static str> {
        Some("content")
    }

    fn read(&self, body: &Value) -> Result<Reply, Fault> {
        if body.pointer("/output/message").is_none() {
            return Err(Fault::malformed("no message"));
        }
        let mut reply = Reply {
            input_tokens: count_at(body, "/usage/inputTokens"),
            output_tokens: count_at(body, "/usage/outputTokens"),
            ..Reply::default()
        };
        for block in list_at(body, "/output/message/content") {
            reply.push_text(text_at(block, "/text").unwrap_or_default());
            if let Some(call) = block.get("toolUse") {
                reply
                    .calls
                    .push(read_call(call).ok_or_else(|| Fault::malformed("a tool call without id or name"))?);
            }
        }
        match text_at(body, "/stopReason") {
            Some("max_tokens") if reply.text.is_none() || !reply.calls.is_empty() => Err(Fault::cut_short()),
            Some(reason @ ("guardrail_intervened" | "content_filtered")) if reply.text.is_none() => {
                Err(Fault::filtered(reason))
            }
            _ => Ok(reply),
        }
    }
}

/// The most tokens that a model may answer, which most publishers want to be told.
fn most_tokens(model: &str) -> u32 {
    let mut parts = model.split('.');
    let publisher = parts.find(|part| !REGIONS.contains(part)).unwrap_or_default();
    let is = |family| model.contains(family);
    match publisher {
        "anthropic" if is("claude-sonnet") || is("claude-haiku") || is("claude-opus-4-5") => 64_000,
        "anthropic" if is("claude-opus-4") => 32_000,
        "anthropic" if is("claude-3-5") => 8192,
        "amazon" => 5000,
        // Reasoning counts as well.
        "openai" => 16_384,
        _ => 4096,
    }
}

fn user_block(text: &str) -> Value {
    json!({"text": if text.trim().is_empty() { "(no text)" } else { text }})
}

fn assistant_blocks(assistant: &Assistant<'_>) -> Vec<Value> {
    let text = assistant.text.map(|text| json!({"text": text}));
    let calls = assistant
        .calls
        .iter()
        .map(|call| json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.object()}}));
    text.into_iter().chain(calls).collect()
}

fn result_block(result: &CallResult<'_>) -> Value {
    let blank = result.content.trim().is_empty();
    let content = match (result.is_error, blank) {
        (true, true) => "Error: the tool failed without a message.".to_owned(),
        (true, false) => format!("Error: {}", result.content),
        (false, true) => "(no output)".to_owned(),
        (false, false) => result.content.to_owned(),
    };
    json!({"toolResult": {"toolUseId": result.id, "content": [{"text": content}]}})
}

fn tool(spec: &ToolSpec) -> Value {
    let mut tool = json!({"name": spec.name, "inputSchema": {"json": spec.schema()}});
    if !spec.description.is_empty() {
        tool["description"] = json!(spec.description);
    }
    json!({"toolSpec": tool})
}

fn read_call(call: &Value) -> Option<ReplyCall> {
    Some(ReplyCall {
        id: text_at(call, "/toolUseId")?.to_owned(),
        name: text_at(call, "/name")?.to_owned(),
        args: call
            .get("input")
            .filter(|input| !input.is_null())
            .map_or_else(|| "{}".to_owned(), Value::to_string),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::super::testing::{body, call, conversation, reply, schema, tools};

    const MODEL: &str = "bedrock/amazon.nova-lite-v1:0";

    #[test]
    fn a_request_is_written() {
        let expected = json!({
            "inferenceConfig": {"topP": 0.5, "stopSequences": ["END"], "maxTokens": 5000},
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "How is the weather?"}]},
                {"role": "assistant", "content": [
                    {"text": "Let me see."},
                    {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Rome"}}},
                    {"toolUse": {"toolUseId": "call_2", "name": "weather", "input": {"arguments": "{\"city\": "}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": "Fine."}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": [{"text": "Error: Not JSON."}]}},
                ]},
            ],
            "toolConfig": {"tools": [{"toolSpec": {
                "name": "weather", "inputSchema": {"json": schema()}, "description": "The weather.",
            }}]},
        });
        let settings = json!({"top_p": 0.5, "stop_sequences": ["END"]});
        assert_eq!(body(MODEL, conversation(), tools(), settings), expected);
    }

    #[test]
    fn a_reply_is_read() {
        let answer = json!({
            "output": {"message": {"content": [
                {"text": "Let me see."},
                {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Rome"}}},
                {"toolUse": {"toolUseId": "call_2", "name": "weather", "input": "Rome"}},
            ]}},
            "stopReason": "tool_use",
            "usage": {"inputTokens": 3, "outputTokens": 5},
        });
        let reply = reply(MODEL, &answer).unwrap();
        assert_eq!(reply.text.as_deref(), Some("Let me see."));
        let calls = [call("call_1", r#"{"city":"Rome"}"#), call("call_2", r#""Rome""#)];
        assert_eq!(reply.calls, calls);
        assert_eq!((reply.input_tokens, reply.output_tokens), (3, 5));
        assert_eq!(reply.provider_data, None);
    }

    #[test]
    fn a_guardrail_is_a_failure() {
        let answer = json!({"output": {"message": {"content": []}}, "stopReason": "guardrail_intervened"});
        let failure = reply(MODEL, &answer).unwrap_err();
        assert_eq!(failure.message, "bedrock held the answer back (guardrail_intervened)");
        assert!(!failure.retryable);
    }
}
