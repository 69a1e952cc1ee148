//! The messages that a run's entries stand for. In every request each call has exactly one result, in order.

use crate::journal::{ModelReplied, RunStarted};
use crate::message::{Message, Role, ToolCall};
use crate::{Json, Text};

use super::state::{Call, Run};

/// The message that opens the run's own conversation.
pub(super) fn opening_message(started: &RunStarted) -> Message {
    Message::text(
        Role::User,
        started.prompt.clone().unwrap_or_else(|| started.description.clone()),
    )
}

/// The model's reply.
pub(super) fn assistant_message(reply: &ModelReplied) -> Message {
    let tool_calls = reply
        .calls
        .iter()
        .map(|call| ToolCall {
            id: call.id.clone(),
            name: call.name.clone(),
            args: call.args.clone(),
        })
        .collect();
    Message {
        role: Role::Assistant,
        content: reply.text.clone(),
        tool_calls,
        tool_call_id: None,
        name: None,
        is_error: false,
        provider_data: reply.provider_data.clone(),
    }
}

impl Run {
    /// The results of the turn's calls, once each of them has one.
    pub(super) fn tool_messages(&self) -> Vec<Message> {
        self.turn().iter().filter_map(|call| self.tool_message(call)).collect()
    }

    fn tool_message(&self, call: &Call) -> Option<Message> {
        let outcome = call.outcome()?;
        let content = self
            .changed_args_shown(call)
            .map_or_else(|| outcome.content.clone(), |args| with_note(args, &outcome.content));
        Some(Message {
            role: Role::Tool,
            content: Some(content),
            tool_calls: Vec::new(),
            tool_call_id: Some(call.plan.id.clone()),
            name: Some(call.plan.name.clone()),
            is_error: outcome.is_error,
            provider_data: None,
        })
    }

    /// The text of the last message as a JSON string: the output of a run that answers in plain text.
    pub(super) fn last_text(&self) -> Option<Json> {
        let text = self.messages.last()?.content.as_deref().unwrap_or("");
        Json::from_serialize(text).ok()
    }
}

/// The model's own message stays as the provider sent it, so the model learns from the result what was run.
fn with_note(args: &Json, content: &Text) -> Text {
    let args = args.get();
    format!("A person changed the arguments of this call before it was run, to: {args}\n\n{content}").into()
}
