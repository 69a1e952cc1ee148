//! What the model and people are told.

use crate::Text;
use crate::journal::{Entry, Failure, FailureKind, LARGEST_VALUE, RunFailed};

/// What the model is told of a call about which nobody answered.
pub(super) const UNANSWERED: &str = "Nobody answered in time; this call was not run.";

/// What is written of a call whose event did not happen in time.
pub(super) const NO_SIGNAL: &str = "No signal of the event came in time.";

/// What is written of a call that only waited.
pub(super) const WAITED: &str = "The wait is over.";

pub(super) fn rejection(note: Option<&str>) -> Text {
    match note {
        Some(note) => format!("The user rejected this call; it was not run. Their note: {note}").into(),
        None => "The user rejected this call; it was not run.".into(),
    }
}

pub(super) fn skipping(note: Option<&str>) -> Text {
    let unknown = "This call was started, but its outcome is unknown; it was not run again.";
    match note {
        Some(note) => format!("{unknown} A person's note: {note}").into(),
        None => unknown.into(),
    }
}

/// What the model is told of a call whose result no journal keeps.
pub(super) fn too_long(length: usize) -> Text {
    format!(
        "The call ran, but its result takes {length} bytes and at most {LARGEST_VALUE} are kept: it is lost. Ask for less at a time."
    )
    .into()
}

pub(super) fn limit_failure(limit: u64) -> Entry {
    let message = format!(
        "the model asked for more than the {limit} tool calls that this run may make; \
         continue with a higher tool_call_limit to go on"
    );
    failure(FailureKind::ToolCallLimit, message)
}

pub(super) fn failure(kind: FailureKind, message: String) -> Entry {
    let failure = Failure {
        kind,
        message: message.into(),
        provider: None,
        status_code: None,
    };
    Entry::RunFailed(RunFailed {
        failure,
        duration_us: 0,
    })
}
