//! The messages that a run's entries stand for. In every request each call has exactly one result, in order.

use crate::Json;
use crate::journal::{ModelReplied, RunStarted};
use crate::message::{Message, Role, ToolCall};

use super::state::{Call, CallState, Run};

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

/// The result of a finished call.
pub(super) fn tool_message(call: &Call) -> Option<Message> {
    let CallState::Finished(outcome) = &call.state else {
        return None;
    };
    Some(Message {
        role: Role::Tool,
        content: Some(outcome.content.clone()),
        tool_calls: Vec::new(),
        tool_call_id: Some(call.plan.id.clone()),
        name: Some(call.plan.name.clone()),
        is_error: outcome.is_error,
        provider_data: None,
    })
}

impl Run {
    /// The text of the last message as a JSON string: the output of a run that answers in plain text.
    pub(super) fn last_text(&self) -> Option<Json> {
        let text = self.messages.last()?.content.as_deref().unwrap_or("");
        Json::from_serialize(text).ok()
    }
}
