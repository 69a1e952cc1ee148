//! Decisions and cancel requests as they arrive, from this process or another.

use haltpoint_engine::journal::Entry;
use haltpoint_engine::store::ExternalRecord;
use haltpoint_engine::store::handle::Subscription;
use pyo3::prelude::*;

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

/// A subscription to one run. Each notice comes as a completion under the same ticket.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Watch {
    ticket: u64,
    subscription: std::sync::Mutex<Option<Subscription>>,
}

impl Watch {
    pub(crate) fn new(ticket: u64, subscription: Subscription) -> Self {
        Self {
            ticket,
            subscription: std::sync::Mutex::new(Some(subscription)),
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
        self.subscription
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
    }
}
