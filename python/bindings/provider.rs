//! The provider client as Python takes it: requests from JSON, outcomes into the completions of an event loop.

use haltpoint_providers::{Call, Client, Failure, ModelRequest, Reply, Service, ServiceError};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::completions::{Completions, IntoValue};
use crate::conversation::Conversation;

/// A model of a provider. Holds no key and no connection.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct ProviderClient {
    client: Client,
}

#[pymethods]
impl ProviderClient {
    /// A client for "provider/model"; ValueError for an unknown provider, and without one.
    #[new]
    fn new(model: &str) -> PyResult<Self> {
        let client = Client::new(model).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { client })
    }

    /// The prefixes of all providers.
    #[staticmethod]
    fn providers() -> Vec<&'static str> {
        Client::providers()
    }

    /// The provider's prefix.
    #[getter]
    fn provider(&self) -> &'static str {
        self.client.provider()
    }

    /// Sends a conversation. A ProviderReply or a ProviderFailure is delivered under the call's ticket.
    ///
    /// ValueError when the tools or the settings can't be read, RuntimeError in a forked process.
    #[pyo3(signature = (completions, conversation, tools_json, settings_json=None))]
    fn request(
        &self,
        completions: &Completions,
        conversation: &Conversation,
        tools_json: &str,
        settings_json: Option<&str>,
    ) -> PyResult<ProviderCall> {
        let service = Service::of_this_process().map_err(service_error)?;
        let (conversation, length) = conversation.parts();
        let request = ModelRequest {
            conversation,
            length,
            tools: read("tools", tools_json)?,
            settings: settings_json
                .map(|text| read("settings", text))
                .transpose()?
                .unwrap_or_default(),
        };
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        // The environment is read in here, under the interpreter's lock: Python changes it under that lock.
        let variable = |name: &str| std::env::var(name).ok();
        let deliver = move |outcome| sender.send(ticket, into_value(outcome));
        let call = self.client.request(service, request, &variable, deliver);
        Ok(ProviderCall { ticket, call })
    }

    fn __repr__(&self) -> String {
        format!("<ProviderClient {}/{}>", self.client.provider(), self.client.model())
    }
}

fn read<'a, T: Deserialize<'a>>(what: &str, text: &'a str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("these are no {what}: {error}")))
}

fn service_error(error: ServiceError) -> PyErr {
    match error {
        ServiceError::Forked => PyRuntimeError::new_err(format!(
            "{error}: start it with the multiprocessing method 'spawn' or 'forkserver'"
        )),
        ServiceError::Unavailable(_) => PyOSError::new_err(error.to_string()),
    }
}

fn into_value(outcome: Result<Reply, Failure>) -> IntoValue {
    match outcome {
        Ok(reply) => Box::new(move |py| Ok(Py::new(py, ProviderReply(reply))?.into_any())),
        Err(failure) => Box::new(move |py| Ok(Py::new(py, ProviderFailure(failure))?.into_any())),
    }
}

/// A request under way.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct ProviderCall {
    /// The ticket that the outcome is delivered under.
    #[pyo3(get)]
    ticket: u64,
    call: Call,
}

#[pymethods]
impl ProviderCall {
    /// Drops the request, closing its connection. What is delivered then is a ProviderFailure.
    fn cancel(&self) {
        self.call.abort();
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

/// Why a model did not answer.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct ProviderFailure(Failure);

#[pymethods]
impl ProviderFailure {
    /// The provider's prefix in model names, such as "openai".
    #[getter]
    fn provider(&self) -> &'static str {
        self.0.provider
    }

    /// What went wrong, without secrets, at most 500 characters.
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    /// HTTP status of the answer, or None without one.
    #[getter]
    fn status_code(&self) -> Option<u16> {
        self.0.status
    }

    /// Whether the same request may succeed later.
    #[getter]
    fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// The Retry-After header as it came, seconds or a date, or None.
    #[getter]
    fn retry_after(&self) -> Option<&str> {
        self.0.retry_after.as_deref()
    }

    /// The retry-after-ms header as it came, or None.
    #[getter]
    fn retry_after_ms(&self) -> Option<&str> {
        self.0.retry_after_ms.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("<ProviderFailure {:?}>", self.0.message)
    }
}
