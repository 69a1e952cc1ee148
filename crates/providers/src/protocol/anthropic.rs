//! The Anthropic Messages protocol.

use serde_json::{Map, Value, json};

use super::claude::Claude;
use super::{Before, Fault, Outgoing, Protocol, ToolSpec, alternating, count_at, list_at, text_at};
use crate::reply::{Reply, ReplyCall};
use crate::settings::{Names, Setting};
use crate::transcript::{Assistant, CallResult, Reader, Turn};

const PIECES: &str = "content";

/// The version of the protocol, which each request names in a header.
const VERSION: &str = "2023-06-01";

/// The Anthropic Messages protocol.
pub(crate) struct Anthropic;

impl Protocol for Anthropic {
    fn unsupported(&self) -> &'static [Setting] {
        &[Setting::Seed]
    }

    fn version_path(&self) -> Option<&'static str> {
        Some("/v1")
    }

    fn path(&self, _model: &str) -> String {
        "messages".to_owned()
    }

    fn headers(&self, key: &str) -> Vec<(&'static str, String)> {
        vec![("x-api-key", key.to_owned()), ("anthropic-version", VERSION.to_owned())]
    }

    // Whether thinking may be asked for. Models with a fixed budget refuse it in a tool loop whose first step was made
    // without: by another model, or before the setting was changed.
    fn may_reason(&self, outgoing: &Outgoing<'_>) -> bool {
        outgoing.summary.open_loop_reasons != Some(false)
    }

    fn options(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let model = Claude::new(outgoing.model);
        let mut options = outgoing.settings.named(&Names {
            temperature: "temperature",
            top_p: "top_p",
            max_tokens: "max_tokens",
            seed: "seed",
            stop_sequences: "stop_sequences",
        });
        options.insert("stream".to_owned(), json!(false));
        options
            .entry("max_tokens")
            .or_insert_with(|| json!(model.most_tokens()));
        if let Some(effort) = outgoing.settings.reasoning_effort.filter(|_| self.may_reason(outgoing)) {
            model.insert_thinking(&mut options, effort);
        }
        options
    }

    // `model`, `system`, `messages`, `tools` and `tool_choice`.
    //
    // `strict` of a tool is not sent: models before Claude 4.5 refuse it, and arguments are validated before their use.
    fn conversation(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(outgoing.model));
        if let Some(system) = outgoing.summary.system_text() {
            body.insert("system".to_owned(), json!(system));
        }
        insert_tools(&mut body, outgoing);
        body
    }

    fn messages(&self, turn: &Turn<'_>, _before: &Before<'_>, _reader: &Reader<'_>) -> Vec<Value> {
        alternating(turn, user_block, assistant_blocks, result_block)
    }

    fn list_of_a_role(&self) -> Option<&'static str> {
        Some("content")
    }

    fn read(&self, body: &Value) -> Result<Reply, Fault> {
        let content = body
            .get("content")
            .and_then(Value::as_array)
            .ok_or_else(|| Fault::malformed("no content"))?;
        let mut reply = Reply {
            input_tokens: input_tokens(body),
            output_tokens: count_at(body, "/usage/output_tokens"),
            ..Reply::default()
        };
        for block in content {
            read_block(&mut reply, block)?;
        }
        reply.provider_data = worth_keeping(content)
            .then(|| json!({PIECES: list_at(body, "/content").iter().filter_map(piece).collect::<Vec<_>>()}));
        match text_at(body, "/stop_reason") {
            Some("max_tokens" | "model_context_window_exceeded") if reply.text.is_none() || !reply.calls.is_empty() => {
                Err(Fault::cut_short())
            }
            Some("refusal") if reply.text.is_none() => Err(Fault::filtered("refusal")),
            _ => Ok(reply),
        }
    }
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Blank text is refused, and a message without any as well.
fn user_block(text: &str) -> Value {
    text_block(if text.trim().is_empty() { "(no text)" } else { text })
}

fn assistant_blocks(assistant: &Assistant<'_>) -> Vec<Value> {
    let Some(pieces) = assistant.pieces(PIECES, is_call) else {
        let text = assistant.text.map(text_block);
        return text
            .into_iter()
            .chain((0..assistant.calls.len()).filter_map(|call| call_block(assistant, call)))
            .collect();
    };
    let mut call = 0..;
    let blocks = pieces.iter().filter_map(|piece| {
        if is_call(piece) {
            call_block(assistant, call.next()?)
        } else {
            Some(piece.clone())
        }
    });
    blocks.collect()
}

fn is_call(piece: &Value) -> bool {
    text_at(piece, "/type") == Some("tool_use")
}

fn call_block(assistant: &Assistant<'_>, index: usize) -> Option<Value> {
    let call = assistant.calls.get(index)?;
    Some(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.object()}))
}

fn result_block(result: &CallResult<'_>) -> Value {
    let mut block = json!({"type": "tool_result", "tool_use_id": result.id});
    if !result.content.trim().is_empty() {
        block["content"] = json!(result.content);
    }
    if result.is_error {
        block["is_error"] = json!(true);
        // An error without a word is refused.
        if result.content.trim().is_empty() {
            block["content"] = json!("The tool failed without a message.");
        }
    }
    block
}

