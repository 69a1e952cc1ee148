//! The Gemini generateContent protocol.

use serde_json::{Map, Value, json};

use super::{Before, Fault, Outgoing, Protocol, ToolSpec, count_at, list_at, new_call_id, text_at};
use crate::reply::{Reply, ReplyCall};
use crate::secrets::percent_encoded;
use crate::settings::{Effort, Names, Setting};
use crate::transcript::{Assistant, Call, CallResult, Reader, Turn};

const PIECES: &str = "parts";
/// What the provider documents for calls that were not made by the model that reads them.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The Gemini generateContent protocol.
pub(crate) struct Gemini;

impl Protocol for Gemini {
    fn unsupported(&self) -> &'static [Setting] {
        &[Setting::ParallelToolCalls]
    }

    fn version_path(&self) -> Option<&'static str> {
        Some("/v1beta")
    }

    fn path(&self, model: &str) -> String {
        let parts: Vec<_> = model.split('/').map(percent_encoded).collect();
        format!("models/{}:generateContent", parts.join("/"))
    }

    fn headers(&self, key: &str) -> Vec<(&'static str, String)> {
        vec![("x-goog-api-key", key.to_owned())]
    }

    fn options(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut config = outgoing.settings.named(&Names {
            temperature: "temperature",
            top_p: "topP",
            max_tokens: "maxOutputTokens",
            seed: "seed",
            stop_sequences: "stopSequences",
        });
        let effort = outgoing.settings.reasoning_effort;
        if let Some(effort) = effort.filter(|effort| *effort != Effort::None) {
            config.insert("thinkingConfig".to_owned(), thinking(outgoing.model, effort));
        }
        let mut options = Map::new();
        if !config.is_empty() {
            options.insert("generationConfig".to_owned(), Value::Object(config));
        }
        options
    }

    // `systemInstruction`, `contents` and `tools`.
    fn conversation(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(system) = outgoing.summary.system_text() {
            body.insert("systemInstruction".to_owned(), json!({"parts": [{"text": system}]}));
        }
        if !outgoing.tools.is_empty() {
            let tools: Vec<_> = outgoing.tools.iter().map(tool).collect();
            body.insert("tools".to_owned(), json!([{"functionDeclarations": tools}]));
        }
        body
    }

    fn messages_field(&self) -> &'static str {
        "contents"
    }

    fn messages(&self, turn: &Turn<'_>, before: &Before<'_>, reader: &Reader<'_>) -> Vec<Value> {
        let (role, parts) = match turn {
            Turn::System(_) => return Vec::new(),
            Turn::User(text) => (
                "user",
                vec![json!({"text": if text.is_empty() { "(no text)" } else { text }})],
            ),
            Turn::Assistant(assistant) => ("model", assistant_parts(assistant, checks_signatures(reader.model))),
            Turn::Results(results) => {
                // Ids are the provider's own or none: it matches by order then.
                let with_ids = before.assistant.map(calls_with_ids).unwrap_or_default();
                let numbered = results.iter().enumerate();
                let parts = numbered.map(|(n, result)| result_part(result, with_ids.get(n) == Some(&true)));
                ("user", parts.collect())
            }
        };
        vec![json!({"role": role, "parts": parts})]
    }

    fn read(&self, body: &Value) -> Result<Reply, Fault> {
        if let Some(reason) = text_at(body, "/promptFeedback/blockReason") {
            return Err(Fault::filtered(reason));
        }
        let candidate = body
            .pointer("/candidates/0")
            .ok_or_else(|| Fault::malformed("no candidates"))?;
        let parts = list_at(candidate, "/content/parts");
        let mut reply = Reply {
            input_tokens: count_at(body, "/usageMetadata/promptTokenCount"),
            output_tokens: count_at(body, "/usageMetadata/candidatesTokenCount")
                .saturating_add(count_at(body, "/usageMetadata/thoughtsTokenCount")),
            ..Reply::default()
        };
        for part in parts {
            read_part(&mut reply, part)?;
        }
        reply.provider_data = kept(parts);
        finished(text_at(candidate, "/finishReason"), reply)
    }
}

