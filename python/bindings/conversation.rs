//! The conversation as the native provider client takes it: shared with the run, and written once.

use std::sync::Arc;

use haltpoint_engine::message::Message;
use haltpoint_providers as providers;
use pyo3::prelude::*;

/// A conversation at one moment.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Conversation {
    conversation: Arc<providers::Conversation>,
    length: usize,
}

impl Conversation {
    /// The first `length` messages of a conversation that may grow.
    pub(crate) fn new(conversation: Arc<providers::Conversation>, length: usize) -> Self {
        Self { conversation, length }
    }

    /// The messages that the request holds, and how many they are.
    pub(crate) fn parts(&self) -> (Arc<providers::Conversation>, usize) {
        (Arc::clone(&self.conversation), self.length)
    }
}

#[pymethods]
impl Conversation {
    /// A conversation from the JSON text of a list of messages: `role`, `content`, `tool_calls` (`id`, `name`, `args`),
    /// `tool_call_id`, `name`, `is_error`, `provider_data`.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        let messages: Vec<Message> = serde_json::from_str(text)
            .map_err(|error| pyo3::exceptions::PyValueError::new_err(format!("not a conversation: {error}")))?;
        let length = messages.len();
        Ok(Self::new(Arc::new(providers::Conversation::new(messages)), length))
    }

    fn __len__(&self) -> usize {
        self.length
    }
}
