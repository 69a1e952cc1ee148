//! Lists of runs, requirements and approvals.

use std::sync::{Mutex, PoisonError};

use haltpoint_engine::Text;
use haltpoint_engine::session::{self, List, Part};
use haltpoint_engine::store::{ApprovalFilter, RequirementFilter, RequirementSet, RunFilter, RunRow, RunStatus, Store};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Serialize;

use crate::database::PyDatabase;
use crate::errors::{Damage, damage};
use crate::inputs::requirement_kind;

/// Run id, agent name, session id, user id, status, and the times of creation and of the last change in microseconds.
pub(crate) type PyRunRow = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    &'static str,
    i64,
    i64,
);

pub(crate) fn run_row(row: RunRow) -> PyRunRow {
    let text = |text: Option<Text>| text.map(|text| text.to_string());
    (
        row.run_id.to_string(),
        text(row.agent_name),
        text(row.session_id),
        text(row.user_id),
        row.status.as_str(),
        row.created_at.0,
        row.updated_at.0,
    )
}

pub(crate) fn run_filter(
    status: Option<&str>,
    agent_name: Option<String>,
    session_id: Option<String>,
    user_id: Option<String>,
    id_prefix: Option<String>,
    before: Option<String>,
) -> PyResult<RunFilter> {
    Ok(RunFilter {
        id_prefix: id_prefix.map(Into::into),
        status: status.map(run_status).transpose()?,
        agent_name: agent_name.map(Into::into),
        session_id: session_id.map(Into::into),
        user_id: user_id.map(Into::into),
        before: before.map(Into::into),
        ..RunFilter::default()
    })
}

fn run_status(name: &str) -> PyResult<RunStatus> {
    RunStatus::parse(name).ok_or_else(|| PyValueError::new_err(format!("no run has the status {name:?}")))
}

pub(crate) fn requirement_filter(
    run_id: Option<String>,
    kind: Option<&str>,
    set: &str,
    id_prefix: Option<String>,
    before: Option<String>,
) -> PyResult<RequirementFilter> {
    Ok(RequirementFilter {
        id_prefix: id_prefix.map(Into::into),
        run_id: run_id.map(Into::into),
        kind: kind.map(requirement_kind).transpose()?,
        set: requirement_set(set)?,
        before: before.map(Into::into),
        ..RequirementFilter::default()
    })
}

fn requirement_set(name: &str) -> PyResult<RequirementSet> {
    match name {
        "all" => Ok(RequirementSet::All),
        "open" => Ok(RequirementSet::Open),
        "decided" => Ok(RequirementSet::Decided),
        _ => Err(PyValueError::new_err(format!(
            "there is no set of requirements {name:?}"
        ))),
    }
}

pub(crate) fn approval_filter(
    run_id: Option<String>,
    session_id: Option<String>,
    id_prefix: Option<String>,
    before: Option<String>,
) -> ApprovalFilter {
    ApprovalFilter {
        id_prefix: id_prefix.map(Into::into),
        run_id: run_id.map(Into::into),
        session_id: session_id.map(Into::into),
        before: before.map(Into::into),
        ..ApprovalFilter::default()
    }
}

/// Lists of at most so many items are read where all else is read; others beside it.
const SHORT: u32 = 256;

/// A list under way. Between two parts of it others are served, and Ctrl-C is heard.
struct Reading<L> {
    database: PyDatabase,
    is_short: bool,
    /// `None` once it is over, or could not be read.
    list: Mutex<Option<L>>,
}

impl<L: List> Reading<L> {
    fn new(database: &PyDatabase, limit: Option<u32>, list: L) -> Self {
        Self {
            database: database.again(),
            is_short: limit.is_some_and(|limit| limit <= SHORT),
            list: Mutex::new(Some(list)),
        }
    }

    /// The next part that holds something.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Part<L::Item>>> {
        let lock = || self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let mut under_way = lock().take();
        while let Some(mut list) = under_way.filter(|list| !list.is_over()) {
            py.check_signals()?;
            let read = move |store: &mut dyn Store| list.read(store).map(|part| (list, part));
            let (list, part) = match self.is_short {
                true => self.database.read_now(py, read)?,
                false => self.database.read_apart_now(py, read)?,
            };
            if !part.items.is_empty() || !part.damaged.is_empty() {
                *lock() = Some(list);
                return Ok(Some(part));
            }
            under_way = Some(list);
        }
        Ok(None)
    }

    /// As [`Reading::next`], as a JSON list and exceptions.
    fn next_json(&self, py: Python<'_>) -> PyResult<Option<(String, Damage)>>
    where
        L::Item: Serialize,
    {
        let Some(part) = self.next(py)? else { return Ok(None) };
        let text = serde_json::to_string(&part.items).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Some((text, damage(py, part.damaged))))
    }
}

/// Runs in parts, newest first; with each part, those that cannot be read.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct RunParts(Reading<session::RunList>);

#[pymethods]
impl RunParts {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<(Vec<PyRunRow>, Damage)>> {
        let part = self.0.next(py)?;
        Ok(part.map(|part| (part.items.into_iter().map(run_row).collect(), damage(py, part.damaged))))
    }
}

/// Requirements in parts, as JSON lists; with each part, the runs that cannot be read.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct RequirementParts(Requirements);

enum Requirements {
    Whole(Reading<session::RequirementList>),
    Previews(Reading<session::PreviewList>),
}

#[pymethods]
impl RequirementParts {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<(String, Damage)>> {
        match &self.0 {
            Requirements::Whole(reading) => reading.next_json(py),
            Requirements::Previews(reading) => reading.next_json(py),
        }
    }
}

/// Remembered approvals in parts, as JSON lists; with each part, the runs that cannot be read.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct ApprovalParts(Reading<session::ApprovalList>);

#[pymethods]
impl ApprovalParts {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<(String, Damage)>> {
        self.0.next_json(py)
    }
}

impl PyDatabase {
    /// The runs that the filter lets through, newest first.
    pub(crate) fn list_runs(&self, filter: RunFilter, limit: Option<u32>) -> RunParts {
        RunParts(Reading::new(self, limit, session::RunList::new(filter, limit)))
    }

    /// The requirements that the filter lets through.
    pub(crate) fn list_requirements(&self, filter: RequirementFilter, limit: Option<u32>) -> RequirementParts {
        let list = session::RequirementList::new(filter, limit);
        RequirementParts(Requirements::Whole(Reading::new(self, limit, list)))
    }

    /// The same, of which large entries are shown in part.
    pub(crate) fn list_previews(&self, filter: RequirementFilter, limit: Option<u32>) -> RequirementParts {
        let list = session::PreviewList::new(session::Previews(filter), limit);
        RequirementParts(Requirements::Previews(Reading::new(self, limit, list)))
    }

    /// The approvals that answer later calls, newest first.
    pub(crate) fn list_approvals(&self, filter: ApprovalFilter, limit: Option<u32>) -> ApprovalParts {
        ApprovalParts(Reading::new(self, limit, session::ApprovalList::new(filter, limit)))
    }
}
