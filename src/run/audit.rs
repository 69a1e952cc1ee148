//! Who decided what about a run, in the order in which it was written.

use serde::Serialize;

use crate::journal::{CancelRequested, Entry, Record, Remembered, hexadecimal};
use crate::requirement::{Decision, RequirementKind};
use crate::{Json, Text};

use super::fold::ReplayError;
use super::state::Run;

/// Why a requirement expired.
const UNDECIDED: &str = "nobody decided in time";

/// Something that somebody decided about a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRecord {
    /// The entry's place in the journal.
    pub seq: u64,
    /// When, in microseconds since the Unix epoch.
    pub at: i64,
    /// What was done: `confirmed`, `rejected`, ..., `cancel_requested`, `moved`, `arrived`.
    pub action: &'static str,
    /// Who, as far as they said.
    pub by: Option<Text>,
    /// The requirement; `None` for what concerns the whole run.
    pub requirement: Option<AuditedRequirement>,
    /// The earlier approval that a confirmation repeats, where nobody was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remembered_from: Option<Remembered>,
    /// For a cancel request: whether tools were to be stopped in their middle.
    pub interrupt: Option<bool>,
    /// More, in words, where nobody decided: why, or where to or from.
    pub reason: Option<Text>,
    /// The chain's hash of the entry, in hexadecimal digits.
    pub hash: String,
}

/// What was decided about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditedRequirement {
    /// The requirement's id.
    pub requirement_id: Text,
    /// What was needed.
    pub kind: RequirementKind,
    /// When it was asked for, in microseconds since the Unix epoch.
    pub asked_at: i64,
    /// The tool call.
    pub tool_call_id: Text,
    /// The tool.
    pub tool_name: Text,
    /// The arguments that were shown, to the byte.
    pub tool_args: Json,
    /// The arguments as the decision changed them; `None` where it left them as they were.
    pub changed_args: Option<Json>,
    /// The decision as it was written.
    pub decision: Option<Decision>,
    /// The parameters whose values are masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<Text>,
}

/// What was decided about a run.
///
/// # Errors
/// When the records cannot be a run's journal.
pub fn audit(records: &[Record]) -> Result<Vec<AuditRecord>, ReplayError> {
    // Checks the beginning.
    let mut run = Run::replay(&records[..records.len().min(1)])?;
    let mut found = Vec::new();
    for record in &records[1..] {
        let shown = shown(&run, &record.entry);
        run.fold_record(record)?;
        found.extend(run.audited(record, shown));
    }
    Ok(found)
}

/// The requirement that an entry closes, or takes a step towards closing.
fn concerned(entry: &Entry) -> Option<&Text> {
    match entry {
        Entry::RequirementDecided(decided) => Some(&decided.requirement_id),
        Entry::RequirementExpired(expired) => Some(&expired.requirement_id),
        Entry::ApprovalRevoked(revoked) => Some(&revoked.requirement_id),
        _ => None,
    }
}

/// The arguments that somebody saw who wrote this entry.
fn shown(run: &Run, entry: &Entry) -> Option<Json> {
    let requirement = run.requirement(concerned(entry)?)?;
    Some(run.arguments_of(&run.calls[requirement.call]).shown)
}

impl Run {
    fn audited(&self, record: &Record, shown: Option<Json>) -> Option<AuditRecord> {
        match &record.entry {
            Entry::RequirementDecided(decided) => {
                let requirement = self.audited_requirement(&decided.requirement_id, shown?, Some(&decided.decision))?;
                Some(AuditRecord {
                    by: decided.by.clone(),
                    requirement: Some(requirement),
                    remembered_from: decided.remembered.clone(),
                    ..bare(record, action(&decided.decision))
                })
            }
            Entry::RequirementExpired(expired) => Some(AuditRecord {
                requirement: Some(self.audited_requirement(&expired.requirement_id, shown?, None)?),
                reason: Some(UNDECIDED.into()),
                ..bare(record, "expired")
            }),
            Entry::ApprovalRevoked(revoked) => Some(AuditRecord {
                by: revoked.by.clone(),
                requirement: Some(self.audited_requirement(&revoked.requirement_id, shown?, None)?),
                ..bare(record, "approval_revoked")
            }),
            Entry::CancelRequested(cancel) => Some(cancellation(record, cancel)),
            Entry::RunMoved(moved) => Some(AuditRecord {
                by: moved.by.clone(),
                reason: Some(format!("to {}", moved.to).into()),
                ..bare(record, "moved")
            }),
            Entry::RunArrived(arrived) => Some(AuditRecord {
                by: arrived.by.clone(),
                reason: Some(format!("from {}", arrived.from).into()),
                ..bare(record, "arrived")
            }),
            _ => None,
        }
    }

    fn audited_requirement(&self, id: &str, shown: Json, decision: Option<&Decision>) -> Option<AuditedRequirement> {
        let requirement = self.requirement(id)?;
        let call = &self.calls[requirement.call];
        // One of several approvals changes nothing yet, and says all the same what it wants changed.
        let changed = decision
            .and_then(Decision::changed_args_shown)
            .map_or_else(|| self.arguments_of(call).shown, Json::clone);
        Some(AuditedRequirement {
            requirement_id: requirement.id.clone(),
            kind: requirement.kind,
            asked_at: requirement.opened_at.0,
            tool_call_id: call.plan.id.clone(),
            tool_name: call.plan.name.clone(),
            changed_args: (changed != shown).then_some(changed),
            tool_args: shown,
            decision: decision.cloned(),
            sensitive: call.plan.sensitive().to_vec(),
        })
    }
}

fn cancellation(record: &Record, cancel: &CancelRequested) -> AuditRecord {
    AuditRecord {
        by: cancel.by.clone(),
        interrupt: Some(cancel.interrupt),
        reason: cancel.reason.clone(),
        ..bare(record, "cancel_requested")
    }
}

fn bare(record: &Record, action: &'static str) -> AuditRecord {
    AuditRecord {
        seq: record.seq,
        at: record.at.0,
        action,
        by: None,
        requirement: None,
        remembered_from: None,
        interrupt: None,
        reason: None,
        hash: hexadecimal(&record.hash),
    }
}

fn action(decision: &Decision) -> &'static str {
    match decision {
        Decision::Confirm(_) => "confirmed",
        Decision::Reject { .. } => "rejected",
        Decision::Input { .. } => "answered",
        Decision::Result { .. } => "result_given",
        Decision::Retry => "retried",
        Decision::Supply { .. } => "supplied",
        Decision::Skip { .. } => "skipped",
        Decision::Signal { .. } => "signalled",
    }
}
