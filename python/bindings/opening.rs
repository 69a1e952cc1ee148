//! How a database is to be opened.

use std::time::Duration;

use haltpoint_engine::journal::AuditKey;
use haltpoint_engine::store::fault_points::FaultPlan;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::{exception, short_key_exception};

/// The options of `Database.open_sqlite` as the engine takes them.
pub(crate) fn sqlite_options(
    py: Python<'_>,
    durability: &str,
    lease_seconds: f64,
    audit_key: Option<&[u8]>,
    fault: Option<&str>,
) -> PyResult<SqliteOptions> {
    let durability = match durability {
        "full" => Durability::Full,
        "normal" => Durability::Normal,
        other => {
            return Err(PyValueError::new_err(format!(
                "durability must be \"full\" or \"normal\", got {other:?}"
            )));
        }
    };
    let lease = Duration::try_from_secs_f64(lease_seconds)
        .map_err(|error| PyValueError::new_err(format!("lease_seconds: {error}")))?;
    let fault_plan = fault.map_or_else(|| Ok(FaultPlan::default()), FaultPlan::parse);
    let fault_plan = fault_plan.map_err(|error| exception(py, &error.into()))?;
    Ok(SqliteOptions {
        durability,
        lease,
        audit_key: read_audit_key(py, audit_key)?,
        fault_plan,
        ..SqliteOptions::default()
    })
}

/// The key made of what Python hands over, if that is anything.
pub(crate) fn read_audit_key(py: Python<'_>, bytes: Option<&[u8]>) -> PyResult<Option<AuditKey>> {
    let key = bytes.map(AuditKey::new).transpose();
    key.map_err(|error| short_key_exception(py, error))
}
