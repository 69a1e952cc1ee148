//! The effect ledger: what tools did in the world, which no crash and no power loss takes back.

use std::collections::BTreeMap;

use haltpoint_engine::Text;
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::{Call, Run, ToolStart};

use crate::journal::{Journal, is_repeatable};
use crate::witness::{Happening, Promise, Witness};

/// The attempts at each call that were really executed.
pub(crate) struct Ledger {
    executions: BTreeMap<(Text, Text), Vec<u32>>,
    witness: Witness,
}

impl Ledger {
    pub(crate) fn new(witness: Witness) -> Self {
        Self {
            executions: BTreeMap::new(),
            witness,
        }
    }

    /// A tool runs.
    pub(crate) fn execute(&mut self, run_id: &Text, start: &ToolStart, journal: Option<&Journal>) {
        self.witness.count(Happening::Executions);
        let attempts = self
            .executions
            .entry((run_id.clone(), start.call_id.clone()))
            .or_default();
        let is_new = !attempts.contains(&start.attempt);
        attempts.push(start.attempt);
        let executions = attempts.len();
        if executions > 1 {
            self.witness.count(Happening::FurtherAttempts);
        }
        let what = || {
            format!(
                "{} of {run_id}, attempt {}, execution {executions}",
                start.call_id, start.attempt
            )
        };
        self.witness.expect(is_new, Promise::DoubtIsNotRepeated, what);
        let call = journal.and_then(|journal| journal.call(&start.call_id));
        let is_on_disk = call.is_some_and(|call| call.attempts >= start.attempt);
        self.witness.expect(is_on_disk, Promise::EffectsFollowCommits, what);
        if let (Some(journal), Some(call)) = (journal, call) {
            let is_allowed = is_repeatable(call) || executions <= 1 + journal.licences(&start.call_id);
            self.witness.expect(is_allowed, Promise::DoubtIsNotRepeated, what);
            let is_agreed = runs_what_was_agreed(&journal.run, call, start);
            self.witness.expect(is_agreed, Promise::DecisionsAreHonoured, || {
                format!("{}: {:?}", what(), start.arguments.given)
            });
        }
    }

    /// Whether that attempt at the call was executed at all.
    pub(crate) fn was_executed(&self, run_id: &Text, call_id: &Text, attempt: u32) -> bool {
        let attempts = self.executions.get(&(run_id.clone(), call_id.clone()));
        attempts.is_some_and(|attempts| attempts.contains(&attempt))
    }
}

/// The tool and the arguments that were shown, with what a person filled in or put in their place, and no rejection in sight.
fn runs_what_was_agreed(run: &Run, call: &Call, start: &ToolStart) -> bool {
    let requirements = call.requirements.iter().map(|&place| &run.requirements()[place]);
    let decisions: Vec<&Decision> = requirements.filter_map(|requirement| requirement.decision()).collect();
    let is_refused = decisions
        .iter()
        .any(|decision| matches!(decision, Decision::Reject { .. } | Decision::Result { .. }));
    let args_fit = decisions
        .iter()
        .find_map(|decision| args_fit(decision, start))
        .unwrap_or(start.arguments.given == call.plan.args);
    !is_refused && args_fit && start.name == call.plan.name
}

/// Whether a call runs with the arguments that a decision gave it; `None` when it gave it none.
fn args_fit(decision: &Decision, start: &ToolStart) -> Option<bool> {
    match decision {
        Decision::Input { values, .. } => {
            let args: serde_json::Value = serde_json::from_str(start.arguments.given.get()).unwrap();
            Some(values.iter().all(|(name, value)| args[&**name] == *value))
        }
        Decision::Confirm(confirmation) => Some(start.arguments.given == *confirmation.tool_args.as_ref()?),
        _ => None,
    }
}
