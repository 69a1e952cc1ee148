//! What a run's journal must add up to: folded entry by entry as it is committed, with the rules that each entry has to keep.

use std::collections::BTreeSet;

use haltpoint_engine::journal::{
    Entry, FailureKind, InDoubtRule, OutcomeSource, Record, RequirementDecided, ToolFinished,
};
use haltpoint_engine::requirement::{Decision, RequirementKind};
use haltpoint_engine::run::{Call, CallState, Reconciled, Run};
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::store::{NewRun, RunStatus};
use haltpoint_engine::{Text, Timestamp};

use crate::witness::{Happening, Promise, Witness};

/// A run as the shared disk has it.
pub(crate) struct Journal {
    pub(crate) run: Run,
    pub(crate) records: Vec<Record>,
    /// The epoch of the last lease, and whether it is still held.
    pub(crate) epoch: u64,
    pub(crate) is_held: bool,
    /// The epochs whose leases were taken from their holders.
    pub(crate) taken_over: Vec<u64>,
    /// Who holds it, or held it last.
    pub(crate) holder: Holder,
    /// Where the journal ended when that lease was granted.
    pub(crate) granted_at: u64,
    /// Whoever wanted the run cancelled while that lease was held was told that it is going to be.
    pub(crate) is_cancelled: bool,
    rule: InDoubtRule,
    /// How often calls of this run may have been executed beyond once.
    licences: Vec<(String, usize)>,
}

impl Journal {
    pub(crate) fn new(new: &NewRun, witness: &Witness) -> Self {
        let (entries, at) = (&new.entries, new.at);
        let Some(Entry::RunStarted(started)) = entries.first() else {
            panic!("a run begins with its start");
        };
        let mut journal = Self {
            run: Run::new(started.clone(), at),
            records: vec![record(1, entries[0].clone(), at, false)],
            epoch: 1,
            is_held: true,
            taken_over: Vec::new(),
            holder: new.holder.clone(),
            granted_at: 0,
            is_cancelled: false,
            rule: InDoubtRule::Ask,
            licences: Vec::new(),
        };
        for entry in &entries[1..] {
            journal.append(entry, at, false, witness);
        }
        journal
    }

    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    pub(crate) fn append(&mut self, entry: &Entry, at: Timestamp, outsider: bool, witness: &Witness) {
        self.judge(entry, at, witness);
        self.judge_time(entry, at, outsider, witness);
        self.judge_end(entry, witness);
        self.is_cancelled |= outsider && matches!(entry, Entry::CancelRequested(_));
        let record = record(self.len() + 1, entry.clone(), at, outsider);
        let folded = self.run.fold_record(&record);
        witness.expect(folded.is_ok(), Promise::ReplayGivesLiveState, || {
            format!("{entry:?} cannot be folded")
        });
        self.records.push(record);
    }

    /// What is allowed to be executed again beyond the first time.
    pub(crate) fn licences(&self, call_id: &str) -> usize {
        self.licences
            .iter()
            .find(|(id, _)| id == call_id)
            .map_or(0, |(_, count)| *count)
    }

    pub(crate) fn call(&self, call_id: &str) -> Option<&Call> {
        self.run.calls().iter().find(|call| &*call.plan.id == call_id)
    }

    fn license(&mut self, call_id: &str) {
        match self.licences.iter_mut().find(|(id, _)| id == call_id) {
            Some((_, count)) => *count += 1,
            None => self.licences.push((call_id.to_owned(), 1)),
        }
    }

    fn judge(&mut self, entry: &Entry, at: Timestamp, witness: &Witness) {
        match entry {
            Entry::ToolStarted(started) => self.judge_start(&started.call_id, witness),
            Entry::ToolFinished(finished) => self.judge_outcome(finished, witness),
            Entry::ToolInterrupted(_) => witness.count(Happening::InterruptedTools),
            Entry::ToolReconciled(_) => witness.count(Happening::Reconciliations),
            Entry::RequirementOpened(opened) if opened.kind == RequirementKind::Recovery => {
                witness.count(Happening::RecoveriesAsked);
            }
            Entry::RequirementDecided(decided) => self.judge_decision(decided, at, witness),
            Entry::RequirementExpired(expired) => {
                let requirement = self.run.requirement(&expired.requirement_id);
                let is_due = requirement.is_some_and(|open| open.is_open() && open.terms.are_over(at));
                witness.expect(is_due, Promise::DecidedOnce, || {
                    format!("{expired:?} of {requirement:?}")
                });
            }
            Entry::RunContinued(continued) => self.rule = continued.on_in_doubt,
            Entry::RunQueued(_) => witness.count(Happening::Drained),
            Entry::RunPaused(_) => witness.count(Happening::Pauses),
            Entry::RunCancelled(_) => witness.count(Happening::CancelledRuns),
            Entry::RunFailed(failed) => {
                witness.count(Happening::FailedRuns);
                if failed.failure.kind == FailureKind::Expired {
                    witness.count(Happening::FailuresByExpiry);
                }
            }
            _ => {}
        }
    }

