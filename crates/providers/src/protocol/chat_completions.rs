//! The OpenAI Chat Completions protocol, which most other providers speak as well.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::strict_schema::strict_schema;
use super::{Before, Fault, Outgoing, Protocol, ToolSpec, count_at, list_at, new_call_id, text_at};
use crate::catalog::Provider;
use crate::reply::{Reply, ReplyCall};
use crate::settings::{Effort, Names};
use crate::transcript::{Assistant, Call, CallResult, IdStyle, Reader, Turn};

/// What a message may carry of a model's reasoning, and gets back unchanged. `reasoning` is not among them: Groq and
/// others send it, and refuse it.
const KEPT: [&str; 2] = ["reasoning_content", "reasoning_details"];

/// OpenAI's models that reason refuse `max_tokens`.
const COMPLETION_TOKENS: [&str; 5] = ["gpt-5", "gpt-6", "o1", "o3", "o4"];
/// Fireworks stops at 2000 tokens unless it is told otherwise, and at the model's own limit where that is lower.
const FIREWORKS_TOKENS: u32 = 512_000;
/// The one model there that refuses more than its own limit.
const STRICT_AT_FIREWORKS: (&str, u32) = ("muse-glimmer-30b", 68_000);

/// The OpenAI Chat Completions protocol, which most other providers speak as well.
pub(crate) struct ChatCompletions;

impl Protocol for ChatCompletions {
    fn id_style(&self, provider: &Provider) -> IdStyle {
        if provider.prefix == "mistral" {
            IdStyle::Mistral
        } else {
            IdStyle::Common
        }
    }

    fn path(&self, _model: &str) -> String {
        "chat/completions".to_owned()
    }

    fn options(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let settings = outgoing.settings;
        let max_tokens = if COMPLETION_TOKENS
            .iter()
            .any(|family| outgoing.model.starts_with(family))
        {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        let mut options = settings.named(&Names {
            temperature: "temperature",
            top_p: "top_p",
            max_tokens,
            seed: if outgoing.provider.prefix == "mistral" {
                "random_seed"
            } else {
                "seed"
            },
            stop_sequences: "stop",
        });
        options.insert("stream".to_owned(), json!(false));
        if let Some(effort) = settings.reasoning_effort {
            insert_effort(&mut options, effort, outgoing.provider.prefix);
        }
        if outgoing.provider.prefix == "fireworks" && settings.max_tokens.is_none() {
            let (model, limit) = STRICT_AT_FIREWORKS;
            let limit = if outgoing.model.contains(model) {
                limit
            } else {
                FIREWORKS_TOKENS
            };
            options.insert("max_tokens".to_owned(), json!(limit));
        }
        options
    }

    // `model`, `messages`, `tools` and `parallel_tool_calls`.
    fn conversation(&self, outgoing: &Outgoing<'_>) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(model_name(outgoing)));
        if !outgoing.tools.is_empty() {
            let strict = outgoing.provider.prefix == "openai";
            body.insert(
                "tools".to_owned(),
                outgoing.tools.iter().map(|spec| tool(spec, strict)).collect(),
            );
            if let Some(parallel) = outgoing.settings.parallel_tool_calls {
                body.insert("parallel_tool_calls".to_owned(), json!(parallel));
            }
        }
        body
    }

    fn messages(&self, turn: &Turn<'_>, before: &Before<'_>, reader: &Reader<'_>) -> Vec<Value> {
        match turn {
            Turn::System(text) => vec![json!({"role": "system", "content": text})],
            // Mistral refuses a user's message right after tool results.
            Turn::User(text) if before.after_results && is_mistral(reader) => vec![
                json!({"role": "assistant", "content": "Done."}),
                json!({"role": "user", "content": text}),
            ],
            Turn::User(text) => vec![json!({"role": "user", "content": text})],
            Turn::Assistant(assistant) => vec![assistant_message(assistant, wants_reasoning(reader))],
            Turn::Results(results) => results.iter().map(result_message).collect(),
        }
    }

    fn read(&self, body: &Value) -> Result<Reply, Fault> {
        let choice = body
            .pointer("/choices/0")
            .ok_or_else(|| Fault::malformed("no choices"))?;
        let message = choice.get("message").filter(|message| message.is_object());
        let message = message.ok_or_else(|| Fault::malformed("a choice without a message"))?;
        let mut reply = Reply {
            calls: list_at(message, "/tool_calls")
                .iter()
                .map(call)
                .collect::<Result<_, _>>()?,
            input_tokens: count_at(body, "/usage/prompt_tokens"),
            output_tokens: count_at(body, "/usage/completion_tokens"),
            provider_data: kept(message),
            ..Reply::default()
        };
        read_text(&mut reply, message);
        match text_at(choice, "/finish_reason") {
            Some("length") if reply.text.is_none() || !reply.calls.is_empty() => Err(Fault::cut_short()),
            Some("content_filter") if reply.text.is_none() => Err(Fault::filtered("content filter")),
            _ => Ok(reply),
        }
    }
}

fn insert_effort(options: &mut Map<String, Value>, effort: Effort, provider: &str) {
    let thinks = effort != Effort::None;
    if provider == "deepseek" {
        let switch = if thinks { "enabled" } else { "disabled" };
        options.insert("thinking".to_owned(), json!({"type": switch}));
    }
    if provider != "deepseek" || thinks {
        options.insert("reasoning_effort".to_owned(), json!(effort.keyword()));
    }
}

/// Fireworks names its own models by a path.
fn model_name<'a>(outgoing: &Outgoing<'a>) -> Cow<'a, str> {
    if outgoing.provider.prefix == "fireworks" && !outgoing.model.contains('/') {
        Cow::Owned(format!("accounts/fireworks/models/{}", outgoing.model))
    } else {
        Cow::Borrowed(outgoing.model)
    }
}

