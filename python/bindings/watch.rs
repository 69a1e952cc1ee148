//! Decisions and cancel requests as they arrive, from this process or another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haltpoint_engine::journal::Entry;
use haltpoint_engine::store::handle::Subscription;
use haltpoint_engine::store::{ExternalRecord, Position, StoreError};
use pyo3::prelude::*;

use crate::completions::CompletionSender;
use crate::errors::exception;

/// Something that somebody who does not drive appended to a run's journal.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct OutsiderNotice {
    notice: ExternalRecord,
}

impl OutsiderNotice {
    pub(crate) fn new(notice: ExternalRecord) -> Self {
        Self { notice }
    }

    pub(crate) fn notice(&self) -> &ExternalRecord {
        &self.notice
    }
}

#[pymethods]
impl OutsiderNotice {
    /// The entry's kind: `requirement_decided`, `requirement_expired`, `approval_revoked` or `cancel_requested`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.notice.record.entry.kind()
    }

    /// The requirement that was decided, or expired.
    #[getter]
    fn requirement_id(&self) -> Option<&str> {
        match &self.notice.record.entry {
            Entry::RequirementDecided(decided) => Some(&decided.requirement_id),
            Entry::RequirementExpired(expired) => Some(&expired.requirement_id),
            Entry::ApprovalRevoked(revoked) => Some(&revoked.requirement_id),
            _ => None,
        }
    }
}

/// What a loop is told of commits: the last of it, where it has not looked for a while.
pub(crate) struct News {
    sender: CompletionSender,
    ticket: u64,
    latest: Arc<Mutex<Option<Told>>>,
}

type Told = Result<Position, StoreError>;

impl News {
    pub(crate) fn new(sender: CompletionSender, ticket: u64) -> Self {
        let latest = Arc::default();
        Self { sender, ticket, latest }
    }

    pub(crate) fn tell(&self, told: Told) {
        if lock(&self.latest).replace(told).is_some() {
            // It is on its way, and has yet to be looked at.
            return;
        }
        let latest = Arc::clone(&self.latest);
        let value = Box::new(move |py: Python<'_>| match lock(&latest).take() {
            Some(Ok(position)) => Ok(position.as_number().into_pyobject(py)?.into_any().unbind()),
            Some(Err(error)) => Ok(exception(py, &error.into()).into_value(py).into_any()),
            None => Ok(py.None()),
        });
        self.sender.send(self.ticket, value);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A subscription to one run, or to all commits. Each notice comes as a completion under the same ticket.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Watch {
    ticket: u64,
    subscription: Mutex<Option<Subscription>>,
}

impl Watch {
    pub(crate) fn new(ticket: u64, subscription: Subscription) -> Self {
        Self {
            ticket,
            subscription: Mutex::new(Some(subscription)),
        }
    }
}

#[pymethods]
impl Watch {
    #[getter]
    fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Ends the subscription.
    fn close(&self) {
        let ended = lock(&self.subscription).take();
        drop(ended);
    }
}