    /// Whoever speaks of a requirement from outside does so no earlier than anything since it was opened.
    fn judge_time(&self, entry: &Entry, at: Timestamp, outsider: bool, witness: &Witness) {
        let id = match entry {
            Entry::RequirementDecided(decided) if outsider => &decided.requirement_id,
            Entry::RequirementExpired(expired) => &expired.requirement_id,
            _ => return,
        };
        let opens = |record: &&Record| matches!(&record.entry, Entry::RequirementOpened(opened) if opened.requirement_id == *id);
        let since = self.records.iter().skip_while(|record| !opens(record));
        let latest = since.map(|record| record.at).max().unwrap_or_default();
        let is_over = self.run.requirement(id).is_some_and(|open| open.terms.are_over(latest));
        let is_given_back = is_over && matches!(entry, Entry::RequirementDecided(_));
        witness.expect(at >= latest && !is_given_back, Promise::TimeIsNotGivenBack, || {
            format!("{entry:?} at {at:?}, where the journal shows {latest:?}")
        });
    }

    fn judge_end(&self, entry: &Entry, witness: &Witness) {
        let is_other_end = matches!(
            entry,
            Entry::RunCompleted(_) | Entry::RunPaused(_) | Entry::RunFailed(_) | Entry::RunQueued(_)
        );
        witness.expect(
            !(self.is_cancelled && is_other_end),
            Promise::GrantedCancelHolds,
            || format!("{} ends with {entry:?} although it was cancelled", self.run.run_id()),
        );
    }

    fn judge_start(&mut self, call_id: &str, witness: &Witness) {
        let Some(call) = self.call(call_id) else {
            return;
        };
        let decision = self.last_decision(call);
        let may_start = match &call.state {
            CallState::Planned => call.plan.asks.is_none() && call.plan.refused.is_none(),
            CallState::Waiting => {
                matches!(
                    decision,
                    Some(Decision::Confirm(_) | Decision::Input { .. } | Decision::Retry)
                )
            }
            CallState::InDoubt { .. } => is_repeatable(call) || self.may_repeat(call),
            CallState::Started { .. } | CallState::Finished(_) => false,
        };
        let is_repetition = matches!(call.state, CallState::InDoubt { .. }) || decision == Some(&Decision::Retry);
        let promise = if call.is_finished() {
            Promise::FinishedStaysFinished
        } else {
            Promise::DoubtIsNotRepeated
        };
        witness.expect(may_start, promise, || {
            format!("{call_id} starts while it is {:?}", call.state)
        });
        let is_approved = !matches!(decision, Some(Decision::Confirm(_)))
            || self.is_by_memory(call)
            || self.approvers(call).len() >= call.plan.rules.approvals as usize;
        witness.expect(is_approved, Promise::DecisionsAreHonoured, || {
            format!("{call_id} starts on the word of {:?}", self.approvers(call))
        });
        if is_repetition {
            self.license(call_id);
        }
    }

    fn may_repeat(&self, call: &Call) -> bool {
        call.reconciled == Some(Reconciled::NotStarted) || self.rule == InDoubtRule::Retry
    }

