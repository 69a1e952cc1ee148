//! How long what a journal keeps may be. SQLite refuses a value of a gigabyte, in the middle of whatever a run does: an entry that
//! could not be written later had better be refused when it comes.
//!
//! What stands in a journal already is never checked: an older release may have written it.

use std::fmt;

use crate::Text;

use super::{Entry, PlannedCall, RunArrived, RunMoved, RunStarted};

/// The longest id or name, in bytes of UTF-8.
pub const LONGEST_NAME: usize = 512;
/// The longest result of a tool, and the most that one decision, or the start of a run, takes as JSON, in bytes.
pub const LARGEST_VALUE: usize = 64 * 1024 * 1024;
/// The most that an entry takes as JSON, in bytes: a model's reply may hold several values.
const LARGEST_ENTRY: usize = 8 * LARGEST_VALUE;

/// What is too long to be kept, and how long it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}; nothing was written")]
pub struct TooLong {
    what: &'static str,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Bytes { given: usize, allowed: usize },
    Null,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { given, allowed } => {
                write!(formatter, "takes {given} bytes, and {allowed} are allowed")
            }
            Self::Null => write!(formatter, "holds the character U+0000, which ids and names must not"),
        }
    }
}

/// Whether an id or a name can be kept as it is.
#[must_use]
pub fn is_fit_name(name: &str) -> bool {
    check_name("", name).is_ok()
}

/// The beginning of a name, so far as it can be kept.
#[must_use]
pub fn cut_name(name: &str) -> Text {
    let ends = name
        .char_indices()
        .take_while(|(_, character)| *character != '\0')
        .map(|(begin, character)| begin + character.len_utf8());
    let end = ends.take_while(|end| *end <= LONGEST_NAME).last().unwrap_or_default();
    name[..end].into()
}

/// Checks an entry, of which `size` is the length as JSON.
pub(crate) fn check(entry: &Entry, size: usize) -> Result<(), TooLong> {
    match entry {
        Entry::RunStarted(started) => {
            check_names_of_run(started)?;
            check_size("what the run begins with", size, LARGEST_VALUE)
        }
        Entry::RunQueued(queued) => check_who(queued.by.as_ref()),
        Entry::ModelReplied(reply) => {
            check_names_of_calls(&reply.calls)?;
            check_size("the model's reply", size, LARGEST_ENTRY)
        }
        Entry::StepsPlanned(planned) => {
            check_names_of_calls(&planned.calls)?;
            check_size("the plan of steps", size, LARGEST_ENTRY)
        }
        Entry::RequirementDecided(decided) => {
            check_who(decided.by.as_ref())?;
            check_size("the decision", size, LARGEST_VALUE)
        }
        Entry::ApprovalRevoked(revoked) => check_who(revoked.by.as_ref()),
        Entry::CancelRequested(cancel) => {
            check_who(cancel.by.as_ref())?;
            check_size("the request to cancel", size, LARGEST_VALUE)
        }
        Entry::PayloadsErased(erased) => {
            check_who(erased.by.as_ref())?;
            check_size("the erasure", size, LARGEST_VALUE)
        }
        Entry::RunMoved(RunMoved { by, .. }) | Entry::RunArrived(RunArrived { by, .. }) => {
            check_who(by.as_ref())?;
            check_size("the move", size, LARGEST_VALUE)
        }
        _ => check_size("the entry", size, LARGEST_ENTRY),
    }
}

fn check_names_of_run(started: &RunStarted) -> Result<(), TooLong> {
    let names = [
        ("the run's id", Some(&started.run_id)),
        ("the agent's id", started.agent_id.as_ref()),
        ("the agent's name", started.agent_name.as_ref()),
        ("session_id", started.session_id.as_ref()),
        ("user_id", started.user_id.as_ref()),
        ("the model's name", started.model_name.as_ref()),
    ];
    let tools = started.tools.iter().map(|tool| ("a tool's name", Some(&tool.name)));
    let mut names = names.into_iter().chain(tools);
    names.try_for_each(|(what, name)| name.map_or(Ok(()), |name| check_name(what, name)))
}

fn check_names_of_calls(calls: &[PlannedCall]) -> Result<(), TooLong> {
    calls.iter().try_for_each(|call| {
        check_name("the id of a call", &call.id)?;
        check_name("the tool's name in a call", &call.name)
    })
}

fn check_who(by: Option<&Text>) -> Result<(), TooLong> {
    by.map_or(Ok(()), |by| check_name("the name of who says so", by))
}

fn check_name(what: &'static str, name: &str) -> Result<(), TooLong> {
    check_size(what, name.len(), LONGEST_NAME)?;
    if name.contains('\0') {
        let problem = Problem::Null;
        return Err(TooLong { what, problem });
    }
    Ok(())
}

fn check_size(what: &'static str, given: usize, allowed: usize) -> Result<(), TooLong> {
    if given > allowed {
        let problem = Problem::Bytes { given, allowed };
        return Err(TooLong { what, problem });
    }
    Ok(())
}
