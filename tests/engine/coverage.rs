//! Nothing is without a test: every kind of everything occurs in the golden journals, which all tests of stories are run on. The
//! chains below stop compiling when a variant is added, and the tests fail until a story tells of it.

use std::collections::BTreeSet;
use std::iter::successors;

use haltpoint_engine::journal::{Entry, FailureKind, InDoubtRule, OutcomeSource, Record};
use haltpoint_engine::requirement::{Decision, RequirementKind};
use haltpoint_engine::run::{CallState, Run};
use haltpoint_engine::store::RunStatus;

use crate::golden::journals;
use crate::scenario::{answers, confirmed, rejected, result, retried, signalled, skipped, supplied};

fn entries() -> impl Iterator<Item = Entry> {
    journals()
        .into_iter()
        .flat_map(|(_, records)| records)
        .map(|record| record.entry)
}

fn seen<T: std::fmt::Debug>(find: impl FnMut(Entry) -> Option<T>) -> BTreeSet<String> {
    entries().filter_map(find).map(|found| format!("{found:?}")).collect()
}

fn all<T: std::fmt::Debug>(first: T, next: impl Fn(&T) -> Option<T>) -> BTreeSet<String> {
    successors(Some(first), next).map(|item| format!("{item:?}")).collect()
}

#[test]
fn every_kind_of_entry_has_a_golden_line() {
    let found: BTreeSet<_> = entries().map(|entry| entry.kind()).collect();
    assert_eq!(found, Entry::kinds_of_runs().collect());
}

#[test]
fn every_kind_of_requirement_is_opened() {
    let next = |kind: &RequirementKind| match kind {
        RequirementKind::Confirmation => Some(RequirementKind::UserInput),
        RequirementKind::UserInput => Some(RequirementKind::ExternalTool),
        RequirementKind::ExternalTool => Some(RequirementKind::Recovery),
        RequirementKind::Recovery => Some(RequirementKind::Wait),
        RequirementKind::Wait => None,
    };
    let found = seen(|entry| match entry {
        Entry::RequirementOpened(opened) => Some(opened.kind),
        _ => None,
    });
    assert_eq!(found, all(RequirementKind::Confirmation, next));
}