    fn judge_outcome(&self, finished: &ToolFinished, witness: &Witness) {
        let Some(call) = self.call(&finished.call_id) else {
            return;
        };
        witness.expect(!call.is_finished(), Promise::FinishedStaysFinished, || {
            format!("{} gets a second outcome", finished.call_id)
        });
        let decision = self.last_decision(call);
        let fits = match (finished.source, decision) {
            (OutcomeSource::Rejected, Some(Decision::Reject { .. })) => counted(witness, Happening::Rejections),
            (OutcomeSource::External, Some(Decision::Result { content })) => {
                counted(witness, Happening::ExternalResults) && *content == finished.content
            }
            (OutcomeSource::Supplied, Some(Decision::Supply { content })) => *content == finished.content,
            (OutcomeSource::User, Some(Decision::Input { .. }))
            | (OutcomeSource::Skipped, Some(Decision::Skip { .. })) => true,
            (OutcomeSource::Tool | OutcomeSource::Reconciled, decision) => {
                matches!(
                    decision,
                    None | Some(Decision::Confirm(_) | Decision::Input { .. } | Decision::Retry)
                )
            }
            (OutcomeSource::Refused, None) => true,
            (OutcomeSource::Expired, None) => self.is_expired(call),
            (OutcomeSource::Waited, Some(Decision::Confirm(_))) => is_wait(call),
            // Time that was over from the beginning is not waited for.
            (OutcomeSource::Waited, None) => is_wait(call) && (self.is_expired(call) || call.requirements.is_empty()),
            _ => false,
        };
        witness.expect(fits, Promise::DecisionsAreHonoured, || {
            format!("{} ends as {:?} after {decision:?}", finished.call_id, finished.source)
        });
    }

    fn judge_decision(&self, decided: &RequirementDecided, at: Timestamp, witness: &Witness) {
        let requirement = self.run.requirement(&decided.requirement_id);
        let is_wanted = requirement.is_some_and(|open| open.is_open() && !open.terms.are_over(at));
        witness.expect(is_wanted, Promise::DecidedOnce, || {
            format!("{decided:?} after {requirement:?}")
        });
        match &decided.decision {
            Decision::Confirm(confirmation) => {
                witness.count(Happening::Confirmations);
                if confirmation.tool_args.is_some() {
                    witness.count(Happening::ChangedArguments);
                }
                if requirement.is_some_and(|requirement| requirement.terms.approvals > 1) {
                    witness.count(Happening::Approvals);
                }
            }
            Decision::Input { .. } => witness.count(Happening::Answers),
            Decision::Retry => witness.count(Happening::RecoveriesRetried),
            _ => {}
        }
    }

    /// Who confirmed the call, by the journal's own words.
    fn approvers(&self, call: &Call) -> BTreeSet<Text> {
        let ids: Vec<&Text> = call
            .requirements
            .iter()
            .map(|&place| &self.run.requirements()[place].id)
            .collect();
        let names = self.records.iter().filter_map(|record| match &record.entry {
            Entry::RequirementDecided(decided)
                if ids.contains(&&decided.requirement_id) && matches!(decided.decision, Decision::Confirm(_)) =>
            {
                decided.by.clone()
            }
            _ => None,
        });
        names.collect()
    }

    /// Whether an earlier approval answered the call: whose that is, is the memory's affair.
    fn is_by_memory(&self, call: &Call) -> bool {
        let asked = call.requirements.iter().map(|&place| &self.run.requirements()[place]);
        let mut decided = asked.filter_map(|requirement| requirement.decided.as_ref());
        decided.any(|decided| decided.remembered.is_some())
    }

    fn is_expired(&self, call: &Call) -> bool {
        let last = call.requirements.last();
        last.is_some_and(|&place| self.run.requirements()[place].expired.is_some())
    }

    fn last_decision(&self, call: &Call) -> Option<&Decision> {
        let requirement = &self.run.requirements()[*call.requirements.last()?];
        requirement.decided.as_ref().map(|decided| &decided.decision)
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.run.status() == RunStatus::Completed
    }
}

pub(crate) fn is_repeatable(call: &Call) -> bool {
    call.plan.tool.as_ref().is_some_and(|tool| tool.repeatable)
}

fn counted(witness: &Witness, happening: Happening) -> bool {
    witness.count(happening);
    true
}

/// A record as a fold sees it: its hash is the store's affair.
pub(crate) fn record(seq: u64, entry: Entry, at: Timestamp, outsider: bool) -> Record {
    Record {
        seq,
        at,
        outsider,
        entry,
        hash: [0; 32],
    }
}

fn is_wait(call: &Call) -> bool {
    call.plan.asks == Some(RequirementKind::Wait)
}