fn thinking(model: &str, effort: Effort) -> Value {
    let (level, budget) = match effort {
        Effort::None | Effort::Minimal => ("MINIMAL", 1000),
        Effort::Low => ("LOW", 1000),
        Effort::Medium => ("MEDIUM", 8000),
        Effort::High | Effort::XHigh | Effort::Max => ("HIGH", 24_000),
    };
    if ["gemini-3", "gemma-4"].iter().any(|family| model.contains(family)) {
        json!({"thinkingLevel": level})
    } else {
        json!({"thinkingBudget": budget})
    }
}

/// Since Gemini 3, the first call of a turn is refused without a signature.
fn checks_signatures(model: &str) -> bool {
    !["gemini-1", "gemini-2", "gemma"]
        .iter()
        .any(|family| model.starts_with(family))
}

fn is_call(piece: &Value) -> bool {
    piece.get("functionCall").is_some()
}

fn calls_with_ids(assistant: &Assistant<'_>) -> Vec<bool> {
    let pieces = assistant.pieces(PIECES, is_call).unwrap_or_default();
    pieces
        .iter()
        .filter(|piece| is_call(piece))
        .map(|piece| piece.pointer("/functionCall/id").is_some())
        .collect()
}

fn assistant_parts(assistant: &Assistant<'_>, signed: bool) -> Vec<Value> {
    let Some(pieces) = assistant.pieces(PIECES, is_call) else {
        return foreign_parts(assistant, signed);
    };
    let mut calls = assistant.calls.iter();
    let parts = pieces.iter().filter_map(|piece| {
        if !is_call(piece) {
            return Some(piece.clone());
        }
        let mut part = piece.clone();
        part["functionCall"] = function_call(calls.next()?, piece.pointer("/functionCall/id").is_some());
        Some(part)
    });
    parts.collect()
}

fn foreign_parts(assistant: &Assistant<'_>, signed: bool) -> Vec<Value> {
    let mut parts: Vec<_> = assistant.text.map(|text| json!({"text": text})).into_iter().collect();
    for (index, call) in assistant.calls.iter().enumerate() {
        let mut part = json!({"functionCall": function_call(call, false)});
        if signed && index == 0 {
            part["thoughtSignature"] = json!(NO_SIGNATURE);
        }
        parts.push(part);
    }
    parts
}

fn function_call(call: &Call<'_>, with_id: bool) -> Value {
    let mut value = json!({"name": call.name, "args": call.object()});
    if with_id {
        value["id"] = json!(call.id);
    }
    value
}

fn result_part(result: &CallResult<'_>, with_id: bool) -> Value {
    let key = if result.is_error { "error" } else { "output" };
    let mut response = json!({"name": result.name, "response": {key: result.content}});
    if with_id {
        response["id"] = json!(result.id);
    }
    json!({"functionResponse": response})
}

fn tool(spec: &ToolSpec) -> Value {
    json!({"name": spec.name, "description": spec.description, "parametersJsonSchema": spec.schema()})
}

