//! The messages that a run's entries stand for. In every request each call has exactly one result, in order.

use crate::journal::{ModelReplied, PlannedCall, RunStarted};
use crate::message::{Message, Role, ToolCall};
use crate::{Json, Text};

use super::state::{Call, Outcome, Run};

/// The message that opens the run's own conversation.
pub(super) fn opening_message(started: &RunStarted) -> Message {
    Message::text(
        Role::User,
        started.prompt.clone().unwrap_or_else(|| started.description.clone()),
    )
}

/// The model's reply.
pub(super) fn assistant_message(reply: &ModelReplied) -> Message {
    Message {
        content: reply.text.clone(),
        provider_data: reply.provider_data.clone(),
        ..calling_message(&reply.calls)
    }
}

/// Calls that were planned, as a message that asks for them.
pub(super) fn calling_message<'a>(calls: impl IntoIterator<Item = &'a PlannedCall>) -> Message {
    let tool_calls = calls.into_iter().map(|call| ToolCall {
        id: call.id.clone(),
        name: call.name.clone(),
        args: call.args.clone(),
    });
    Message {
        role: Role::Assistant,
        content: None,
        tool_calls: tool_calls.collect(),
        tool_call_id: None,
        name: None,
        is_error: false,
        provider_data: None,
    }
}

impl Run {
    /// The results of the turn's calls, once each of them has one. Calls that joined while others were open stand in a message of
    /// their own behind these: each call that is asked for has its result next.
    pub(super) fn tool_messages(&self) -> Vec<Message> {
        let mut messages = Vec::with_capacity(self.calls.len() - self.turn_start + self.joined.len());
        let mut begin = self.turn_start;
        for &end in self.joined.iter().chain([&self.calls.len()]) {
            let group = &self.calls[begin..end];
            if begin > self.turn_start {
                messages.push(calling_message(group.iter().map(|call| &call.plan)));
            }
            messages.extend(group.iter().filter_map(|call| self.tool_message(call)));
            begin = end;
        }
        messages
    }

    fn tool_message(&self, call: &Call) -> Option<Message> {
        let outcome = call.outcome()?;
        let content = self
            .changed_args_shown(call)
            .map_or_else(|| outcome.content.clone(), |args| with_note(args, outcome));
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
fn with_note(args: &Json, outcome: &Outcome) -> Text {
    let (args, content) = (args.get(), &outcome.content);
    // One that failed may not have run at all, where its arguments did not fit.
    let when = if outcome.is_error { "" } else { " before it was run" };
    format!("A person changed the arguments of this call{when}, to: {args}\n\n{content}").into()
}
