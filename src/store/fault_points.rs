//! Fault points: named places at which a test lets this process die, as if the power had gone.
//!
//! There are none in memory: nothing outlives the process there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::journal::Entry;
use crate::store::{Append, Committed, NewRun, Operation, StoreError};

/// Where the driver passes: at each of its effects, just before it and just after it; then who moves a run to another database.
const EFFECTS: [&str; 9] = [
    "before_model_request",
    "after_model_reply",
    "before_tool",
    "after_tool",
    "before_reconcile",
    "after_reconcile",
    "before_stop",
    "before_import",
    "after_import",
];

/// What is written where a run is moved between databases.
const MOVES: [&str; 2] = ["run_moved", "run_arrived"];

/// What is written beside entries: the right to drive a run.
const LEASE: &str = "lease_acquired";

/// What is kept beside runs until one of them takes it.
const SIGNAL: &str = "signal";

/// What a run that somebody wanted cancelled ends with.
const RUN_CANCELLED: &str = "run_cancelled";

const BEFORE_COMMIT: &str = "before_commit";
const AFTER_COMMIT: &str = "after_commit";

/// The names of all fault points.
#[must_use]
pub fn fault_points() -> Vec<String> {
    let kinds = || Entry::kinds_of_runs().chain(MOVES).chain([LEASE, SIGNAL]);
    let commits = [BEFORE_COMMIT, AFTER_COMMIT]
        .into_iter()
        .flat_map(|moment| kinds().map(move |kind| format!("{moment}:{kind}")));
    commits.chain(EFFECTS.map(str::to_owned)).collect()
}

/// At which fault point the process dies, if at any.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    armed: Option<Arc<Armed>>,
}

#[derive(Debug)]
struct Armed {
    point: String,
    passings_left: AtomicU64,
}

impl FaultPlan {
    /// Reads a point's name and, behind a colon, at which passing the process dies: `after_commit:tool_finished:2`.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when there is no such point, or the number is none.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let (point, passing) = text.rsplit_once(':').unwrap_or((text, ""));
        match passing.parse() {
            Ok(passing) if passing > 0 && fault_points().iter().any(|known| known == point) => Ok(Self {
                armed: Some(Arc::new(Armed {
                    point: point.to_owned(),
                    passings_left: AtomicU64::new(passing),
                })),
            }),
            _ => Err(StoreError::Unusable {
                message: format!("{text:?} names no fault point and passing, such as \"before_tool:1\""),
            }),
        }
    }

    /// Passes a point: the process may end here.
    pub fn pass(&self, point: &str) {
        if let Some(armed) = &self.armed
            && armed.point == point
            && armed.passings_left.fetch_sub(1, Ordering::AcqRel) == 1
        {
            die();
        }
    }

    /// Passes the points before a commit of these operations.
    pub fn pass_before_commit(&self, operations: &[Operation]) {
        if self.armed.is_some() {
            self.pass_each(BEFORE_COMMIT, operations.iter().flat_map(kinds_in));
        }
    }

    /// Passes the points after a commit: it is on disk, and nobody has been told.
    pub fn pass_after_commit(&self, operations: &[Operation], outcomes: &[Result<Committed, StoreError>]) {
        if self.armed.is_some() {
            self.pass_each(AFTER_COMMIT, operations.iter().zip(outcomes).flat_map(kinds_written));
        }
    }

    fn pass_each(&self, moment: &str, kinds: impl Iterator<Item = &'static str>) {
        for kind in kinds {
            self.pass(&format!("{moment}:{kind}"));
        }
    }
}

fn kinds_in(operation: &Operation) -> Vec<&'static str> {
    match operation {
        Operation::Create(NewRun { entries, .. }) | Operation::Append(Append { entries, .. }) => {
            entries.iter().map(Entry::kind).collect()
        }
        Operation::Acquire { .. } => vec![LEASE],
        Operation::Signal(_) => vec![SIGNAL],
        // Asked for all the time: it is written where something was claimed.
        Operation::ClaimDue(_)
        | Operation::Release { .. }
        | Operation::ClaimOutbox(_)
        | Operation::AdvanceOutbox { .. } => Vec::new(),
    }
}

fn kinds_written((operation, outcome): (&Operation, &Result<Committed, StoreError>)) -> Vec<&'static str> {
    match (operation, outcome) {
        (Operation::Append(append), Ok(Committed::Cancelled { .. })) => {
            let late = append.finish.as_ref().and_then(|finish| finish.if_cancelled.as_ref());
            let facts = late.into_iter().flat_map(|late| late.facts.iter().map(Entry::kind));
            facts.chain([RUN_CANCELLED]).collect()
        }
        (Operation::ClaimDue(_), Ok(Committed::DueClaimed(runs))) if runs.iter().any(|run| run.epoch.is_some()) => {
            vec![LEASE]
        }
        (operation, Ok(_)) => kinds_in(operation),
        (_, Err(_)) => Vec::new(),
    }
}

/// Ends the process as SIGKILL does: nothing is tidied up, no destructor runs.
fn die() -> ! {
    // A process may always signal itself.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_point_can_be_armed() {
        for point in fault_points() {
            assert!(FaultPlan::parse(&format!("{point}:1")).is_ok(), "{point}");
        }
    }

    #[test]
    fn what_names_no_fault_point_is_refused() {
        for text in [
            "",
            "1",
            "before_tool",
            "before_tool:0",
            "before_tool:x",
            "before_lunch:1",
        ] {
            assert!(FaultPlan::parse(text).is_err(), "{text}");
        }
    }
}
