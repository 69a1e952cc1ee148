//! What happens to drivers: they die, and others take the run over.

use haltpoint_engine::journal::{CancelRequested, InDoubtRule, RunContinued};
use haltpoint_engine::run::Requirement;
use haltpoint_engine::store::RunStatus;

use super::{Scenario, obliging};

impl Scenario {
    /// The driver's process dies: what it did not write is gone.
    pub(crate) fn crashes(self) -> Self {
        let holder = self.holder;
        Self {
            holder,
            ..Self::found(self.journal)
        }
    }

    /// Another process takes the run over.
    pub(crate) fn continues(self) -> Self {
        let limit = self.live.tool_call_limit();
        self.continues_with_limit(limit)
    }

    /// Another process takes the run over and allows so many tool calls.
    pub(crate) fn continues_with_limit(self, tool_call_limit: u64) -> Self {
        self.continues_with(tool_call_limit, InDoubtRule::Ask)
    }

    /// Another process takes the run over and says what becomes of calls in doubt.
    pub(crate) fn continues_with_rule(self, rule: InDoubtRule) -> Self {
        let limit = self.live.tool_call_limit();
        self.continues_with(limit, rule)
    }

    fn continues_with(self, tool_call_limit: u64, rule: InDoubtRule) -> Self {
        let mut found = self.crashes();
        found.holder += 1;
        let continued = found.taken_over(tool_call_limit, rule);
        found.feed(|run, at| run.notify_continued(continued, at))
    }

    /// Nobody drives the run, and somebody takes it over only to write that it is cancelled.
    pub(crate) fn gets_cancelled_while_idle(self) -> Self {
        let mut found = self.crashes();
        found.holder += 1;
        let continued = found.taken_over(found.live.tool_call_limit(), InDoubtRule::Ask);
        let cancel = CancelRequested {
            interrupt: false,
            by: Some("the inbox".into()),
            reason: None,
        };
        found.feed(|run, at| run.notify_cancelled_idle(continued, cancel, at))
    }

    /// Nobody drives the run, and somebody takes it over only to write that it ends because nobody answered.
    pub(crate) fn ends_while_idle(self) -> Self {
        let mut found = self.crashes();
        found.holder += 1;
        let continued = found.taken_over(found.live.tool_call_limit(), InDoubtRule::Ask);
        found.feed(|run, at| run.notify_expired_idle(continued, at))
    }

    /// The driver stops as soon as nothing runs, and leaves the rest to another one.
    pub(crate) fn hands_back(self) -> Self {
        self.feed(|run, at| run.notify_drained(false, at))
    }

    /// The driver stops now and leaves the rest to another one, whatever runs.
    pub(crate) fn drained_by_force(self) -> Self {
        self.feed(|run, at| run.notify_drained(true, at))
    }

    /// Somebody lets workers go on with a run that nobody drives.
    pub(crate) fn gets_queued(self) -> Self {
        self.crashes()
            .feed(|run, at| run.notify_queued(Some("ann".into()), None, at))
    }

    /// A worker finds that the run ended too many drivers.
    pub(crate) fn gets_set_aside(self) -> Self {
        let mut found = self.crashes();
        found.holder += 1;
        let continued = found.taken_over(found.live.tool_call_limit(), InDoubtRule::Ask);
        found.feed(|run, at| run.notify_set_aside(continued, at))
    }

    fn taken_over(&self, tool_call_limit: u64, on_in_doubt: InDoubtRule) -> RunContinued {
        RunContinued {
            holder: format!("process {}", self.holder).into(),
            tool_call_limit,
            on_in_doubt,
        }
    }

    /// Everybody obliges and everything succeeds, until the run is completed.
    pub(crate) fn comes_to_an_end(mut self) -> Self {
        for _ in 0..1_000 {
            self = match self.live.status() {
                RunStatus::Completed => return self.hears(),
                RunStatus::Running if self.model_is_asked => self.answers("the end"),
                RunStatus::Running if !self.reconciling.is_empty() => self.learns_nothing(),
                RunStatus::Running => self.finishes_a_tool(),
                _ => self.obliges().continues_with_limit(10_000),
            };
        }
        panic!("the run never ends");
    }

    fn finishes_a_tool(self) -> Self {
        let running = self.live.calls().iter().find(|call| call.is_started());
        let call_id = running.map(|call| call.plan.id.clone()).expect("something runs");
        self.returns(&call_id, "done")
    }

    fn learns_nothing(self) -> Self {
        let call_id = self.reconciling.iter().min().cloned().expect("a tool is asked");
        self.cannot_tell(&call_id, "no idea")
    }

    fn obliges(mut self) -> Self {
        self = self.hears();
        let open: Vec<_> = self.live.open_requirements().cloned().collect();
        for requirement in open {
            let plan = self.live.calls()[requirement.call].plan.clone();
            let first = requirement.approvals.first().map(|approval| approval.decision.clone());
            let decision = first.unwrap_or_else(|| obliging(requirement.kind, plan.answers_are_result));
            for by in ["ann", "bob", "cid"] {
                if !self.live.requirement(&requirement.id).is_some_and(Requirement::is_open) {
                    break;
                }
                self = self.decides_as(by, &plan.id, decision.clone());
            }
        }
        self
    }
}
