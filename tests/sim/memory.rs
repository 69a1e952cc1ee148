//! Approvals that answer later calls: what was found for a call must have stood on disk in that very moment.

use std::collections::{BTreeMap, BTreeSet};

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, PlannedCall, Remembered, RequirementDecided};
use haltpoint_engine::requirement::{Decision, RememberScope, RequirementKind};
use haltpoint_engine::run::{Requirement, Run};

use crate::journal::Journal;
use crate::witness::{Happening, Promise, Witness};

/// What is known of remembered approvals beside the journals.
pub(crate) struct ApprovalMemory {
    witness: Witness,
    /// Whoever revoked these was told so.
    revoked: BTreeSet<Text>,
    /// By run: the requirements whose approvals answered a call that was about to be planned.
    found: BTreeMap<Text, BTreeSet<Text>>,
}

impl ApprovalMemory {
    pub(crate) fn new(witness: Witness) -> Self {
        Self {
            witness,
            revoked: BTreeSet::new(),
            found: BTreeMap::new(),
        }
    }

    /// Somebody is told that the approval is revoked.
    pub(crate) fn acknowledge_revocation(&mut self, requirement_id: Text) {
        self.revoked.insert(requirement_id);
    }

    /// An approval was found for a call that is about to be planned; or none.
    pub(crate) fn check(
        &mut self,
        run_id: &Text,
        call: &PlannedCall,
        remembered: Option<&Remembered>,
        journals: &BTreeMap<Text, Journal>,
    ) {
        let Some(remembered) = remembered else { return };
        let of_own_run = remembered.run_id == *run_id;
        self.witness.count(match of_own_run {
            true => Happening::RecalledInRun,
            false => Happening::RecalledInSession,
        });
        let source = journals.get(&remembered.run_id).map(|journal| &journal.run);
        let stands = source.is_some_and(|source| stands(source, remembered, call, of_own_run));
        let is_revoked = self.revoked.contains(&remembered.requirement_id);
        self.witness.expect(stands && !is_revoked, Promise::MemoryIsTrue, || {
            format!("{run_id}: {} is to be answered by {remembered:?}", call.name)
        });
        let found = self.found.entry(run_id.clone()).or_default();
        found.insert(remembered.requirement_id.clone());
    }

    /// An entry that is being written repeats only what was found, and what stands in the call's plan.
    pub(crate) fn check_entry(&self, run: &Run, entry: &Entry) {
        let holds = match entry {
            Entry::ModelReplied(reply) => {
                let mut remembered = reply.calls.iter().filter_map(|call| call.rules.remembered.as_ref());
                remembered.all(|remembered| self.was_found(run, remembered))
            }
            Entry::RequirementDecided(decided) => decided
                .remembered
                .as_ref()
                .is_none_or(|remembered| repeats(run, decided, remembered)),
            _ => true,
        };
        self.witness.expect(holds, Promise::MemoryIsTrue, || {
            format!("{} writes {entry:?}", run.run_id())
        });
    }

    fn was_found(&self, run: &Run, remembered: &Remembered) -> bool {
        let found = self.found.get(run.run_id());
        found.is_some_and(|found| found.contains(&remembered.requirement_id))
    }
}

fn stands(source: &Run, remembered: &Remembered, call: &PlannedCall, of_own_run: bool) -> bool {
    let Some(requirement) = source.requirement(&remembered.requirement_id) else {
        return false;
    };
    let given = &source.calls()[requirement.call].plan;
    let Some(Decision::Confirm(confirmation)) = requirement.decision() else {
        return false;
    };
    confirmation.remember.is_some_and(|remember| {
        let is_in_scope = of_own_run || remember.scope == RememberScope::Session;
        let is_tool = (&given.name, tool_of(given)) == (&call.name, tool_of(call));
        let are_arguments = !remember.with_arguments || given.args.is_same_value(&call.args);
        let asks =
            call.asks == Some(RequirementKind::Confirmation) && !call.rules.always_ask && !given.rules.always_ask;
        is_in_scope && is_tool && are_arguments && asks && is_confirmed_by_all(requirement)
    })
}

fn tool_of(call: &PlannedCall) -> Option<(&Text, &Text)> {
    call.tool.as_ref().map(|tool| (&tool.module, &tool.digest))
}

fn is_confirmed_by_all(requirement: &Requirement) -> bool {
    let names: BTreeSet<_> = requirement.approvals.iter().map(|approval| &approval.by).collect();
    requirement.revoked.is_none()
        && (requirement.terms.approvals == 1 || names.len() == requirement.terms.approvals as usize)
}

fn repeats(run: &Run, decided: &RequirementDecided, remembered: &Remembered) -> bool {
    run.requirement(&decided.requirement_id).is_some_and(|requirement| {
        let plan = &run.calls()[requirement.call].plan;
        let is_planned = plan.rules.remembered.as_ref() == Some(remembered);
        is_planned && requirement.is_open() && decided.by == remembered.by && decided.decision == Decision::confirm()
    })
}
