//! Which rows a store is asked for.

use std::collections::HashSet;
use std::time::Duration;

use crate::requirement::RequirementKind;
use crate::{Text, Timestamp};

use super::row::{RequirementRow, RunStatus};

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
    /// At most so many; does not matter for counting.
    pub limit: u32,
}

/// Which requirements a list is about, and in which order they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequirementSet {
    /// All of them, newest first.
    #[default]
    All,
    /// Those without a decision, of runs that are not stopped, newest first.
    Open,
    /// Those with a decision, the last decided first. What expired has none.
    Decided,
}

/// Which requirements to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequirementFilter {
    /// This one only.
    pub requirement_id: Option<Text>,
    /// With an id that begins so only.
    pub id_prefix: Option<Text>,
    /// Of this run only.
    pub run_id: Option<Text>,
    /// Of this kind only; else of all kinds that ask somebody, or of any where one requirement is named.
    pub kind: Option<RequirementKind>,
    /// Of this set only, in its order.
    pub set: RequirementSet,
    /// Behind this requirement only, in the order of the list.
    pub before: Option<Text>,
    /// At most so many; does not matter for counting.
    pub limit: u32,
}

impl RequirementFilter {
    /// Whether what nobody is asked is left out.
    #[must_use]
    pub fn leaves_waits_out(&self) -> bool {
        self.kind.is_none() && self.requirement_id.is_none() && self.id_prefix.is_none()
    }
}

/// Which requirements' time is over, of runs that this store can write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueFilter {
    /// Of this run only, whatever its status; else of all runs that are not stopped.
    pub run_id: Option<Text>,
    /// Over at this time.
    pub now: Timestamp,
    /// None of these requirements.
    pub except: HashSet<RequirementRow>,
    /// At most so many.
    pub limit: u32,
}

/// Which remembered approvals to list, newest first: those that still answer later calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Of requirements with an id that begins so only.
    pub id_prefix: Option<Text>,
    /// Given in this run only.
    pub run_id: Option<Text>,
    /// Given in runs of this session only.
    pub session_id: Option<Text>,
    /// Of requirements older than this one only.
    pub before: Option<Text>,
    /// At most so many; does not matter for counting.
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

/// Which runs are removed, in the order of their creation. Those that can be continued, and those with events that are not delivered,
/// never are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneFilter {
    /// Of these statuses only.
    pub statuses: Vec<RunStatus>,
    /// Whose status last changed before.
    pub before: Timestamp,
    /// Behind this place, where the part before ended; 0: from the first one on.
    pub after: i64,
    /// They are only counted.
    pub is_dry: bool,
    /// How long a transaction may last.
    pub patience: Duration,
}

/// What came of removing a part of the runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many were removed, or would be.
    pub runs: u64,
    /// Where the next part begins; `None`: there is none.
    pub next: Option<i64>,
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