/// Mistral, Ministral, Devstral and the rest, wherever they are served.
fn is_mistral(reader: &Reader<'_>) -> bool {
    reader.provider == "mistral" || reader.model.contains("stral")
}

/// See [`assistant_message`].
fn wants_reasoning(reader: &Reader<'_>) -> bool {
    matches!(reader.provider, "deepseek" | "kimi" | "moonshot")
}

/// Models of DeepSeek and Moonshot that think refuse an assistant's message without reasoning, or with an empty one,
/// whoever wrote it; those that do not think take no notice of it.
fn assistant_message(assistant: &Assistant<'_>, wants_reasoning: bool) -> Value {
    let mut message = json!({"role": "assistant", "content": assistant.text});
    if !assistant.calls.is_empty() {
        message["tool_calls"] = assistant.calls.iter().map(call_of_message).collect();
    }
    if wants_reasoning {
        message["reasoning_content"] = json!("(none)");
    }
    let data = assistant.data.iter().flatten();
    for (key, value) in data.filter(|(key, _)| *key == "content" || KEPT.contains(&key.as_str())) {
        message[key] = value.clone();
    }
    message
}

fn call_of_message(call: &Call<'_>) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.args}})
}

/// The protocol has no error flag; the content says what went wrong.
fn result_message(result: &CallResult<'_>) -> Value {
    json!({"role": "tool", "tool_call_id": result.id, "content": result.content})
}

/// Only OpenAI itself is known to take `strict`.
fn tool(spec: &ToolSpec, may_be_strict: bool) -> Value {
    let mut function = json!({"name": spec.name, "description": spec.description, "parameters": spec.schema()});
    if spec.strict && may_be_strict {
        function["parameters"] = strict_schema(&spec.schema());
        function["strict"] = json!(true);
    }
    json!({"type": "function", "function": function})
}

/// Text comes as a string, in typed chunks (Mistral), or as a refusal, which is what the model has to say then.
fn read_text(reply: &mut Reply, message: &Value) {
    match message.get("content") {
        Some(Value::String(text)) => reply.push_text(text),
        Some(Value::Array(chunks)) => {
            chunks
                .iter()
                .filter_map(|chunk| text_at(chunk, "/text"))
                .for_each(|text| reply.push_text(text));
        }
        _ => {}
    }
    if reply.text.is_none() {
        reply.push_text(text_at(message, "/refusal").unwrap_or_default());
    }
}

