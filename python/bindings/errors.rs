//! The one place where errors of the engine become exceptions of the package.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::ShortAuditKey;
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::DecisionError;
use haltpoint_engine::session::EngineError;
use haltpoint_engine::store::{StoreError, UnsupportedJournal};
use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

/// The exception of `haltpoint.exceptions` that stands for `error`.
pub(crate) fn exception(py: Python<'_>, error: &EngineError) -> PyErr {
    let made = match error {
        EngineError::Store(error) => store_exception(py, error),
        EngineError::Decision(error) => decision_exception(py, error),
        EngineError::Replay(_) => make(
            py,
            "DamagedRunError",
            &format!("{error}; restore the file from a backup"),
            PyDict::new(py),
        ),
    };
    made.unwrap_or_else(|failure| failure)
}

/// What cannot be read, as exceptions.
pub(crate) type Damage = Vec<Py<PyBaseException>>;

/// The exceptions for runs that cannot be read, as objects to hand over.
pub(crate) fn damage(py: Python<'_>, errors: Vec<StoreError>) -> Damage {
    let raised = errors.into_iter().map(|error| exception(py, &error.into()));
    raised.map(|error| error.into_value(py)).collect()
}

/// The exception for an audit key that is too short.
pub(crate) fn short_key_exception(py: Python<'_>, error: ShortAuditKey) -> PyErr {
    make(py, "AuditKeyError", &error.to_string(), PyDict::new(py)).unwrap_or_else(|failure| failure)
}

fn store_exception(py: Python<'_>, error: &StoreError) -> PyResult<PyErr> {
    let message = error.to_string();
    let attributes = PyDict::new(py);
    let class = match error {
        StoreError::RunNotFound { run_id } => {
            attributes.set_item("run_id", &**run_id)?;
            "RunNotFoundError"
        }
        StoreError::Busy {
            run_id, holder, since, ..
        } => {
            attributes.set_item("run_id", &**run_id)?;
            attributes.set_item("holder", holder.to_string())?;
            attributes.set_item("since", datetime(py, *since)?)?;
            "RunBusyError"
        }
        StoreError::LeaseLost { run_id } | StoreError::LeaseOver { run_id } => {
            attributes.set_item("run_id", &**run_id)?;
            "LeaseLostError"
        }
        StoreError::Decided {
            requirement_id,
            decision,
            by,
            at,
            still_needed,
        } => {
            return conflict(py, requirement_id, decision, by.as_deref(), *at, *still_needed);
        }
        StoreError::Expired {
            run_id,
            requirement_id,
            at,
        } => {
            attributes.set_item("run_id", &**run_id)?;
            attributes.set_item("requirement_id", &**requirement_id)?;
            attributes.set_item("expired_at", datetime(py, *at)?)?;
            "RequirementExpiredError"
        }
        StoreError::RequirementNotFound { run_id, requirement_id }
        | StoreError::NotRemembered { run_id, requirement_id } => {
            attributes.set_item("run_id", &**run_id)?;
            attributes.set_item("requirement_id", &**requirement_id)?;
            "InvalidResolutionError"
        }
        StoreError::TooLong { requirement_id, .. } => match requirement_id {
            Some(requirement_id) => {
                attributes.set_item("requirement_id", &**requirement_id)?;
                "InvalidResolutionError"
            }
            None => "LimitError",
        },
        StoreError::AuditKey { run_id, wanted, given } => {
            attributes.set_item("run_id", &**run_id)?;
            attributes.set_item("key_id", wanted.as_deref())?;
            attributes.set_item("given_key_id", given.as_deref())?;
            "AuditKeyError"
        }
        StoreError::RunMoved { run_id, to } => {
            attributes.set_item("run_id", &**run_id)?;
            attributes.set_item("moved_to", to.as_deref())?;
            "RunMovedError"
        }
        StoreError::OtherRun { run_id, differing } => {
            attributes.set_item("run_id", &**run_id)?;
            attributes.set_item("differing", differing)?;
            "RunConflictError"
        }
        StoreError::OtherSignal { id } => {
            attributes.set_item("signal_id", &**id)?;
            "SignalConflictError"
        }
        StoreError::NotRunning { run_id }
        | StoreError::RunExists { run_id }
        | StoreError::OtherJournal { run_id, .. } => {
            attributes.set_item("run_id", &**run_id)?;
            "StoreError"
        }
        StoreError::Damaged { run_id, .. } => {
            attributes.set_item("run_id", &**run_id)?;
            "DamagedRunError"
        }
        StoreError::UnsupportedJournal { run_id, problem } => {
            attributes.set_item("run_id", &**run_id)?;
            match problem {
                UnsupportedJournal::Features(features) => attributes.set_item("features", features)?,
                UnsupportedJournal::EarlierFormat(format) | UnsupportedJournal::LaterFormat(format) => {
                    attributes.set_item("journal_format", format)?;
                }
            }
            "UnsupportedJournalError"
        }
        StoreError::RunErased { run_id } => {
            attributes.set_item("run_id", &**run_id)?;
            "RunErasedError"
        }
        StoreError::NotStopped { run_id, .. } => {
            attributes.set_item("run_id", &**run_id)?;
            "UnfinishedRunError"
        }
        StoreError::Undelivered { run_id } => {
            attributes.set_item("run_id", &**run_id)?;
            "StoreError"
        }
        StoreError::Unreachable { .. } => "ServerUnreachableError",
        StoreError::Forked { .. } => "ForkedProcessError",
        StoreError::NotDue { .. } | StoreError::Unusable { .. } | StoreError::Closed => "StoreError",
    };
    make(py, class, &message, attributes)
}

