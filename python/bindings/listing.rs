//! Lists of runs, requirements and approvals.

use haltpoint_engine::Text;
use haltpoint_engine::session;
use haltpoint_engine::store::{ApprovalFilter, RequirementFilter, RunFilter, RunRow, RunStatus};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::database::PyDatabase;
use crate::errors::{Damage, damage};

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

/// The status of that name.
pub(crate) fn run_status(name: &str) -> PyResult<RunStatus> {
    RunStatus::parse(name).ok_or_else(|| PyValueError::new_err(format!("no run has the status {name:?}")))
}

impl PyDatabase {
    /// The runs that the filter lets through, newest first; then those that cannot be read.
    pub(crate) fn list_runs(&self, py: Python<'_>, filter: RunFilter) -> PyResult<(Vec<PyRunRow>, Damage)> {
        let rows = self.read_now(py, move |store| Ok(store.runs(&filter)?))?;
        let (mut readable, mut damaged) = (Vec::new(), Vec::new());
        for row in rows {
            match row {
                Ok(row) => readable.push(run_row(row)),
                Err(error) => damaged.push(error),
            }
        }
        Ok((readable, damage(py, damaged)))
    }

    /// Requirements as JSON, newest first; then the runs that cannot be read.
    pub(crate) fn list_requirements(&self, py: Python<'_>, filter: RequirementFilter) -> PyResult<(String, Damage)> {
        let found = self.read_now(py, move |store| session::requirements(store, &filter))?;
        let text = serde_json::to_string(&found.views).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((text, damage(py, found.damaged)))
    }

    /// Approvals that answer later calls, as JSON, newest first; then the runs that cannot be read.
    pub(crate) fn list_approvals(&self, py: Python<'_>, filter: ApprovalFilter) -> PyResult<(String, Damage)> {
        let found = self.read_now(py, move |store| session::approvals(store, &filter))?;
        let text = serde_json::to_string(&found.standing).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((text, damage(py, found.damaged)))
    }
}
