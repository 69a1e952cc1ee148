//! A run: its state as a pure fold over its journal, and the transitions that lead from an input to new entries and effects.
//!
//! [`Run::replay`] folds stored records; the `notify_*` family takes facts in and returns a [`Transition`]. Nothing here reads a
//! clock, draws a random number or does any I/O, so the same inputs give the same journal to the byte.

mod advance;
mod approval_view;
mod arguments;
mod audit;
mod conversation;
mod decide;
mod digest;
mod expiry;
mod fold;
mod ids;
mod messages;
mod queue;
mod remembered_approvals;
mod requirement;
mod state;
mod transitions;
mod view;

pub use arguments::{Arguments, CallToRun};
pub use audit::{AuditRecord, AuditedRequirement, audit};
pub use decide::DecisionError;
pub use fold::ReplayError;
pub use ids::{idempotency_key, keyed_run_id, requirement_id};
pub use requirement::{Decided, Doubt, Requirement, Revocation};
pub use state::{Call, CallState, Cancellation, Outcome, Reconciled, Run, Step};
pub use transitions::{Reconciliation, ToolOutcome, Verdict};
pub(crate) use view::iso;
pub use view::{RequirementView, RunView};

use crate::journal::Entry;
use crate::{Json, Text, Timestamp};

/// What a transition asks the driver to do. The enum is closed: the engine answers "what next" and never calls back.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask the model, with the conversation as it stands. May leave while the last outcome is still being written: a request can be
    /// repeated.
    RequestModel,
    /// Run this tool call; its start is on disk.
    StartTool(ToolStart),
    /// Ask the tool what became of a call in doubt.
    ReconcileTool(ToolInDoubt),
    /// Stop this running call in its middle, where that is possible.
    InterruptTool {
        /// The call.
        call_id: Text,
    },
    /// Nothing more to do: the run's status says why.
    Stop,
}

impl Effect {
    /// Whether the entries must be on disk before the effect may be seen.
    #[must_use]
    pub fn needs_commit(&self) -> bool {
        !matches!(self, Self::RequestModel)
    }
}

/// A tool call to run.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolStart {
    /// The call.
    pub call_id: Text,
    /// The tool's name.
    pub name: Text,
    /// The module where the tool stood when the model asked for it.
    pub module: Option<Text>,
    /// What it runs with.
    pub arguments: Arguments,
    /// Which attempt; the first is 1.
    pub attempt: u32,
}

/// A call in doubt whose tool can be asked about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolInDoubt {
    /// The call.
    pub call_id: Text,
    /// The tool's name.
    pub name: Text,
    /// The arguments that it was started with, a JSON object.
    pub args: Json,
    /// Which attempt is in doubt; the first is 1.
    pub attempt: u32,
    /// When that was started.
    pub started_at: Timestamp,
}

/// What follows from an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transition {
    /// New entries, folded into the state already.
    pub entries: Vec<Entry>,
    /// What to do, in order.
    pub effects: Vec<Effect>,
}
