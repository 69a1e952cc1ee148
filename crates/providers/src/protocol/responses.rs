//! The OpenAI Responses protocol, stateless: nothing is stored with the provider.

use serde_json::{Map, Value, json};

use super::strict_schema::strict_schema;
use super::{Before, Fault, Outgoing, Protocol, ToolSpec, count_at, list_at, text_at};
use crate::reply::{Reply, ReplyCall};
use crate::settings::{Names, Setting};
use crate::transcript::{Assistant, CallResult, Reader, Turn};

const PIECES: &str = "items";

/// The OpenAI Responses protocol, stateless: nothing is stored with the provider.
pub(crate) struct Responses;

impl Protocol for Responses {
    fn unsupported(&self) -> &'static [Setting] {
        &[Setting::Seed, Setting::StopSequences]
    }

    fn path(&self, _model: &str) -> String {
        "responses".to_owned()
    }

    fn options(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut options = outgoing.settings.named(&Names {
            temperature: "temperature",
            top_p: "top_p",
            max_tokens: "max_output_tokens",
            seed: "seed",
            stop_sequences: "stop",
        });
        options.insert("stream".to_owned(), json!(false));
        options.insert("store".to_owned(), json!(false));
        if let Some(effort) = outgoing.settings.reasoning_effort {
            options.insert("reasoning".to_owned(), json!({"effort": effort.keyword()}));
        }
        options
    }

    // `model`, `instructions`, `input`, `tools`, `include` and `parallel_tool_calls`.
    fn conversation(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(outgoing.model));
        if let Some(system) = outgoing.summary.system_text() {
            body.insert("instructions".to_owned(), json!(system));
        }
        if is_reasoning_model(outgoing.model) {
            body.insert("include".to_owned(), json!(["reasoning.encrypted_content"]));
        }
        if !outgoing.tools.is_empty() {
            body.insert("tools".to_owned(), outgoing.tools.iter().map(tool).collect());
            if let Some(parallel) = outgoing.settings.parallel_tool_calls {
                body.insert("parallel_tool_calls".to_owned(), json!(parallel));
            }
        }
        body
    }

    fn messages_field(&self) -> &'static str {
        "input"
    }

    fn messages(&self, turn: &Turn<'_>, _before: &Before<'_>, _reader: &Reader<'_>) -> Vec<Value> {
        match turn {
            Turn::System(_) => Vec::new(),
            Turn::User(text) => vec![json!({"type": "message", "role": "user", "content": text})],
            Turn::Assistant(assistant) => assistant_items(assistant),
            Turn::Results(results) => results.iter().map(result_item).collect(),
        }
    }

    fn read(&self, body: &Value) -> Result<Reply, Fault> {
        let output = body
            .get("output")
            .and_then(Value::as_array)
            .ok_or_else(|| Fault::malformed("no output"))?;
        let mut reply = Reply {
            input_tokens: count_at(body, "/usage/input_tokens"),
            output_tokens: count_at(body, "/usage/output_tokens"),
            ..Reply::default()
        };
        for item in output {
            read_item(&mut reply, item)?;
        }
        reply.provider_data = kept(output);
        let complete = reply.text.is_some() && reply.calls.is_empty();
        match (text_at(body, "/status"), text_at(body, "/incomplete_details/reason")) {
            (Some("failed" | "cancelled"), _) => Err(Fault::Passing("gave up on the answer".to_owned())),
            (Some("incomplete"), Some("content_filter")) if !complete => Err(Fault::filtered("content filter")),
            (Some("incomplete"), _) if !complete => Err(Fault::cut_short()),
            _ => Ok(reply),
        }
    }
}

/// Other models refuse to be asked for encrypted reasoning. One that is not recognised here loses its reasoning from
/// step to step, and nothing else.
fn is_reasoning_model(model: &str) -> bool {
    let reasons = ["gpt-5", "gpt-6", "o1", "o3", "o4", "codex"]
        .iter()
        .any(|family| model.starts_with(family));
    reasons && !model.contains("-chat")
}

fn assistant_items(assistant: &Assistant<'_>) -> Vec<Value> {
    let Some(pieces) = assistant.pieces(PIECES, is_call) else {
        let text = assistant
            .text
            .map(|text| json!({"type": "message", "role": "assistant", "content": text}));
        return text
            .into_iter()
            .chain((0..assistant.calls.len()).filter_map(|call| call_item(assistant, call)))
            .collect();
    };
    let mut call = 0..;
    let items = pieces.iter().filter_map(|piece| {
        if is_call(piece) {
            call_item(assistant, call.next()?)
        } else {
            Some(piece.clone())
        }
    });
    items.collect()
}

fn is_call(piece: &Value) -> bool {
    text_at(piece, "/type") == Some("function_call")
}

/// Without the item's own id: that would refer to what the provider has stored.
fn call_item(assistant: &Assistant<'_>, index: usize) -> Option<Value> {
    let call = assistant.calls.get(index)?;
    Some(json!({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.args}))
}

fn result_item(result: &CallResult<'_>) -> Value {
    json!({"type": "function_call_output", "call_id": result.id, "output": result.content})
}

