//! What reading a journal requires: an entry names the features that it uses, and a reader that lacks one leaves the run alone.

use super::{Entry, PlannedCall};
use crate::requirement::{Decision, RequirementKind};

/// Several people must confirm a call.
const APPROVALS: &str = "approvals";
/// What entries say was erased.
const ERASURE: &str = "erasure";
/// Waiting for an answer ends.
const EXPIRY: &str = "expiry";
/// The run was moved between databases.
const MOVES: &str = "moves";
/// An approval answers later calls, too, or a call may not be answered by one.
const REMEMBERED_APPROVALS: &str = "remembered_approvals";
/// Values of some parameters are masked wherever nobody decides on them.
const SENSITIVE: &str = "sensitive";
/// Calls join others that are still open.
const STEPS_PLANNED: &str = "steps_planned";
/// A person changes the arguments of a call.
const TOOL_ARGS: &str = "tool_args";
/// A call waits for a time or an event instead of a person, or the run does before it begins.
const WAITS: &str = "waits";

/// All features that this release knows, in alphabetical order. A reader that ignored one of them would run a call that nobody
/// approved, or with arguments that nobody approved, or in two databases at once, or would show what is not to be shown.
pub const FEATURES: &[&str] = &[
    APPROVALS,
    ERASURE,
    EXPIRY,
    MOVES,
    REMEMBERED_APPROVALS,
    SENSITIVE,
    STEPS_PLANNED,
    TOOL_ARGS,
    WAITS,
];

/// The features that an entry uses, as they are stored: a JSON list of names in alphabetical order without blanks; `None` where it
/// uses none.
#[must_use]
pub fn required_by(entry: &Entry) -> Option<String> {
    match entry {
        Entry::RunStarted(started) => {
            list(|feature| feature == SENSITIVE && started.tools.iter().any(|tool| !tool.sensitive.is_empty()))
        }
        Entry::ModelReplied(reply) => list(|feature| reply.calls.iter().any(|call| plan_uses(call, feature))),
        Entry::StepsPlanned(planned) => {
            list(|feature| feature == STEPS_PLANNED || planned.calls.iter().any(|call| plan_uses(call, feature)))
        }
        Entry::RequirementOpened(opened) => list(|feature| match feature {
            APPROVALS => opened.terms.approvals > 1,
            EXPIRY => opened.terms.expires_at.is_some(),
            WAITS => opened.kind == RequirementKind::Wait,
            _ => false,
        }),
        Entry::RequirementDecided(decided) => list(|feature| match feature {
            REMEMBERED_APPROVALS => decided.memory_key.is_some() || decided.remembered.is_some(),
            TOOL_ARGS => decided.decision.changed_args().is_some(),
            WAITS => matches!(decided.decision, Decision::Signal { .. }),
            _ => false,
        }),
        Entry::RunQueued(queued) => list(|feature| feature == WAITS && queued.not_before.is_some()),
        Entry::RequirementExpired(_) => list(|feature| feature == EXPIRY),
        Entry::PayloadsErased(_) => list(|feature| feature == ERASURE),
        Entry::ApprovalRevoked(_) => list(|feature| feature == REMEMBERED_APPROVALS),
        Entry::RunMoved(_) | Entry::RunArrived(_) => list(|feature| feature == MOVES),
        _ => None,
    }
}

fn plan_uses(call: &PlannedCall, feature: &str) -> bool {
    let rules = &call.rules;
    match feature {
        APPROVALS => rules.approvals > 1,
        EXPIRY => rules.expiry.is_some(),
        REMEMBERED_APPROVALS => rules.always_ask || rules.remembered.is_some(),
        SENSITIVE => !call.sensitive().is_empty(),
        WAITS => call.asks == Some(RequirementKind::Wait),
        _ => false,
    }
}

fn list(uses: impl Fn(&str) -> bool) -> Option<String> {
    let used: Vec<_> = FEATURES
        .iter()
        .filter(|feature| uses(feature))
        .map(|feature| format!("\"{feature}\""))
        .collect();
    (!used.is_empty()).then(|| format!("[{}]", used.join(",")))
}

/// The features in a stored list that this release does not know.
///
/// # Errors
/// When it is not a JSON list of texts.
pub fn unknown_features(requires: &str) -> Result<Vec<String>, serde_json::Error> {
    let mut features: Vec<String> = serde_json::from_str(requires)?;
    features.retain(|feature| !FEATURES.contains(&&**feature));
    Ok(features)
}
