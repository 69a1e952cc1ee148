//! Who holds a lease, and whether they still live.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Text, Timestamp};

/// A process that may drive runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// Unique to this process and database handle, drawn at random when the database was opened.
    pub token: Text,
    /// What identifies the machine, its boot and its process namespace: two holders with the same one can look each other up by
    /// process id.
    pub host: Text,
    /// The process id.
    pub pid: u32,
    /// When the process started, in whatever unit the operating system has: with the process id it names one process.
    pub started: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {} on {}", self.pid, self.host)
    }
}

/// Tells whether a process lives. The simulation has its own.
pub trait Liveness: Send + Sync {
    /// `Some(true)` or `Some(false)` where the operating system can tell; `None` where only the lease's expiry can.
    fn is_alive(&self, holder: &Holder) -> Option<bool>;
}

/// Whether a lease of that holder may be taken over now.
#[must_use]
pub fn may_be_taken(liveness: &dyn Liveness, holder: &Holder, expires: Timestamp, now: Timestamp) -> bool {
    expires <= now || liveness.is_alive(holder) == Some(false)
}