/// `strict` is always said: left out, the provider would try to make the schema strict itself.
fn tool(spec: &ToolSpec) -> Value {
    let schema = if spec.strict {
        strict_schema(&spec.schema())
    } else {
        spec.schema()
    };
    json!({
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": schema,
        "strict": spec.strict,
    })
}

fn read_item(reply: &mut Reply, item: &Value) -> Result<(), Fault> {
    match text_at(item, "/type") {
        Some("message") => {
            for part in list_at(item, "/content") {
                let text = text_at(part, "/text").or_else(|| text_at(part, "/refusal"));
                reply.push_text(text.unwrap_or_default());
            }
        }
        Some("function_call") => {
            reply
                .calls
                .push(call(item).ok_or_else(|| Fault::malformed("a function call without call_id or name"))?);
        }
        _ => {}
    }
    Ok(())
}

fn call(item: &Value) -> Option<ReplyCall> {
    let args = text_at(item, "/arguments").filter(|text| !text.trim().is_empty());
    Some(ReplyCall {
        id: text_at(item, "/call_id")?.to_owned(),
        name: text_at(item, "/name")?.to_owned(),
        args: args.unwrap_or("{}").to_owned(),
    })
}

/// The items as they go back, when there is reasoning among them. Reasoning needs its encrypted form, since nothing is
/// stored, and something that follows it.
fn kept(output: &[Value]) -> Option<Value> {
    let is_reasoning = |item: &Value| text_at(item, "/type") == Some("reasoning");
    let can_return =
        |item: &&Value| !is_reasoning(item) || text_at(item, "/encrypted_content").is_some_and(|text| !text.is_empty());
    let mut items: Vec<Value> = output.iter().filter(can_return).map(piece).collect();
    while items.last().is_some_and(is_reasoning) {
        items.pop();
    }
    items.iter().any(is_reasoning).then(|| json!({PIECES: items}))
}

/// Ids refer to what the provider has stored, and it has stored nothing.
fn piece(item: &Value) -> Value {
    if is_call(item) {
        return json!({"type": "function_call"});
    }
    let mut piece = item.clone();
    if let Some(fields) = piece.as_object_mut() {
        fields.retain(|key, value| !matches!(key.as_str(), "id" | "status") && !value.is_null());
    }
    for part in piece
        .get_mut("content")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(fields) = part.as_object_mut() {
            fields.retain(|key, _| key != "logprobs");
        }
    }
    piece
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::super::testing::{body, call, conversation, reply, tools};

    const MODEL: &str = "openai-responses/gpt-5-mini";

    #[test]
    fn a_request_is_written() {
        let strict = json!({
            "properties": {"city": {"type": "string"}},
            "type": "object",
            "additionalProperties": false,
            "required": ["city"],
        });
        let call = |id, args| json!({"type": "function_call", "call_id": id, "name": "weather", "arguments": args});
        let result = |id, output| json!({"type": "function_call_output", "call_id": id, "output": output});
        let expected = json!({
            "max_output_tokens": 100,
            "stream": false,
            "store": false,
            "model": "gpt-5-mini",
            "instructions": "Be brief.",
            "input": [
                {"type": "message", "role": "user", "content": "How is the weather?"},
                {"type": "message", "role": "assistant", "content": "Let me see."},
                call("call_1", "{\"city\":\"Rome\"}"),
                call("call_2", "{\"arguments\":\"{\\\"city\\\": \"}"),
                result("call_1", "Fine."),
                result("call_2", "Not JSON."),
            ],
            "include": ["reasoning.encrypted_content"],
            "tools": [{
                "type": "function",
                "name": "weather",
                "description": "The weather.",
                "parameters": strict,
                "strict": true,
            }],
        });
        assert_eq!(
            body(MODEL, conversation(), tools(), json!({"max_tokens": 100})),
            expected
        );
    }

    #[test]
    fn a_reply_is_read() {
        let answer = json!({
            "status": "completed",
            "output": [
                {"type": "reasoning", "id": "rs_1", "encrypted_content": "e", "summary": []},
                {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Let me see."}]},
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": "{\"city\": "},
            ],
            "usage": {"input_tokens": 3, "output_tokens": 5},
        });
        let reply = reply(MODEL, &answer).unwrap();
        assert_eq!(reply.text.as_deref(), Some("Let me see."));
        assert_eq!(reply.calls, [call("call_1", "{\"city\": ")]);
        assert_eq!((reply.input_tokens, reply.output_tokens), (3, 5));
        let kept = json!({"items": [
            {"type": "reasoning", "encrypted_content": "e", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "Let me see."}]},
            {"type": "function_call"},
        ]});
        assert_eq!(reply.provider_data, Some(kept));
    }

    #[test]
    fn an_answer_that_was_given_up_may_be_asked_for_again() {
        let failure = reply(MODEL, &json!({"output": [], "status": "failed"})).unwrap_err();
        assert_eq!(failure.message, "openai-responses gave up on the answer");
        assert!(failure.retryable);
        let cut = json!({"output": [], "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}});
        assert!(!reply(MODEL, &cut).unwrap_err().retryable);
    }
}
