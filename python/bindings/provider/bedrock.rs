//! The Bedrock Converse protocol.
//!
//! genai writes this one; it takes no fields of ours. Reasoning is switched off, because its blocks could not be given
//! back unchanged; a failed call is told in the result's text, because genai has no field for the protocol's `status`.

use genai::chat::{ChatMessage, ChatRequest, ChatRole, ContentPart, MessageContent, Tool, ToolCall, ToolResponse};
use serde_json::Value;

use super::protocol::{Fault, Outgoing, ToolSpec, count_at, list_at, text_at};
use super::reply::{Reply, ReplyCall};
use super::transcript::{Assistant, CallResult, Turn};

/// The whole request in genai's form.
pub(super) fn request(outgoing: &Outgoing<'_>) -> ChatRequest {
    let mut request = ChatRequest::new(messages(&outgoing.transcript.turns));
    request.system = outgoing.transcript.system_text();
    // A conversation with calls in it is refused without definitions of tools.
    let mentioned: Vec<_> = match outgoing.tools {
        [] => outgoing
            .transcript
            .called_tools()
            .into_iter()
            .map(ToolSpec::mentioned)
            .collect(),
        _ => Vec::new(),
    };
    let tools: Vec<_> = outgoing.tools.iter().chain(&mentioned).map(tool).collect();
    request.tools = (!tools.is_empty()).then_some(tools);
    request
}

/// Roles take turns: what the user says after tool results belongs to the same message.
fn messages(turns: &[Turn<'_>]) -> Vec<ChatMessage> {
    let mut messages: Vec<(ChatRole, Vec<ContentPart>)> = Vec::new();
    for turn in turns {
        let (role, parts) = match turn {
            Turn::System(_) => continue,
            Turn::User(text) => (ChatRole::User, vec![user_part(text)]),
            Turn::Assistant(assistant) => (ChatRole::Assistant, assistant_parts(assistant)),
            Turn::Results(results) => (ChatRole::User, results.iter().map(result_part).collect()),
        };
        match messages.last_mut() {
            Some((last, content)) if *last == role => content.extend(parts),
            _ => messages.push((role, parts)),
        }
    }
    messages
        .into_iter()
        .map(|(role, parts)| ChatMessage::new(role, MessageContent::from_parts(parts)))
        .collect()
}

fn user_part(text: &str) -> ContentPart {
    ContentPart::from_text(if text.trim().is_empty() { "(no text)" } else { text })
}

fn assistant_parts(assistant: &Assistant<'_>) -> Vec<ContentPart> {
    let text = assistant.text.map(ContentPart::from_text);
    let calls = assistant.calls.iter().map(|call| {
        ContentPart::ToolCall(ToolCall {
            call_id: call.id.clone(),
            fn_name: call.name.clone(),
            fn_arguments: call.object(),
            thought_signatures: None,
        })
    });
    text.into_iter().chain(calls).collect()
}

fn result_part(result: &CallResult<'_>) -> ContentPart {
    let blank = result.content.trim().is_empty();
    let content = match (result.is_error, blank) {
        (true, true) => "Error: the tool failed without a message.".to_owned(),
        (true, false) => format!("Error: {}", result.content),
        (false, true) => "(no output)".to_owned(),
        (false, false) => result.content.to_owned(),
    };
    ContentPart::ToolResponse(ToolResponse::new(result.id.clone(), content))
}

fn tool(spec: &ToolSpec) -> Tool {
    let tool = Tool::new(spec.name.clone()).with_schema(spec.schema());
    if spec.description.is_empty() {
        tool
    } else {
        tool.with_description(spec.description.clone())
    }
}

/// Reads an answer.
pub(super) fn reply(body: &Value) -> Result<Reply, Fault> {
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
