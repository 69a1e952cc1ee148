//! A conversation that grows with its run, and what of it is written already.
//!
//! Each request holds the whole conversation, and a run makes one request a step. Each message is therefore written once, as what the
//! protocol makes of it, and kept: a step costs what its own messages cost, and copying the text.

use std::sync::{Mutex, MutexGuard, PoisonError};

use haltpoint_engine::message::Message;
use serde_json::Value;

use crate::protocol::{Before, Protocol};
use crate::transcript::{Reader, Turn, WireIds, turns_of};

/// A conversation. Messages are only ever added.
#[derive(Default)]
pub struct Conversation {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    written: Option<Written>,
}

impl Conversation {
    /// A conversation of these messages, oldest first.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Self {
        let state = State {
            messages,
            written: None,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// How many messages it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// Whether nobody has said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds what was said since.
    ///
    /// The results of a reply's tool calls belong to the same step as the reply: they are there when the next request is made.
    pub fn extend(&self, messages: impl IntoIterator<Item = Message>) {
        self.lock().messages.extend(messages);
    }

    /// Lets `then` have the first `length` messages as they are written for a reader.
    pub(crate) fn written<T>(
        &self,
        length: usize,
        protocol: &dyn Protocol,
        reader: &Reader<'_>,
        then: impl FnOnce(&Written) -> T,
    ) -> serde_json::Result<T> {
        let mut state = self.lock();
        let State { messages, written } = &mut *state;
        let known = written.take_if(|written| !written.is_for(reader, length));
        drop(known);
        let written = written.get_or_insert_with(|| Written::new(reader));
        let end = length.min(messages.len());
        written.extend(&messages[written.messages..end], protocol, reader)?;
        Ok(then(written))
    }

    /// A panic says nothing about the messages: what was being written is begun anew where its count does not fit.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was written of a conversation for one reader.
pub(crate) struct Written {
    provider: String,
    model: String,
    ids: WireIds,
    /// How many messages it holds.
    messages: usize,
    /// The last turn was the results of calls.
    after_results: bool,
    /// The role of the last message, where neighbours of one role are one message: its list is still open then.
    open_role: Option<String>,
    text: Vec<u8>,
    summary: Summary,
}

/// What a request says of a conversation as a whole.
#[derive(Default)]
pub(crate) struct Summary {
    system: Vec<String>,
    called_tools: Vec<String>,
    /// Of the reply whose tool results end the conversation, where results end it: whether the model was asked to reason.
    pub(crate) open_loop_reasons: Option<bool>,
}

impl Summary {
    /// The system messages as one text, for protocols that keep it apart from the conversation.
    pub(crate) fn system_text(&self) -> Option<String> {
        (!self.system.is_empty()).then(|| self.system.join("\n\n"))
    }

    /// The names of all tools that were called, each once.
    pub(crate) fn called_tools(&self) -> &[String] {
        &self.called_tools
    }

    fn note(&mut self, turn: &Turn<'_>) {
        match turn {
            Turn::System(text) => self.system.push((*text).to_owned()),
            Turn::User(_) => self.open_loop_reasons = None,
            Turn::Assistant(assistant) => {
                self.open_loop_reasons = None;
                for call in &assistant.calls {
                    if !self.called_tools.contains(&call.name) {
                        self.called_tools.push(call.name.clone());
                    }
                }
            }
            Turn::Results(_) => {}
        }
    }
}

impl Written {
    fn new(reader: &Reader<'_>) -> Self {
        Self {
            provider: reader.provider.to_owned(),
            model: reader.model.to_owned(),
            ids: WireIds::new(reader.id_style),
            messages: 0,
            after_results: false,
            open_role: None,
            text: Vec::new(),
            summary: Summary::default(),
        }
    }

    fn is_for(&self, reader: &Reader<'_>, length: usize) -> bool {
        self.provider == reader.provider && self.model == reader.model && self.messages <= length
    }

    /// What a request says of the conversation as a whole.
    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The messages as JSON values with commas between.
    pub(crate) fn text(&self) -> (&[u8], &'static [u8]) {
        (&self.text, if self.open_role.is_some() { b"]}" } else { b"" })
    }

    fn extend(&mut self, messages: &[Message], protocol: &dyn Protocol, reader: &Reader<'_>) -> serde_json::Result<()> {
        let turns = turns_of(messages, reader, &mut self.ids);
        // From here on it holds more than its count says, until all of it is written.
        let count = std::mem::replace(&mut self.messages, usize::MAX);
        let mut assistant = None;
        for turn in &turns {
            let before = Before {
                after_results: self.after_results,
                assistant,
            };
            for message in protocol.messages(turn, &before, reader) {
                self.push(message, protocol.list_of_a_role())?;
            }
            self.summary.note(turn);
            match turn {
                Turn::Assistant(said) => assistant = Some(said),
                Turn::Results(_) => self.summary.open_loop_reasons = Some(assistant.is_some_and(|said| said.reasons())),
                Turn::System(_) | Turn::User(_) => {}
            }
            self.after_results = matches!(turn, Turn::Results(_));
        }
        self.messages = count + messages.len();
        Ok(())
    }

    /// Writes a message, or, where its neighbour has the same role, adds its list to the neighbour's.
    fn push(&mut self, message: Value, list: Option<&str>) -> serde_json::Result<()> {
        let Some(list) = list else {
            self.separate();
            return serde_json::to_writer(&mut self.text, &message);
        };
        let role = message["role"].as_str().unwrap_or_default();
        if self.open_role.as_deref() != Some(role) {
            if self.open_role.is_some() {
                self.text.extend_from_slice(b"]}");
            }
            self.separate();
            self.text.extend_from_slice(b"{\"role\":");
            serde_json::to_writer(&mut self.text, role)?;
            self.text.push(b',');
            serde_json::to_writer(&mut self.text, list)?;
            self.text.extend_from_slice(b":[");
            self.open_role = Some(role.to_owned());
        }
        for block in message[list].as_array().into_iter().flatten() {
            if !self.text.ends_with(b"[") {
                self.text.push(b',');
            }
            serde_json::to_writer(&mut self.text, block)?;
        }
        Ok(())
    }

    fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push(b',');
        }
    }
}
