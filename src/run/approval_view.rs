//! An approval among several, as users see it.

use serde::Serialize;

use crate::requirement::Decision;
use crate::{Json, Text};

use super::requirement::Decided;
use super::state::Call;
use super::view::iso;

/// One of several people who must confirm, and did.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ApprovalView {
    by: Option<Text>,
    at: String,
    decision: Decision,
    /// What was approved, whether or not it is what the model asked for.
    tool_args: Json,
}

impl ApprovalView {
    pub(super) fn new(approval: &Decided, call: &Call) -> Self {
        Self {
            by: approval.by.clone(),
            at: iso(approval.at),
            decision: approval.decision.clone(),
            tool_args: approval
                .decision
                .changed_args_shown()
                .unwrap_or_else(|| call.plan.shown_args())
                .clone(),
        }
    }
}