fn call(value: &Value) -> Result<ReplyCall, Fault> {
    let name = text_at(value, "/function/name").ok_or_else(|| Fault::malformed("a tool call without a name"))?;
    let args = match value.pointer("/function/arguments") {
        Some(Value::String(text)) if text.trim().is_empty() => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(arguments) if !arguments.is_null() => arguments.to_string(),
        _ => "{}".to_owned(),
    };
    let id = text_at(value, "/id")
        .filter(|id| !id.is_empty())
        .map_or_else(new_call_id, str::to_owned);
    Ok(ReplyCall {
        id,
        name: name.to_owned(),
        args,
    })
}

fn kept(message: &Value) -> Option<Value> {
    let given = KEPT
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), message.get(*key)?.clone())));
    let chunks = message.get("content").filter(|content| content.is_array());
    let given = given.chain(chunks.map(|chunks| ("content".to_owned(), chunks.clone())));
    let kept: Map<String, Value> = given.filter(|(_, value)| !value.is_null() && *value != "").collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{body, call, conversation, reply, schema, tools};

    fn messages(ids: [&str; 2]) -> Value {
        let calls = [
            (ids[0], "{\"city\":\"Rome\"}"),
            (ids[1], "{\"arguments\":\"{\\\"city\\\": \"}"),
        ];
        let calls = calls.map(
            |(id, args)| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": args}}),
        );
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How is the weather?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
            {"role": "tool", "tool_call_id": ids[0], "content": "Fine."},
            {"role": "tool", "tool_call_id": ids[1], "content": "Not JSON."},
        ])
    }

    #[test]
    fn a_request_is_written() {
        let strict = json!({
            "properties": {"city": {"type": "string"}},
            "type": "object",
            "additionalProperties": false,
            "required": ["city"],
        });
        let expected = json!({
            "max_completion_tokens": 100,
            "stream": false,
            "reasoning_effort": "low",
            "model": "gpt-5-mini",
            "messages": messages(["call_1", "call_2"]),
            "tools": [{"type": "function", "function": {
                "name": "weather", "description": "The weather.", "parameters": strict, "strict": true,
            }}],
            "parallel_tool_calls": true,
        });
        let settings = json!({"max_tokens": 100, "reasoning_effort": "low", "parallel_tool_calls": true});
        assert_eq!(body("openai/gpt-5-mini", conversation(), tools(), settings), expected);
    }

    #[test]
    fn mistral_gets_ids_of_nine_letters_and_no_strict_schema() {
        let body = body(
            "mistral/mistral-small-latest",
            conversation(),
            tools(),
            json!({"seed": 7}),
        );
        let ids = ["/messages/2/tool_calls/0/id", "/messages/2/tool_calls/1/id"]
            .map(|pointer| body.pointer(pointer).and_then(Value::as_str).unwrap());
        assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 9), "{ids:?}");
        assert_eq!(body["messages"], messages(ids));
        assert_eq!(body["random_seed"], 7);
        let function = json!({"name": "weather", "description": "The weather.", "parameters": schema()});
        assert_eq!(body["tools"], json!([{"type": "function", "function": function}]));
    }

    #[test]
    fn a_reply_is_read() {
        let answer = json!({
            "choices": [{"finish_reason": "tool_calls", "message": {
                "content": "Let me see.",
                "reasoning_content": "Hm.",
                "tool_calls": [
                    {"id": "call_1", "function": {"name": "weather", "arguments": "{\"city\": "}},
                    {"id": "call_2", "function": {"name": "weather", "arguments": ""}},
                ],
            }}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 5},
        });
        let reply = reply("deepseek/deepseek-chat", &answer).unwrap();
        assert_eq!(reply.text.as_deref(), Some("Let me see."));
        assert_eq!(reply.calls, [call("call_1", "{\"city\": "), call("call_2", "{}")]);
        assert_eq!((reply.input_tokens, reply.output_tokens), (3, 5));
        assert_eq!(reply.provider_data, Some(json!({"reasoning_content": "Hm."})));
    }

    #[test]
    fn a_call_without_an_id_gets_one_and_a_call_without_a_name_is_a_failure() {
        let answer = |call| json!({"choices": [{"message": {"tool_calls": [call]}}]});
        let named = reply("groq/llama", &answer(json!({"function": {"name": "weather"}}))).unwrap();
        assert!(named.calls[0].id.starts_with("call_"));
        let failure = reply("groq/llama", &answer(json!({"id": "call_1"}))).unwrap_err();
        assert!(failure.message.ends_with("a tool call without a name") && failure.retryable);
    }
}
