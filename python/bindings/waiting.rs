//! Calls that wait for what they began in the engine.

use std::sync::mpsc;

use haltpoint_engine::session::EngineError;
use haltpoint_engine::store::{Store, StoreError, WritableStore};
use pyo3::prelude::*;

use crate::database::PyDatabase;
use crate::errors::exception;

/// What the engine calls with an outcome.
type Then<T> = Box<dyn FnOnce(Result<T, EngineError>) + Send>;

/// Begins something and waits for its outcome; not to be called with the interpreter's lock.
pub(crate) fn wait_for<T: Send + 'static>(begin: impl FnOnce(Then<T>)) -> Result<T, EngineError> {
    let (sender, receiver) = mpsc::channel();
    begin(Box::new(move |outcome| {
        // The receiver is gone only when this call was torn down with its thread.
        let _ = sender.send(outcome);
    }));
    receiver.recv().unwrap_or(Err(StoreError::Closed.into()))
}

/// As [`wait_for`], from a call that has the interpreter's lock: it is given up meanwhile.
pub(crate) fn wait_detached<T: Send + 'static>(py: Python<'_>, begin: impl FnOnce(Then<T>) + Send) -> PyResult<T> {
    let outcome = py.detach(|| wait_for(begin));
    outcome.map_err(|error| exception(py, &error))
}

impl PyDatabase {
    /// Reads in the reading thread, and waits for it without the interpreter's lock.
    pub(crate) fn read_now<T: Send + 'static>(
        &self,
        py: Python<'_>,
        job: impl FnOnce(&mut dyn Store) -> Result<T, EngineError> + Send + 'static,
    ) -> PyResult<T> {
        wait_detached(py, |then| {
            self.store.read(Box::new(move |store| {
                then(store.map_err(EngineError::from).and_then(job))
            }));
        })
    }

    /// As [`PyDatabase::read_now`], for what may take long: other reads do not wait for it.
    pub(crate) fn read_apart_now<T: Send + 'static>(
        &self,
        py: Python<'_>,
        job: impl FnOnce(&mut dyn Store) -> Result<T, EngineError> + Send + 'static,
    ) -> PyResult<T> {
        wait_detached(py, |then| {
            self.store.read_apart(Box::new(move |store| {
                then(store.map_err(EngineError::from).and_then(job))
            }));
        })
    }

    /// Erases, removes, or does what else changes more than operations do, and waits for it without the interpreter's lock.
    pub(crate) fn maintain_now<T: Send + 'static>(
        &self,
        py: Python<'_>,
        job: impl FnOnce(&mut dyn WritableStore) -> Result<T, EngineError> + Send + 'static,
    ) -> PyResult<T> {
        wait_detached(py, |then| {
            self.store.maintain(Box::new(move |store| {
                then(store.map_err(EngineError::from).and_then(job))
            }));
        })
    }
}
