//! Why a store refuses or fails.

use std::time::Duration;

use crate::journal::{Entry, FORMAT, TooLong, decode};
use crate::requirement::Decision;
use crate::{Text, Timestamp};

use super::RunStatus;
use super::holder::Holder;

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
    #[error("{}", about_busy(run_id, holder, *left))]
    Busy {
        /// The run.
        run_id: Text,
        /// Who.
        holder: Box<Holder>,
        /// Since when.
        since: Timestamp,
        /// How long the lease still lasts, of a holder that cannot be seen from here.
        left: Option<Duration>,
    },
    /// The run was taken over: this holder must not append any more.
    #[error("run {run_id} was taken over by another process: nothing more is written for this one")]
    LeaseLost {
        /// The run.
        run_id: Text,
    },
    /// This process could not renew its lease in time, by its own measure: another one may take the run over.
    #[error(
        "run {run_id} is no longer driven here: its lease could not be renewed in time, so that another process may take it over; when the \
         database can be reached, continue the run or leave it to workers"
    )]
    LeaseOver {
        /// The run.
        run_id: Text,
    },
    /// The requirement has a decision already, a different one; or one of several people has approved otherwise.
    #[error("requirement {requirement_id} is {} already", if *still_needed == 0 { "decided" } else { "approved otherwise" })]
    Decided {
        /// The requirement.
        requirement_id: Text,
        /// The decision on disk.
        decision: Box<Decision>,
        /// Who decided.
        by: Option<Text>,
        /// When.
        at: Timestamp,
        /// How many more people must say the same before it holds; 0: it does.
        still_needed: u32,
    },
    /// Nobody decided the requirement in time.
    #[error("requirement {requirement_id} expired before it was decided; it can no longer be decided")]
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
    /// Something is too long to be kept.
    #[error("{problem}")]
    TooLong {
        /// What, and how long it may be.
        problem: TooLong,
        /// The requirement, where a decision on it is what is too long.
        requirement_id: Option<Text>,
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
    /// The journal is of a format, or uses features, with which this release must not drive the run, decide about it or verify it.
    #[error("the journal of run {run_id} {problem}")]
    UnsupportedJournal {
        /// The run.
        run_id: Text,
        /// What it is about the journal.
        problem: UnsupportedJournal,
    },
    /// What the run said was erased.
    #[error(
        "run {run_id} was erased: what it said is gone, and only that it was, and who decided when, stands in its journal"
    )]
    RunErased {
        /// The run.
        run_id: Text,
    },
    /// The run goes on in another database.
    #[error(
        "run {run_id} was moved to {}: continue it and decide about it there",
        to.as_deref().unwrap_or("another database")
    )]
    RunMoved {
        /// The run.
        run_id: Text,
        /// The other database, where the journal can still say which.
        to: Option<Text>,
    },
    /// Another journal of this id is there.
    #[error("run {run_id} is in the other database, too, with another journal: {problem}; nothing was changed")]
    OtherJournal {
        /// The run.
        run_id: Text,
        /// How they differ.
        problem: &'static str,
    },
    /// The run can still be continued.
    #[error("run {run_id} is {status}, and can be continued; {advice}", status = status.as_str())]
    NotStopped {
        /// The run.
        run_id: Text,
        /// Its status.
        status: RunStatus,
        /// What to do.
        advice: &'static str,
    },
    /// Subscribers have not got all that the run's journal has for them.
    #[error(
        "run {run_id} has events that are not delivered to its webhooks yet; try again when their worker has delivered them"
    )]
    Undelivered {
        /// The run.
        run_id: Text,
    },
    /// A run of this id exists already.
    #[error("run {run_id} exists already")]
    RunExists {
        /// The run.
        run_id: Text,
    },
    /// A run of this id exists already, and it was started with something else.
    #[error("run {run_id} was started under this key before, with another {differing}; nothing was started", differing = .differing.join(", "))]
    OtherRun {
        /// The run.
        run_id: Text,
        /// What differs.
        differing: Vec<&'static str>,
    },
    /// Another signal has this id.
    #[error("signal {id} was given before, with another event or payload; nothing was written")]
    OtherSignal {
        /// The signal.
        id: Text,
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
    /// The database's server does not answer now; a later attempt may find it. The message says what to do.
    #[error("{message}")]
    Unreachable {
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

impl StoreError {
    /// The error with the name of the database that the run went to, by its last entry that says so: its payload, if that is there.
    #[must_use]
    pub fn naming(self, moved: impl FnOnce() -> Option<String>) -> Self {
        match self {
            Self::RunMoved { run_id, to: None } => {
                let entry = moved().and_then(|payload| decode("run_moved", &payload).ok());
                let to = match entry {
                    Some(Entry::RunMoved(moved)) => Some(moved.to),
                    _ => None,
                };
                Self::RunMoved { run_id, to }
            }
            other => other,
        }
    }
}

/// What it is about a journal that this release must leave alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedJournal {
    /// It uses features that came later.
    #[error(
        "requires the features {}, which this haltpoint does not know; upgrade haltpoint to continue, decide or verify this run",
        .0.join(", ")
    )]
    Features(Vec<String>),
    /// Its format came later.
    #[error("has the format {0}, and this haltpoint knows formats up to {FORMAT}; upgrade haltpoint")]
    LaterFormat(u32),
    /// Its format is read, and no longer written.
    #[error(
        "has the format {0}, which this haltpoint reads and verifies but does not write; bring the run to its end with the release \
         that began it, or start a new run"
    )]
    EarlierFormat(u32),
}

fn about_busy(run_id: &str, holder: &Holder, left: Option<Duration>) -> String {
    let Some(left) = left else {
        return format!("run {run_id} is being driven by {holder}");
    };
    let seconds = left.as_secs() + 1;
    format!(
        "run {run_id} is held by {holder}, which cannot be seen from here; it is free in {seconds} s, unless that process gives a sign of \
         life before"
    )
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
