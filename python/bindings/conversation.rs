//! The conversation as the native provider client takes it: shared with the run, never copied per request.

use std::sync::Arc;

use haltpoint_engine::message::Message;
use pyo3::prelude::*;

/// A conversation at one moment.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Conversation {
    messages: Arc<[Message]>,
}

impl Conversation {
    /// A conversation of these messages.
    pub(crate) fn new(messages: Arc<[Message]>) -> Self {
        Self { messages }
    }

    /// The messages, oldest first.
    pub(crate) fn messages(&self) -> Arc<[Message]> {
        Arc::clone(&self.messages)
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
        Ok(Self {
            messages: messages.into(),
        })
    }

    fn __len__(&self) -> usize {
        self.messages.len()
    }
}
