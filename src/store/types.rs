//! What goes into a store and what comes out.

use std::collections::HashSet;

use crate::journal::{Entry, JournalEnd, Record};
use crate::requirement::{Decision, RequirementKind};
use crate::{Text, Timestamp};

use super::holder::Holder;
use super::late_cancel::Finish;

/// A run's status as users see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }
}

/// What can be asked of a store.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Creates a run: held by `NewRun::holder` with epoch 1, status running; or by nobody, where it is to wait for a worker.
    Create(NewRun),
    /// Appends to a run's journal.
    Append(Append),
    /// Takes the right to drive a run: grants it when nobody holds it, or when the holder is dead or its lease expired.
    /// The status stays as it is until the driver appends. Grants nothing for a completed run: see
    /// [`LeaseGrant::Completed`].
    Acquire {
        /// The run.
        run_id: Text,
        /// Who wants it.
        holder: Holder,
        /// When, for the comparison with the present holder's expiry.
        now: Timestamp,
        /// Until when the new holder counts as alive without a further heartbeat.
        expires: Timestamp,
        /// What of the journal has been read before: the grant brings what stands behind it.
        known: Option<JournalEnd>,
    },
    /// Gives the right back without a change of status. A lease that is no longer held is no error.
    Release {
        /// The run.
        run_id: Text,
        /// The epoch under which it was held.
        epoch: u64,
    },
}

/// A run to be created.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The run's id.
    pub run_id: Text,
    /// The agent's name, for finding runs.
    pub agent_name: Option<Text>,
    /// The session, for finding runs.
    pub session_id: Option<Text>,
    /// The user, for finding runs.
    pub user_id: Option<Text>,
    /// Who drives it.
    pub holder: Holder,
    /// Until when the holder counts as alive without a heartbeat.
    pub expires: Timestamp,
    /// When.
    pub at: Timestamp,
    /// The first entries.
    pub entries: Vec<Entry>,
}

impl NewRun {
    /// Whether the run waits for a worker from the beginning.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        matches!(self.entries.last(), Some(Entry::RunQueued(_)))
    }
}

/// Entries for a run's journal.
#[derive(Clone, Debug)]
pub struct Append {
    /// The run.
    pub run_id: Text,
    /// Who appends.
    pub author: Author,
    /// When.
    pub at: Timestamp,
    /// What; never empty.
    pub entries: Vec<Entry>,
    /// With it, the driver stops.
    pub finish: Option<Finish>,
}

/// Who appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// The run's driver. Refused with [`StoreError::LeaseLost`] unless the run's epoch is this one and
    /// exactly `driver_entries` entries of drivers stand in the journal.
    Driver {
        /// The epoch under which the lease was granted.
        epoch: u64,
        /// How many entries drivers have appended so far, as this one knows it.
        driver_entries: u64,
    },
    /// Somebody who does not drive: may append [`Entry::ApprovalRevoked`] to any run, [`Entry::RequirementDecided`] and
    /// [`Entry::RequirementExpired`] to one that is not completed, and [`Entry::CancelRequested`] to a run that is running (refused with [`StoreError::NotRunning`] otherwise).
    Outsider,
}

/// The outcome of an operation that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// Entries are on disk; the sequence number of the last one.
    Appended {
        /// Sequence number of the last entry.
        seq: u64,
    },
    /// Somebody wanted the run cancelled before it ended: [`super::LateCancel`] is on disk instead of the append.
    Cancelled {
        /// Sequence number of the last entry.
        seq: u64,
    },
    /// The decision stood on disk already, made by somebody else in the very same words: nothing was appended.
    AlreadyDecided,
    /// The answer to [`Operation::Acquire`].
    Lease(LeaseGrant),
    /// Nothing to say.
    Released,
}

impl Committed {
    /// The answer to an append in whose place [`super::LateCancel`] was written.
    pub(super) fn into_cancelled(self) -> Self {
        match self {
            Self::Appended { seq } => Self::Cancelled { seq },
            other => other,
        }
    }
}

/// The answer to [`Operation::Acquire`].
#[derive(Clone, Debug, PartialEq)]
pub enum LeaseGrant {
    /// Granted, with the run as it stands on disk in that very transaction.
    Granted {
        /// The new epoch.
        epoch: u64,
        /// The run with its journal.
        run: Box<StoredRun>,
    },
    /// The run is completed: there is nothing to drive.
    Completed {
        /// The run with its journal.
        run: Box<StoredRun>,
    },
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
    /// The epoch of the last lease.
    pub epoch: u64,
    /// Who holds the lease.
    pub holder: Option<Holder>,
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
pub struct OutsiderRecord {
    /// The run.
    pub run_id: Text,
    /// The record.
    pub record: Record,
    /// Whether nobody but haltpoint can have written it: a store with an audit key knows, one without has to take it as it is.
    pub authentic: bool,
}

/// Which runs to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// With an id that begins so only.
    pub id_prefix: Option<Text>,
    /// Of this status only.
    pub status: Option<RunStatus>,
    /// Of this agent only.
    pub agent_name: Option<Text>,
    /// Of this session only.
    pub session_id: Option<Text>,
    /// Of this user only.
    pub user_id: Option<Text>,
    /// Older than this run only.
    pub before: Option<Text>,
    /// At most so many.
    pub limit: u32,
}

