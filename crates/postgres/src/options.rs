//! How a database on a server is opened.

use std::sync::Arc;
use std::time::Duration;

use haltpoint_engine::journal::AuditKey;
use haltpoint_engine::store::fault_points::FaultPlan;
use haltpoint_engine::store::holder::{Liveness, ProcessLiveness};
use haltpoint_engine::store::salts::SaltSource;

/// How a process hears of what others commit.
#[derive(Clone, PartialEq, Eq)]
pub enum Listen {
    /// Over the same address.
    Here,
    /// Over a direct address, past a pooler: a URL.
    At(String),
    /// It looks once a second.
    Never,
}

/// How to open a database.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The schema that holds the tables.
    pub schema: String,
    /// How long a lease lasts without a sign of life of its holder.
    pub lease: Duration,
    /// The key of the hash chains of new runs.
    pub audit_key: Option<AuditKey>,
    /// Whether a pooler that shares sessions between transactions stands in front of the server.
    pub is_pooled: bool,
    /// How this process hears of what others commit.
    pub listen: Listen,
    /// Whether missing tables are made.
    pub migrate: bool,
    /// For tests: where this process dies.
    pub fault_plan: FaultPlan,
    /// How to tell whether a holder lives.
    pub liveness: Arc<dyn Liveness>,
    /// Where salts come from.
    pub salts: SaltSource,
    /// For how long what is asked is tried anew while the server cannot be reached.
    pub patience: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "haltpoint".to_owned(),
            lease: Duration::from_secs(30),
            audit_key: None,
            is_pooled: false,
            listen: Listen::Here,
            migrate: true,
            fault_plan: FaultPlan::default(),
            liveness: Arc::new(ProcessLiveness::new()),
            salts: SaltSource::default(),
            patience: Duration::from_secs(20),
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresOptions")
            .field("schema", &self.schema)
            .field("lease", &self.lease)
            .field("is_pooled", &self.is_pooled)
            .finish_non_exhaustive()
    }
}
