//! The journal: the kinds of entry, their stored form, and the hash chain over them.
//!
//! An entry is stored as a stable kind name and a JSON payload. Kinds are never renamed or reused; a payload only ever
//! gains optional fields. What one release wrote, every later one reads.

mod approval_rules;
mod audit_key;
mod chain;
mod codec;
mod entry;
mod events;
mod features;
mod format;
mod limits;
mod remembered_approvals;
mod replies;
mod requirements;
mod run_end;
mod run_start;
mod seal;
mod stored_row;
mod tool_calls;

pub use approval_rules::{AskingRules, Expiry, OnExpiry, RuleAnswer};
pub use audit_key::{AuditKey, SHORTEST_AUDIT_KEY, ShortAuditKey};
pub use chain::{Chain, Content, Hash, Link};
pub use codec::{CodecError, decode, encode};
pub use entry::Entry;
pub use events::Event;
pub use features::{FEATURES, required_by, unknown_features};
pub use format::{FORMAT, Format};
pub(crate) use limits::check as check_limits;
pub use limits::{LARGEST_VALUE, LONGEST_NAME, TooLong, cut_name, is_fit_name};
pub use remembered_approvals::{ApprovalRevoked, Remembered, memory_key};
pub use replies::{AnswerRefused, ModelReplied, PlannedCall, ShownArguments, StepsPlanned, ToolFacts, Usage};
pub use requirements::{RequirementDecided, RequirementExpired, RequirementOpened, Terms};
pub use run_end::{
    CancelRequested, Failure, FailureKind, PayloadsErased, RunArrived, RunCancelled, RunCompleted, RunFailed, RunMoved,
    RunPaused,
};
pub use run_start::{InDoubtRule, OfferedTool, ResponseFormat, RunContinued, RunQueued, RunStarted};
pub use seal::{Attribution, SALT_LENGTH, Salt, Seal, Sealing, commitment};
pub use stored_row::{RowFault, StoredRow, check_requires};
pub use tool_calls::{OutcomeSource, ToolFinished, ToolInterrupted, ToolReconciled, ToolStarted};

use crate::Timestamp;

/// One stored row of a run's journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Position in the run's journal; the first is 1.
    pub seq: u64,
    /// When it happened, by the clock of the store that it was appended through; what is said of a requirement from outside, no earlier
    /// than anything since it was opened.
    pub at: Timestamp,
    /// Whether it was appended by somebody who does not drive the run (a decision, a cancel request).
    pub outsider: bool,
    /// What happened.
    pub entry: Entry,
    /// The chain's hash over this row and all rows before it.
    pub hash: Hash,
}

/// Where a run's journal ended when it was read. What stands before it never changes: the hash says which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEnd {
    /// The last record's place.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl JournalEnd {
    /// The end of a journal of which these are the last records; `None` where there are none.
    #[must_use]
    pub fn of(records: &[Record]) -> Option<Self> {
        let Record { seq, hash, .. } = *records.last()?;
        Some(Self { seq, hash })
    }
}

/// Bytes as people read hashes: two hexadecimal digits each.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
