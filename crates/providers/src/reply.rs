//! What a model answered, and how it gets to whoever asked.

use serde_json::Value;

use crate::failure::Failure;

/// A tool call as a provider sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyCall {
    /// The provider's id of the call, or a new one where it sent none.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// JSON text; not checked, so that a malformed one can go back to the model as its own mistake.
    pub args: String,
}

/// A model's answer: text, tool calls, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What the model says.
    pub text: Option<String>,
    /// The calls that the model asks for, in its order.
    pub calls: Vec<ReplyCall>,
    /// Tokens of the request, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// What goes back to the same provider and model with this message.
    pub provider_data: Option<Value>,
}

impl Reply {
    /// Appends a piece of text.
    pub(crate) fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.get_or_insert_default().push_str(text);
        }
    }
}

/// Who gets an outcome.
type Receiver = Box<dyn FnOnce(Result<Reply, Failure>) + Send>;

/// The promise to deliver an outcome, whatever becomes of the request.
pub(crate) struct Delivery {
    provider: &'static str,
    receiver: Option<Receiver>,
}

impl Delivery {
    pub(crate) fn new(provider: &'static str, receiver: Receiver) -> Self {
        Self {
            provider,
            receiver: Some(receiver),
        }
    }

    pub(crate) fn deliver(mut self, outcome: Result<Reply, Failure>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Result<Reply, Failure>) {
        if let Some(receiver) = self.receiver.take() {
            receiver(outcome);
        }
    }
}

impl Drop for Delivery {
    /// A request that was aborted, or that broke down, answers as well: nobody waits for ever.
    fn drop(&mut self) {
        self.send(Err(Failure::final_error(
            self.provider,
            "the request was dropped before it was answered",
        )));
    }
}
