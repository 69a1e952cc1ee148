//! What the driver reports: what the model and the tools did, and that its caller wants to stop.

use haltpoint_engine::Json;
use haltpoint_engine::journal::{Failure, FailureKind, ModelReplied, PlannedCall, Remembered, memory_key};
use haltpoint_engine::run::{Reconciliation, Run, ToolOutcome, Verdict};

use super::{Scenario, text};

/// How long every tool takes.
const TOOL_US: i64 = 500;

impl Scenario {
    /// The model asks for tools.
    pub(crate) fn replies(self, reply: ModelReplied) -> Self {
        self.replies_with(reply, Verdict::Accept(None))
    }

    /// The model asks for tools, and whoever plans the calls finds what the run remembers.
    pub(crate) fn replies_remembering(self, mut reply: ModelReplied) -> Self {
        for call in &mut reply.calls {
            call.rules.remembered = own_approval(&self.live, call);
        }
        self.replies(reply)
    }

    /// The model answers, and its text is the run's output.
    pub(crate) fn answers(self, answer: &str) -> Self {
        self.replies(text(answer))
    }

    /// The model answers, and the answer fits the response format as this value.
    pub(crate) fn answers_as(self, answer: &str, output: Json) -> Self {
        self.replies_with(text(answer), Verdict::Accept(Some(output)))
    }

    /// The model's answer does not fit the response format.
    pub(crate) fn answers_unfittingly(self, answer: &str, reason: &str) -> Self {
        self.replies_with(text(answer), Verdict::Refuse(reason.into()))
    }

    /// The model's answer does not fit the response format, once too often.
    pub(crate) fn answers_unfittingly_once_too_often(self, answer: &str, reason: &str) -> Self {
        let failure = Failure {
            kind: FailureKind::InvalidOutput,
            message: "no fitting answer".into(),
            provider: None,
            status_code: None,
        };
        let reason = reason.into();
        self.replies_with(text(answer), Verdict::GiveUp { reason, failure })
    }

    /// The model plans calls while others are open, from now on.
    pub(crate) fn plans_ahead(mut self) -> Self {
        self.live.plan_ahead();
        self
    }

    /// The model names calls that join those that are open.
    pub(crate) fn plans<const N: usize>(self, calls: [PlannedCall; N]) -> Self {
        self.plans_all(calls.into())
    }

    /// As [`Scenario::plans`].
    pub(crate) fn plans_all(mut self, calls: Vec<PlannedCall>) -> Self {
        self.model_is_asked = false;
        self.feed(|run, at| run.notify_steps_planned(calls, at))
    }

    /// The model waits for the outcomes of open calls.
    pub(crate) fn waits(self) -> Self {
        self.plans([])
    }

    /// The model has calls to name, and wants to be asked.
    pub(crate) fn has_steps(self) -> Self {
        self.feed(Run::notify_steps_ready)
    }

    fn replies_with(mut self, reply: ModelReplied, verdict: Verdict) -> Self {
        self.model_is_asked = false;
        self.feed(|run, at| run.notify_model_replied(reply, verdict, at))
    }

    /// The model does not answer.
    pub(crate) fn model_fails(mut self, message: &str) -> Self {
        self.model_is_asked = false;
        let failure = Failure {
            kind: FailureKind::Model,
            message: message.into(),
            provider: Some("anthropic".into()),
            status_code: Some(529),
        };
        self.feed(|run, at| run.notify_model_failed(failure, 4_000, at))
    }

    /// The tool returns.
    pub(crate) fn returns(self, call_id: &str, content: &str) -> Self {
        self.finishes_tool(call_id, content, false)
    }

    /// The tool raises.
    pub(crate) fn raises(self, call_id: &str, content: &str) -> Self {
        self.finishes_tool(call_id, content, true)
    }

    fn finishes_tool(self, call_id: &str, content: &str, is_error: bool) -> Self {
        let outcome = ToolOutcome {
            content: content.into(),
            is_error,
            duration_us: TOOL_US,
        };
        self.feed(|run, at| run.notify_tool_finished(call_id, outcome, at))
    }

    /// The tool was stopped in its middle.
    pub(crate) fn gets_interrupted(self, call_id: &str) -> Self {
        self.feed(|run, at| run.notify_tool_interrupted(call_id, "cancelled".into(), at))
    }

    /// The tool finds that the call in doubt ran.
    pub(crate) fn finds_result(self, call_id: &str, content: &str) -> Self {
        let outcome = ToolOutcome {
            content: content.into(),
            is_error: false,
            duration_us: TOOL_US,
        };
        self.answers_about(call_id, Reconciliation::Finished(outcome))
    }

    /// The tool finds that the call in doubt never began.
    pub(crate) fn finds_no_trace(self, call_id: &str) -> Self {
        self.answers_about(call_id, Reconciliation::NotStarted)
    }

    /// The tool cannot tell what became of the call in doubt.
    pub(crate) fn cannot_tell(self, call_id: &str, reason: &str) -> Self {
        self.answers_about(call_id, Reconciliation::Unknown(Some(reason.into())))
    }

    fn answers_about(mut self, call_id: &str, answer: Reconciliation) -> Self {
        self.reconciling.remove(call_id);
        self.feed(|run, at| run.notify_reconciled(call_id, answer, at))
    }

    /// The driver's caller wants the run to stop.
    pub(crate) fn cancels(self) -> Self {
        self.feed(|run, at| run.notify_cancelled(false, Some("the caller".into()), at))
    }

    /// The driver's caller wants the run to stop, and its async tools in their middle.
    pub(crate) fn cancels_and_interrupts(self) -> Self {
        self.feed(|run, at| run.notify_cancelled(true, Some("the caller".into()), at))
    }
}

/// The newest approval of the run that answers this call.
pub(crate) fn own_approval(run: &Run, call: &PlannedCall) -> Option<Remembered> {
    let keys: Vec<_> = [false, true]
        .iter()
        .filter_map(|args| memory_key(call, *args))
        .collect();
    let newest_first = run.requirements().iter().rev();
    newest_first
        .flat_map(|requirement| {
            keys.iter()
                .filter_map(|key| run.approval_of(&requirement.id, key, call.rules.approvals, run))
        })
        .next()
}
