//! The facts that a journal is made of.

use super::remembered_approvals::ApprovalRevoked;
use super::replies::{AnswerRefused, ModelReplied, StepsPlanned};
use super::requirements::{RequirementDecided, RequirementExpired, RequirementOpened};
use super::run_end::{
    CancelRequested, PayloadsErased, RunArrived, RunCancelled, RunCompleted, RunFailed, RunMoved, RunPaused,
};
use super::run_start::{RunContinued, RunQueued, RunStarted};
use super::tool_calls::{ToolFinished, ToolInterrupted, ToolReconciled, ToolStarted};

/// One fact of a run's history. The order of the variants follows a run's life.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// The run exists.
    RunStarted(Box<RunStarted>),
    /// The run waits for a worker.
    RunQueued(RunQueued),
    /// A driver took the run over to go on with it.
    RunContinued(RunContinued),
    /// The model answered.
    ModelReplied(ModelReplied),
    /// Calls were planned, perhaps while earlier ones were still open.
    StepsPlanned(StepsPlanned),
    /// The model's final answer did not fit the response format; it is told why and asked again.
    AnswerRefused(AnswerRefused),
    /// A tool call is about to run: on disk before the tool's first instruction.
    ToolStarted(ToolStarted),
    /// A tool call has its outcome.
    ToolFinished(ToolFinished),
    /// A started call was stopped in its middle: its outcome is unknown.
    ToolInterrupted(ToolInterrupted),
    /// The tool's own look at a call in doubt did not bring its outcome.
    ToolReconciled(ToolReconciled),
    /// A call waits for somebody.
    RequirementOpened(RequirementOpened),
    /// Somebody decided.
    RequirementDecided(RequirementDecided),
    /// Nobody decided in time.
    RequirementExpired(RequirementExpired),
    /// A remembered approval answers no further calls.
    ApprovalRevoked(ApprovalRevoked),
    /// Nothing is left to do until somebody decides.
    RunPaused(RunPaused),
    /// Somebody wants the run to stop.
    CancelRequested(CancelRequested),
    /// The run stopped because somebody wanted it to.
    RunCancelled(RunCancelled),
    /// The run stopped because it could not go on.
    RunFailed(RunFailed),
    /// The run has its answer.
    RunCompleted(RunCompleted),
    /// What the entries before it say was erased; their hashes stay.
    PayloadsErased(PayloadsErased),
    /// The run goes on in another database.
    RunMoved(RunMoved),
    /// The run came from another database, and goes on here.
    RunArrived(RunArrived),
}
