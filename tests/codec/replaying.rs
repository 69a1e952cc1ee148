//! Whatever records a journal holds, replaying it ends in a run or an error, and the run can be looked at and continued.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{Entry, InDoubtRule, Record, RunContinued, decode};
use haltpoint_engine::run::{Run, ToolOutcome};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::harness::{fuzz, same};
use crate::mutations::stored;
use crate::values::{id, later_entry, run_started};

type Place = (i64, bool);

fn place() -> impl Strategy<Value = Place> {
    (prop_oneof![3 => 0..1_000_000i64, 1 => any::<i64>()], any::<bool>())
}

fn record(index: usize, entry: Entry, (at, outsider): Place) -> Record {
    Record {
        seq: index as u64 + 1,
        at: Timestamp(at),
        outsider,
        entry,
        hash: [0; 32],
    }
}

/// A start, and then anything in any order.
fn journal() -> impl Strategy<Value = Vec<Record>> {
    let first = run_started().prop_map(|started| Entry::RunStarted(Box::new(started)));
    let rest = vec((later_entry(), place()), 0..24);
    (first, place(), rest).prop_map(|(first, place, rest)| {
        std::iter::once((first, place))
            .chain(rest)
            .enumerate()
            .map(|(index, (entry, place))| record(index, entry, place))
            .collect()
    })
}

/// The part of a journal that can be replayed, followed by everything that a driver does first.
fn is_usable(records: &[Record]) -> TestCaseResult {
    let folded = (0..=records.len())
        .rev()
        .find_map(|end| Run::replay(&records[..end]).ok());
    let Some(mut run) = folded else { return Ok(()) };
    serde_json::to_string(&run.view(&[])).expect("a view has a JSON form");
    drive_on(&mut run);
    serde_json::to_string(&run.view(&[])).expect("a view has a JSON form");
    Ok(())
}

fn drive_on(run: &mut Run) {
    let continued = RunContinued {
        holder: "me".into(),
        tool_call_limit: u64::MAX,
        on_in_doubt: InDoubtRule::Ask,
    };
    let at = Timestamp(i64::MAX);
    run.notify_continued(continued, at);
    let calls: Vec<_> = run.calls().iter().map(|call| call.plan.id.clone()).collect();
    for call_id in calls {
        let outcome = ToolOutcome {
            content: "done".into(),
            is_error: false,
            duration_us: i64::MAX,
        };
        run.notify_tool_finished(&call_id, outcome, at);
    }
    run.notify_cancelled(true, None, at);
}

#[test]
fn fuzz_any_order_of_entries_is_replayed_or_refused() {
    fuzz(2_000, &journal(), |records| is_usable(&records));
}

#[test]
fn fuzz_journals_of_payloads_that_went_wrong_are_replayed_or_refused() {
    let rows = (run_started(), vec((stored(), place()), 0..16));
    fuzz(1_000, &rows, |(started, rows)| {
        let first = Entry::RunStarted(Box::new(started));
        let entries = rows
            .into_iter()
            .filter_map(|((kind, payload), place)| Some((decode(&kind, &payload).ok()?, place)));
        let records: Vec<Record> = std::iter::once((first, (0, false)))
            .chain(entries)
            .enumerate()
            .map(|(index, (entry, place))| record(index, entry, place))
            .collect();
        is_usable(&records)
    });
}

#[test]
fn fuzz_a_journal_that_speaks_of_what_it_does_not_know_is_refused_and_leaves_the_run_as_it_was() {
    let parts = (journal(), id(), any::<bool>());
    fuzz(1_000, &parts, |(records, stranger, outsider)| {
        let Ok(mut run) = Run::replay(&records) else {
            return Ok(());
        };
        prop_assume!(run.calls().iter().all(|call| call.plan.id != stranger));
        let before = run.clone();
        let payload = serde_json::json!({"call_id": &*stranger, "reason": ""}).to_string();
        let entry = decode("tool_interrupted", &payload).expect("it fits");
        let refused = run.fold_record(&record(records.len(), entry, (0, outsider)));
        prop_assert!(refused.is_err());
        if !outsider {
            same(&run, &before)?;
        }
        Ok(())
    });
}