fn conflict(
    py: Python<'_>,
    requirement_id: &str,
    decision: &Decision,
    by: Option<&str>,
    at: Timestamp,
    still_needed: u32,
) -> PyResult<PyErr> {
    let at = datetime(py, at)?;
    let who = by.map_or_else(String::new, |by| format!(" by {by}"));
    let message = match still_needed {
        0 => format!(
            "requirement {requirement_id} was {}{who} at {at} already; the first decision stands",
            decision.as_str()
        ),
        more => format!(
            "requirement {requirement_id} was approved{who} at {at} with {}, and {more} more must approve the same: \
             confirm the same or reject",
            decision.approved_text()
        ),
    };
    let attributes = PyDict::new(py);
    attributes.set_item("requirement_id", requirement_id)?;
    attributes.set_item("decided_by", by)?;
    attributes.set_item("decided_at", at)?;
    let text = serde_json::to_string(decision).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    attributes.set_item("decision", py.import("json")?.call_method1("loads", (text,))?)?;
    make(py, "RequirementConflictError", &message, attributes)
}

fn decision_exception(py: Python<'_>, error: &DecisionError) -> PyResult<PyErr> {
    let requirement_id = match error {
        DecisionError::Unknown { requirement_id, .. }
        | DecisionError::WrongKind { requirement_id, .. }
        | DecisionError::FixedArguments { requirement_id }
        | DecisionError::Nowhere { requirement_id }
        | DecisionError::Nameless { requirement_id, .. }
        | DecisionError::NotToBeRemembered { requirement_id, .. }
        | DecisionError::NotRemembered { requirement_id }
        | DecisionError::OnlyRepeats { requirement_id, .. }
        | DecisionError::OtherDigest { requirement_id }
        | DecisionError::Fields { requirement_id, .. } => &**requirement_id,
    };
    let attributes = [("requirement_id", requirement_id)].into_py_dict(py)?;
    if matches!(error, DecisionError::OtherDigest { .. }) {
        attributes.set_item("field_name", "expected_digest")?;
    }
    let class = match error {
        DecisionError::Nowhere { .. } => "RequirementNotFoundError",
        _ => "InvalidResolutionError",
    };
    make(py, class, &error.to_string(), attributes)
}

fn make(py: Python<'_>, class: &str, message: &str, attributes: Bound<'_, PyDict>) -> PyResult<PyErr> {
    let class = py.import("haltpoint.exceptions")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((message,), Some(&attributes))?))
}

/// The time as an aware datetime in UTC.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds since 1970 stay below 2^53 until the year 2255"
)]
fn datetime(py: Python<'_>, at: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    let module = py.import("datetime")?;
    let utc = module.getattr("timezone")?.getattr("utc")?;
    module
        .getattr("datetime")?
        .call_method1("fromtimestamp", (at.0 as f64 / 1e6, utc))
}