/// A conversation with calls in it is refused without definitions of tools, even when none is offered any more.
fn insert_tools(body: &mut Map<String, Value>, outgoing: &Outgoing<'_>) {
    let called = outgoing.summary.called_tools();
    if !outgoing.tools.is_empty() {
        body.insert("tools".to_owned(), outgoing.tools.iter().map(tool).collect());
        if let Some(parallel) = outgoing.settings.parallel_tool_calls {
            body.insert(
                "tool_choice".to_owned(),
                json!({"type": "auto", "disable_parallel_tool_use": !parallel}),
            );
        }
    } else if !called.is_empty() {
        body.insert(
            "tools".to_owned(),
            called.iter().map(|name| tool(&ToolSpec::mentioned(name))).collect(),
        );
        body.insert("tool_choice".to_owned(), json!({"type": "none"}));
    }
}

fn tool(spec: &ToolSpec) -> Value {
    json!({"name": spec.name, "description": spec.description, "input_schema": spec.schema()})
}

fn input_tokens(body: &Value) -> u64 {
    [
        "/usage/input_tokens",
        "/usage/cache_creation_input_tokens",
        "/usage/cache_read_input_tokens",
    ]
    .iter()
    .map(|pointer| count_at(body, pointer))
    .fold(0, u64::saturating_add)
}

fn read_block(reply: &mut Reply, block: &Value) -> Result<(), Fault> {
    match text_at(block, "/type") {
        Some("text") => reply.push_text(text_at(block, "/text").unwrap_or_default()),
        Some("tool_use") => reply
            .calls
            .push(call(block).ok_or_else(|| Fault::malformed("a tool call without id or name"))?),
        _ => {}
    }
    Ok(())
}

fn call(block: &Value) -> Option<ReplyCall> {
    Some(ReplyCall {
        id: text_at(block, "/id")?.to_owned(),
        name: text_at(block, "/name")?.to_owned(),
        args: block
            .get("input")
            .filter(|input| !input.is_null())
            .map_or_else(|| "{}".to_owned(), Value::to_string),
    })
}

/// Text and calls are in the message anyway; thinking is not, nor what else may come between them.
fn worth_keeping(content: &[Value]) -> bool {
    content
        .iter()
        .any(|block| !matches!(text_at(block, "/type"), Some("text" | "tool_use")))
}

/// A block as it goes back: a call is written from the message, which may have been changed by whoever approved it.
fn piece(block: &Value) -> Option<Value> {
    match text_at(block, "/type") {
        Some("tool_use") => Some(json!({"type": "tool_use"})),
        Some("text") => text_at(block, "/text")
            .filter(|text| !text.trim().is_empty())
            .map(text_block),
        _ => Some(block.clone()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::super::testing::{body, call, conversation, reply, schema, tools};

    const MODEL: &str = "anthropic/claude-sonnet-4-5";

    #[test]
    fn a_request_is_written() {
        let settings = json!({"max_tokens": 100, "temperature": 0.5, "parallel_tool_calls": false});
        let expected = json!({
            "temperature": 0.5,
            "max_tokens": 100,
            "stream": false,
            "model": "claude-sonnet-4-5",
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "How is the weather?"}]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
                    {"type": "tool_use", "id": "call_2", "name": "weather", "input": {"arguments": "{\"city\": "}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "Fine."},
                    {"type": "tool_result", "tool_use_id": "call_2", "content": "Not JSON.", "is_error": true},
                ]},
            ],
            "tools": [{"name": "weather", "description": "The weather.", "input_schema": schema()}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        });
        assert_eq!(body(MODEL, conversation(), tools(), settings), expected);
    }

    #[test]
    fn a_reply_is_read() {
        let thinking = json!({"type": "thinking", "thinking": "Hm.", "signature": "s"});
        let answer = json!({
            "content": [
                thinking,
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
                {"type": "tool_use", "id": "call_2", "name": "weather", "input": "Rome"},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5},
        });
        let reply = reply(MODEL, &answer).unwrap();
        assert_eq!(reply.text.as_deref(), Some("Let me see."));
        let calls = [call("call_1", r#"{"city":"Rome"}"#), call("call_2", r#""Rome""#)];
        assert_eq!(reply.calls, calls);
        assert_eq!((reply.input_tokens, reply.output_tokens), (7, 5));
        let kept = json!({"content": [
            thinking, {"type": "text", "text": "Let me see."}, {"type": "tool_use"}, {"type": "tool_use"},
        ]});
        assert_eq!(reply.provider_data, Some(kept));
    }

    #[test]
    fn an_answer_cut_short_is_a_failure_and_a_text_cut_short_is_none() {
        let text = json!({"type": "text", "text": "It is"});
        let call = json!({"type": "tool_use", "id": "call_1", "name": "weather", "input": {}});
        let answer = |content| json!({"content": content, "stop_reason": "max_tokens"});
        assert!(reply(MODEL, &answer(json!([text]))).is_ok());
        let failure = reply(MODEL, &answer(json!([text, call]))).unwrap_err();
        assert!(failure.message.contains("raise `max_tokens`") && !failure.retryable);
        let failure = reply(MODEL, &json!({})).unwrap_err();
        assert_eq!(
            failure.message,
            "anthropic sent an answer that can't be read: no content"
        );
        assert!(failure.retryable);
    }
}
