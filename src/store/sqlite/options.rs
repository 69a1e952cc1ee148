//! What a caller can choose about a database on SQLite.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::journal::AuditKey;
use crate::store::SaltSource;
use crate::store::clock::{Clock, system_clock};
use crate::store::fault_points::FaultPlan;
use crate::store::holder::{Liveness, ProcessLiveness};

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk: it survives a loss of power.
    #[default]
    Full,
    /// When the operating system has it: it survives the death of the process; a loss of power may undo the last
    /// commits.
    Normal,
}

impl Durability {
    pub(super) fn synchronous(self) -> i64 {
        match self {
            Self::Normal => 1,
            Self::Full => 2,
        }
    }
}

/// How a database on SQLite is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    /// When a commit counts as done.
    pub durability: Durability,
    /// How long a write waits for another process before it fails.
    pub busy_timeout: Duration,
    /// How long a holder that shows no sign of life keeps its runs, where the operating system cannot tell.
    pub lease: Duration,
    /// How often other processes' commits are looked for while somebody waits for them.
    pub poll_interval: Duration,
    /// What time it is: see [`crate::store::handle::StoreHandle::now`].
    pub clock: Clock,
    /// Tells whether a holder lives.
    pub liveness: Arc<dyn Liveness>,
    /// The key for the hash chains of new runs, and for checking and continuing those that were written with it.
    pub audit_key: Option<AuditKey>,
    /// Where the salts of new entries come from.
    pub salts: SaltSource,
    /// For tests: where this process dies.
    pub fault_plan: FaultPlan,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            busy_timeout: Duration::from_secs(5),
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_millis(50),
            clock: Arc::new(system_clock),
            liveness: Arc::new(ProcessLiveness::new()),
            audit_key: None,
            salts: SaltSource::default(),
            fault_plan: FaultPlan::default(),
        }
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteOptions")
            .field("durability", &self.durability)
            .field("busy_timeout", &self.busy_timeout)
            .field("lease", &self.lease)
            .field("poll_interval", &self.poll_interval)
            .field("audit_key", &self.audit_key)
            .field("salts", &self.salts)
            .field("fault_plan", &self.fault_plan)
            .finish_non_exhaustive()
    }
}
