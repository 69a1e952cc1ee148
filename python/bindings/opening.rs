//! How a database is to be opened.

use std::time::Duration;

use haltpoint_engine::journal::AuditKey;
use haltpoint_engine::store::fault_points::FaultPlan;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};
use haltpoint_postgres::{Listen, PostgresOptions};
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
    Ok(SqliteOptions {
        durability,
        lease: read_lease(lease_seconds)?,
        audit_key: read_audit_key(py, audit_key)?,
        fault_plan: read_fault(py, fault)?,
        ..SqliteOptions::default()
    })
}

/// How a database on a server is to be opened, as Python says it.
#[derive(FromPyObject)]
pub(crate) struct ServerSettings {
    schema: String,
    lease_seconds: f64,
    audit_key: Option<Vec<u8>>,
    pooled: bool,
    /// `False`: it looks once a second; `True`: over the same address; a text: over that one.
    listen: ListenSetting,
    migrate: bool,
    fault: Option<String>,
}

#[derive(FromPyObject)]
enum ListenSetting {
    Whether(bool),
    At(String),
}

impl ServerSettings {
    /// As the engine takes them.
    pub(crate) fn options(self, py: Python<'_>) -> PyResult<PostgresOptions> {
        Ok(PostgresOptions {
            schema: self.schema,
            lease: read_lease(self.lease_seconds)?,
            audit_key: read_audit_key(py, self.audit_key.as_deref())?,
            is_pooled: self.pooled,
            listen: match self.listen {
                ListenSetting::Whether(true) => Listen::Here,
                ListenSetting::Whether(false) => Listen::Never,
                ListenSetting::At(url) => Listen::At(url),
            },
            migrate: self.migrate,
            fault_plan: read_fault(py, self.fault.as_deref())?,
            ..PostgresOptions::default()
        })
    }
}

fn read_lease(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(format!("lease_seconds: {error}")))
}

fn read_fault(py: Python<'_>, fault: Option<&str>) -> PyResult<FaultPlan> {
    let plan = fault.map_or_else(|| Ok(FaultPlan::default()), FaultPlan::parse);
    plan.map_err(|error| exception(py, &error.into()))
}

/// The key made of what Python hands over, if that is anything.
pub(crate) fn read_audit_key(py: Python<'_>, bytes: Option<&[u8]>) -> PyResult<Option<AuditKey>> {
    let key = bytes.map(AuditKey::new).transpose();
    key.map_err(|error| short_key_exception(py, error))
}