/// Which requirements to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequirementFilter {
    /// With an id that begins so only.
    pub id_prefix: Option<Text>,
    /// Of this run only.
    pub run_id: Option<Text>,
    /// Of this kind only.
    pub kind: Option<RequirementKind>,
    /// Only those without a decision, of runs that are not stopped.
    pub open_only: bool,
    /// Older than this requirement only.
    pub before: Option<Text>,
    /// At most so many.
    pub limit: u32,
}

/// Which requirements' time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueFilter {
    /// Of this run only, whatever its status; else of all runs that are not stopped.
    pub run_id: Option<Text>,
    /// Over at this time.
    pub now: Timestamp,
    /// At most so many.
    pub limit: u32,
}

/// Which remembered approvals to list, newest first: those that still answer later calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Given in this run only.
    pub run_id: Option<Text>,
    /// Given in runs of this session only.
    pub session_id: Option<Text>,
    /// At most so many.
    pub limit: u32,
}

/// Which remembered approvals may answer a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalQuery {
    /// The run that asks: what was given in it counts.
    pub run_id: Text,
    /// Its session: what was given there for the whole session counts, too.
    pub session_id: Option<Text>,
    /// Of this key only.
    pub key: Text,
}

/// Which runs a worker asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueFilter {
    /// Of agents of these names only.
    pub agent_names: Vec<Text>,
    /// None of these runs.
    pub except: HashSet<Text>,
    /// When, for telling which leases are over.
    pub now: Timestamp,
    /// At most so many.
    pub limit: u32,
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
    /// Until when.
    pub until: Timestamp,
}

/// A requirement as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementRow {
    /// The requirement.
    pub requirement_id: Text,
    /// Its run.
    pub run_id: Text,
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// No such run in this database.
    #[error("no run {run_id} in this database")]
    RunNotFound {
        /// The run.
        run_id: Text,
    },
    /// Another live holder drives the run.
    #[error("run {run_id} is being driven by {holder}")]
    Busy {
        /// The run.
        run_id: Text,
        /// Who.
        holder: Box<Holder>,
        /// Since when.
        since: Timestamp,
    },
    /// The run was taken over: this holder must not append any more.
    #[error("run {run_id} was taken over by another process: nothing more is written for this one")]
    LeaseLost {
        /// The run.
        run_id: Text,
    },
    /// The requirement has a decision already, a different one.
    #[error("requirement {requirement_id} is decided already")]
    Decided {
        /// The requirement.
        requirement_id: Text,
        /// The decision on disk.
        decision: Box<Decision>,
        /// Who decided.
        by: Option<Text>,
        /// When.
        at: Timestamp,
    },
    /// Nobody decided the requirement in time.
    #[error("requirement {requirement_id} expired before anybody decided; it can no longer be decided")]
    Expired {
        /// The run.
        run_id: Text,
        /// The requirement.
        requirement_id: Text,
        /// From when on nobody can decide any more.
        at: Timestamp,
    },
    /// The requirement's time is not over, or it has no end.
    #[error("requirement {requirement_id} can still be decided")]
    NotDue {
        /// The requirement.
        requirement_id: Text,
    },
    /// The run has no such requirement.
    #[error("no requirement {requirement_id} in run {run_id}")]
    RequirementNotFound {
        /// The run.
        run_id: Text,
        /// The requirement.
        requirement_id: Text,
    },
    /// The requirement has no remembered approval.
    #[error("requirement {requirement_id} of run {run_id} has no remembered approval that could be revoked")]
    NotRemembered {
        /// The run.
        run_id: Text,
        /// The requirement.
        requirement_id: Text,
    },
    /// The run is not running.
    #[error("run {run_id} is not running")]
    NotRunning {
        /// The run.
        run_id: Text,
    },
    /// The run's hash chain is keyed with another key than the store, or one of the two has none.
    #[error("{}", about_keys(run_id, wanted.as_deref(), given.as_deref()))]
    AuditKey {
        /// The run.
        run_id: Text,
        /// The id of the run's key.
        wanted: Option<Text>,
        /// The id of the key that the store was opened with.
        given: Option<Text>,
    },
    /// A run of this id exists already.
    #[error("run {run_id} exists already")]
    RunExists {
        /// The run.
        run_id: Text,
    },
    /// What is stored of one run cannot be read; of the others nothing is said. The message says what to do.
    #[error("{message}")]
    Damaged {
        /// The run.
        run_id: Text,
        /// What is wrong and what to do.
        message: String,
    },
    /// The database cannot be opened, read or written. The message says what to do.
    #[error("{message}")]
    Unusable {
        /// What is wrong and what to do.
        message: String,
    },
    /// The database was opened in the process that this one was forked from.
    #[error("{message}")]
    Forked {
        /// What is wrong and what to do.
        message: String,
    },
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
}

fn about_keys(run_id: &str, wanted: Option<&str>, given: Option<&str>) -> String {
    let Some(wanted) = wanted else {
        return format!(
            "the hash chain of run {run_id} is not keyed, so that whoever can write the file could have written it; to write to it \
             all the same, open the database without an audit key"
        );
    };
    let given = given.map_or_else(
        || "none was given".to_owned(),
        |given| format!("the one given is {given}"),
    );
    format!(
        "the hash chain of run {run_id} is keyed with the audit key {wanted}, and {given}; open the database with that key to \
         write to this run"
    )
}