#[test]
fn every_decision_is_made() {
    let next = |decision: &Decision| match decision {
        Decision::Confirm(_) => Some(rejected()),
        Decision::Reject { .. } => Some(answers([])),
        Decision::Input { .. } => Some(result("")),
        Decision::Result { .. } => Some(retried()),
        Decision::Retry => Some(supplied("")),
        Decision::Supply { .. } => Some(skipped()),
        Decision::Skip { .. } => Some(signalled("paid", "{}")),
        Decision::Signal { .. } => None,
    };
    let expected: BTreeSet<_> = successors(Some(confirmed()), next)
        .map(|decision| decision.as_str())
        .collect();
    let made = entries().filter_map(|entry| match entry {
        Entry::RequirementDecided(decided) => Some(decided.decision.as_str()),
        _ => None,
    });
    assert_eq!(made.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn outcomes_come_from_every_source() {
    let next = |source: &OutcomeSource| match source {
        OutcomeSource::Tool => Some(OutcomeSource::Refused),
        OutcomeSource::Refused => Some(OutcomeSource::Rejected),
        OutcomeSource::Rejected => Some(OutcomeSource::External),
        OutcomeSource::External => Some(OutcomeSource::User),
        OutcomeSource::User => Some(OutcomeSource::Supplied),
        OutcomeSource::Supplied => Some(OutcomeSource::Skipped),
        OutcomeSource::Skipped => Some(OutcomeSource::Reconciled),
        OutcomeSource::Reconciled => Some(OutcomeSource::Expired),
        OutcomeSource::Expired => Some(OutcomeSource::Waited),
        OutcomeSource::Waited => Some(OutcomeSource::Signal),
        OutcomeSource::Signal => None,
    };
    let found = seen(|entry| match entry {
        Entry::ToolFinished(finished) => Some(finished.source),
        _ => None,
    });
    assert_eq!(found, all(OutcomeSource::Tool, next));
}

#[test]
fn runs_fail_in_every_way() {
    let next = |kind: &FailureKind| match kind {
        FailureKind::Model => Some(FailureKind::ToolCallLimit),
        FailureKind::ToolCallLimit => Some(FailureKind::InvalidOutput),
        FailureKind::InvalidOutput => Some(FailureKind::InDoubt),
        FailureKind::InDoubt => Some(FailureKind::Expired),
        FailureKind::Expired => Some(FailureKind::SetAside),
        FailureKind::SetAside => None,
    };
    let found = seen(|entry| match entry {
        Entry::RunFailed(failed) => Some(failed.failure.kind),
        _ => None,
    });
    assert_eq!(found, all(FailureKind::Model, next));
}

#[test]
fn runs_are_continued_under_every_rule() {
    let next = |rule: &InDoubtRule| match rule {
        InDoubtRule::Ask => Some(InDoubtRule::Retry),
        InDoubtRule::Retry => Some(InDoubtRule::Fail),
        InDoubtRule::Fail => None,
    };
    let found = seen(|entry| match entry {
        Entry::RunContinued(continued) => Some(continued.on_in_doubt),
        _ => None,
    });
    assert_eq!(found, all(InDoubtRule::Ask, next));
}

#[test]
fn stories_end_in_every_status() {
    let next = |status: &RunStatus| match status {
        RunStatus::Running => Some(RunStatus::Completed),
        RunStatus::Completed => Some(RunStatus::Paused),
        RunStatus::Paused => Some(RunStatus::Cancelled),
        RunStatus::Cancelled => Some(RunStatus::Error),
        RunStatus::Error => Some(RunStatus::Queued),
        // Beyond that, a run is moved by whoever keeps the database.
        RunStatus::Queued | RunStatus::Moved => None,
    };
    let ends = journals()
        .into_iter()
        .map(|(_, records)| Run::replay(&records).unwrap().status());
    let found: BTreeSet<_> = ends.map(|status| format!("{status:?}")).collect();
    assert_eq!(found, all(RunStatus::Running, next));
}

fn state_name(state: &CallState) -> &'static str {
    match state {
        CallState::Planned => "planned",
        CallState::Waiting => "waiting",
        CallState::Started { .. } => "started",
        CallState::InDoubt { .. } => "in doubt",
        CallState::Finished(_) => "finished",
    }
}

/// What each entry of a journal changes: the status of the run, and the states of calls.
fn transitions(records: &[Record]) -> Vec<String> {
    let mut run = Run::replay(&records[..1]).unwrap();
    let mut found = Vec::new();
    for record in &records[1..] {
        let before = run.clone();
        run.fold_record(record).unwrap();
        let kind = record.entry.kind();
        if before.status() != run.status() {
            found.push(format!(
                "{} --{kind}--> {}",
                before.status().as_str(),
                run.status().as_str()
            ));
        }
        let changed = before
            .calls()
            .iter()
            .zip(run.calls())
            .filter(|(before, after)| before.state != after.state);
        found.extend(
            changed.map(|(before, after)| {
                format!("{} --{kind}--> {}", state_name(&before.state), state_name(&after.state))
            }),
        );
    }
    found
}

#[test]
fn every_transition_of_runs_and_calls_occurs_and_no_other_one() {
    let found: BTreeSet<_> = journals()
        .iter()
        .flat_map(|(_, records)| transitions(records))
        .collect();
    let expected = [
        "CANCELLED --run_continued--> RUNNING",
        "ERROR --run_continued--> RUNNING",
        "ERROR --run_queued--> QUEUED",
        "PAUSED --run_continued--> RUNNING",
        "QUEUED --run_continued--> RUNNING",
        "RUNNING --run_cancelled--> CANCELLED",
        "RUNNING --run_completed--> COMPLETED",
        "RUNNING --run_failed--> ERROR",
        "RUNNING --run_paused--> PAUSED",
        "RUNNING --run_queued--> QUEUED",
        "in doubt --requirement_opened--> waiting",
        "in doubt --tool_finished--> finished",
        "in doubt --tool_started--> started",
        "planned --requirement_opened--> waiting",
        "planned --tool_finished--> finished",
        "planned --tool_started--> started",
        "started --run_continued--> in doubt",
        "started --tool_finished--> finished",
        "started --tool_interrupted--> in doubt",
        "waiting --tool_finished--> finished",
        "waiting --tool_started--> started",
    ];
    assert_eq!(found, BTreeSet::from(expected.map(str::to_owned)));
}
