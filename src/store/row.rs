//! What a store holds: runs, requirements, and entries on their way to subscribers.

use serde::{Deserialize, Serialize};

use crate::journal::Record;
use crate::{Text, Timestamp};

use super::holder::Holder;

/// A run's status as users see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// Waiting for a worker.
    Queued,
    /// Under way, or orphaned by a process that died.
    Running,
    /// Finished, with an output.
    Completed,
    /// Waiting for decisions.
    Paused,
    /// Stopped on request.
    Cancelled,
    /// Stopped because it could not go on.
    Error,
    /// Closed here: it goes on in another database.
    Moved,
}

impl RunStatus {
    /// The stable name that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Paused => "PAUSED",
            Self::Cancelled => "CANCELLED",
            Self::Error => "ERROR",
            Self::Moved => "MOVED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Running,
            Self::Completed,
            Self::Paused,
            Self::Cancelled,
            Self::Error,
            Self::Moved,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }
}

/// A run's row.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The run's id.
    pub run_id: Text,
    /// The agent's name.
    pub agent_name: Option<Text>,
    /// The session.
    pub session_id: Option<Text>,
    /// The user.
    pub user_id: Option<Text>,
    /// The status.
    pub status: RunStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
    /// From when on workers take it, while it waits for one, where that is not at once.
    pub not_before: Option<Timestamp>,
    /// The epoch of the last lease.
    pub epoch: u64,
    /// Who holds the lease.
    pub holder: Option<Holder>,
    /// The format of its journal.
    pub format: u32,
    /// Whether what it said was erased: of its journal stand hashes, times, and who decided what.
    pub is_erased: bool,
    /// The id of the audit key that the run's hash chain is keyed with; `None` for a chain that is not keyed.
    pub audit_key_id: Option<Text>,
}

/// A run with its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    /// The row.
    pub row: RunRow,
    /// The journal, or what stands behind the part that was known, oldest first, without gaps.
    pub records: Vec<Record>,
}

/// A record that an outsider appended.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalRecord {
    /// The run.
    pub run_id: Text,
    /// The record.
    pub record: Record,
    /// Whether nobody but haltpoint can have written it: a store with an audit key knows, one without has to take it as it is.
    pub authentic: bool,
}

/// A requirement as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequirementRow {
    /// The requirement.
    pub requirement_id: Text,
    /// Its run.
    pub run_id: Text,
}

/// An entry on its way to subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place among all entries on their way.
    pub place: i64,
    /// The run.
    pub run_id: Text,
    /// Its place in the run's journal.
    pub seq: u64,
}

/// Who delivers what a subscription has coming, and until when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxClaim {
    /// The subscription.
    pub name: Text,
    /// Who.
    pub claimant: Text,
    /// The process that they are in: once it is dead, its claim is over.
    pub holder: Holder,
    /// When it is made.
    pub now: Timestamp,
    /// Until when it holds without a further sign of life.
    pub until: Timestamp,
}
