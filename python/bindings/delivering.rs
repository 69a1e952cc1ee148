//! Results of the engine on their way to an event loop.

use haltpoint_engine::session::{EngineError, Opened};
use pyo3::prelude::*;

use crate::completions::CompletionSender;
use crate::errors::exception;
use crate::session::PySession;
use crate::snapshot::Snapshot;

/// Sends a result of the engine as a completion.
pub(crate) fn deliver<T: Send + 'static>(
    sender: CompletionSender,
    ticket: u64,
    result: Result<T, EngineError>,
    value: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) {
    let into_value = Box::new(move |py: Python<'_>| match result {
        Ok(result) => value(py, result),
        Err(error) => Err(exception(py, &error)),
    });
    sender.send(ticket, into_value);
}

/// What a run that was opened becomes: a Session, or a Snapshot where there is nothing to drive.
pub(crate) fn deliver_opened(
    sender: CompletionSender,
    ticket: u64,
) -> Box<dyn FnOnce(Result<Opened, EngineError>) + Send> {
    Box::new(move |opened| {
        let owner = sender.clone();
        deliver(sender, ticket, opened, |py, opened| match opened {
            Opened::Session(session) => Ok(Py::new(py, PySession::new(*session, owner))?.into_any()),
            Opened::Idle(loaded) => Ok(Py::new(py, Snapshot::new(*loaded))?.into_any()),
        });
    })
}