fn finished(reason: Option<&str>, reply: Reply) -> Result<Reply, Fault> {
    let complete = reply.text.is_some() && reply.calls.is_empty();
    match reason {
        None | Some("STOP") => Ok(reply),
        Some("MAX_TOKENS") if !complete => Err(Fault::cut_short()),
        Some(reason @ ("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "OTHER")) if !complete => {
            Err(Fault::Passing(format!("gave up on the answer ({reason})")))
        }
        Some(reason) if !complete && reply.calls.is_empty() => Err(Fault::filtered(reason)),
        Some(_) => Ok(reply),
    }
}

fn is_thought(part: &Value) -> bool {
    part.get("thought").and_then(Value::as_bool) == Some(true)
}

fn read_part(reply: &mut Reply, part: &Value) -> Result<(), Fault> {
    if let Some(call) = part.get("functionCall") {
        let name = text_at(call, "/name").ok_or_else(|| Fault::malformed("a function call without a name"))?;
        let args = call.get("args").filter(|args| !args.is_null());
        reply.calls.push(ReplyCall {
            id: text_at(call, "/id").map_or_else(new_call_id, str::to_owned),
            name: name.to_owned(),
            args: args.map_or_else(|| "{}".to_owned(), Value::to_string),
        });
    } else if let Some(text) = text_at(part, "/text").filter(|_| !is_thought(part)) {
        reply.push_text(text);
    }
    Ok(())
}

/// The parts as they go back, when the message alone could not give them: signatures and call ids.
fn kept(parts: &[Value]) -> Option<Value> {
    let special = |part: &Value| part.get("thoughtSignature").is_some() || part.pointer("/functionCall/id").is_some();
    let pieces = || {
        parts
            .iter()
            .filter(|part| !is_thought(part))
            .map(piece)
            .collect::<Vec<_>>()
    };
    parts.iter().any(special).then(|| json!({PIECES: pieces()}))
}

fn piece(part: &Value) -> Value {
    let mut piece = part.clone();
    if let Some(call) = piece.get_mut("functionCall").and_then(Value::as_object_mut) {
        call.retain(|key, _| key == "id");
    }
    piece
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::super::testing::{body, call, conversation, reply, schema, tools};

    const MODEL: &str = "gemini/gemini-3-flash";

    #[test]
    fn a_request_is_written() {
        let expected = json!({
            "generationConfig": {"maxOutputTokens": 100, "thinkingConfig": {"thinkingLevel": "HIGH"}},
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "How is the weather?"}]},
                {"role": "model", "parts": [
                    {"text": "Let me see."},
                    {
                        "functionCall": {"name": "weather", "args": {"city": "Rome"}},
                        "thoughtSignature": "skip_thought_signature_validator",
                    },
                    {"functionCall": {"name": "weather", "args": {"arguments": "{\"city\": "}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "weather", "response": {"output": "Fine."}}},
                    {"functionResponse": {"name": "weather", "response": {"error": "Not JSON."}}},
                ]},
            ],
            "tools": [{"functionDeclarations": [
                {"name": "weather", "description": "The weather.", "parametersJsonSchema": schema()},
            ]}],
        });
        let settings = json!({"max_tokens": 100, "reasoning_effort": "high"});
        assert_eq!(body(MODEL, conversation(), tools(), settings), expected);
    }

    #[test]
    fn a_reply_is_read() {
        let answer = json!({
            "candidates": [{"finishReason": "STOP", "content": {"parts": [
                {"text": "Hm.", "thought": true},
                {"text": "Let me see."},
                {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "s"},
                {"functionCall": {"id": "call_2", "name": "weather", "args": "Rome"}},
            ]}}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "thoughtsTokenCount": 6},
        });
        let reply = reply(MODEL, &answer).unwrap();
        assert_eq!(reply.text.as_deref(), Some("Let me see."));
        let calls = [call("call_1", r#"{"city":"Rome"}"#), call("call_2", r#""Rome""#)];
        assert_eq!(reply.calls, calls);
        assert_eq!((reply.input_tokens, reply.output_tokens), (3, 11));
        let kept = json!({"parts": [
            {"text": "Let me see."},
            {"functionCall": {"id": "call_1"}, "thoughtSignature": "s"},
            {"functionCall": {"id": "call_2"}},
        ]});
        assert_eq!(reply.provider_data, Some(kept));
    }

    #[test]
    fn a_blocked_prompt_is_a_failure_and_a_malformed_call_one_that_may_pass() {
        let blocked = reply(MODEL, &json!({"promptFeedback": {"blockReason": "SAFETY"}})).unwrap_err();
        assert_eq!(blocked.message, "gemini held the answer back (SAFETY)");
        assert!(!blocked.retryable);
        let answer = json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]});
        assert!(reply(MODEL, &answer).unwrap_err().retryable);
    }
}
