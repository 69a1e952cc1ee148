//! What a model answered, and how it gets back to the event loop.

use pyo3::prelude::*;
use serde_json::Value;

use super::failure::{Failure, ProviderFailure};
use crate::completions::CompletionSender;

/// A tool call as a provider sent it.
pub(super) struct ReplyCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text; not checked, so that a malformed one can go back to the model as its own mistake.
    pub(super) args: String,
}

/// A model's answer.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) text: Option<String>,
    pub(super) calls: Vec<ReplyCall>,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// What goes back to the same provider and model with this message.
    pub(super) provider_data: Option<Value>,
}

impl Reply {
    /// Appends a piece of text.
    pub(super) fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.get_or_insert_default().push_str(text);
        }
    }
}

/// A model's answer: text, tool calls, or both.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct ProviderReply(Reply);

#[pymethods]
impl ProviderReply {
    /// What the model says, or None.
    #[getter]
    fn text(&self) -> Option<&str> {
        self.0.text.as_deref()
    }

    /// The calls it asks for, as (id, name, JSON text of the arguments).
    #[getter]
    fn tool_calls(&self) -> Vec<(&str, &str, &str)> {
        self.0
            .calls
            .iter()
            .map(|call| (call.id.as_str(), call.name.as_str(), call.args.as_str()))
            .collect()
    }

    /// Tokens of the request, cached ones included.
    #[getter]
    fn input_tokens(&self) -> u64 {
        self.0.input_tokens
    }

    /// Tokens of the answer, reasoning included.
    #[getter]
    fn output_tokens(&self) -> u64 {
        self.0.output_tokens
    }

    /// JSON text that belongs to the assistant message, or None.
    #[getter]
    fn provider_data(&self) -> Option<String> {
        self.0.provider_data.as_ref().map(Value::to_string)
    }

    fn __repr__(&self) -> String {
        format!("<ProviderReply with {} tool calls>", self.0.calls.len())
    }
}

/// The promise to deliver something under a ticket, whatever becomes of the request.
pub(super) struct Delivery {
    sender: CompletionSender,
    ticket: u64,
    provider: &'static str,
    open: bool,
}

impl Delivery {
    pub(super) fn new(sender: CompletionSender, ticket: u64, provider: &'static str) -> Self {
        Self {
            sender,
            ticket,
            provider,
            open: true,
        }
    }

    pub(super) fn deliver(mut self, outcome: Result<Reply, Failure>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Result<Reply, Failure>) {
        self.open = false;
        self.sender.send(
            self.ticket,
            match outcome {
                Ok(reply) => Box::new(move |py| Ok(Py::new(py, ProviderReply(reply))?.into_any())),
                Err(failure) => Box::new(move |py| Ok(Py::new(py, ProviderFailure::new(failure))?.into_any())),
            },
        );
    }
}

impl Drop for Delivery {
    /// A request that was cancelled, or that broke down, answers as well: nobody waits for ever.
    fn drop(&mut self) {
        if self.open {
            self.send(Err(Failure::final_error(
                self.provider,
                "the request was dropped before it was answered",
            )));
        }
    }
}
