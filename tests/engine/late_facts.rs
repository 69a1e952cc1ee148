//! Facts that come late, twice, or about something that is over.

use haltpoint_engine::journal::{Entry, OutcomeSource, Record, RequirementDecided, ToolFinished};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::{ReplayError, Run};
use haltpoint_engine::store::RunStatus;
use serde_json::json;

use crate::scenario::{Scenario, calls, confirm, confirmed, plain, rejected, request_model, start};

#[test]
fn a_second_outcome_of_a_call_changes_nothing() {
    let once = Scenario::new()
        .replies(calls([plain("a"), plain("b")]))
        .returns("a", "first");
    let kinds = once.kinds();
    let twice = once.returns("a", "second").gets_interrupted("a");
    assert_eq!(twice.kinds(), kinds);
    twice.expect_outcome("a", OutcomeSource::Tool, "first");
}

#[test]
fn an_outcome_of_a_call_that_nobody_started_changes_nothing() {
    let scenario = Scenario::new().replies(calls([plain("a"), confirm("b")]));
    let kinds = scenario.kinds();
    let later = scenario
        .returns("b", "B")
        .returns("nobody", "?")
        .gets_interrupted("b")
        .gets_interrupted("nobody");
    assert_eq!(later.kinds(), kinds);
    later.expect_unfinished(["a", "b"]);
}

#[test]
fn an_outcome_that_a_taken_over_driver_reports_late_does_not_settle_the_doubt() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .crashes()
        .continues()
        .expect_paused_on([("a", RequirementKind::Recovery)])
        .returns("a", "late")
        .expect_no_effects()
        .expect_unfinished(["a"]);
}

#[test]
fn a_stopped_run_is_not_reported_as_stopped_again() {
    Scenario::new()
        .replies(calls([confirm("a"), confirm("b")]))
        .expect_paused_on([
            ("a", RequirementKind::Confirmation),
            ("b", RequirementKind::Confirmation),
        ])
        .decides("a", confirmed())
        .returns("nobody", "?")
        .cancels()
        .model_fails("late")
        .expect_no_effects();
}

#[test]
fn a_record_that_is_heard_twice_counts_once() {
    let scenario = Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .decides("b", confirmed());
    let decided = scenario
        .journal()
        .records()
        .iter()
        .find(|record| record.outsider)
        .cloned()
        .unwrap();
    let before = scenario.run().clone();
    let after = scenario.hears_record(&decided);
    assert_eq!(after.run(), &before);
}

#[test]
fn a_cancel_request_of_an_earlier_stretch_that_is_heard_again_does_not_stop_the_run_again() {
    let cancelled = Scenario::new().gets_cancelled_from_outside(false);
    let mut records = cancelled.journal().records().iter();
    let request = records.find(|record| record.outsider).cloned().unwrap();
    cancelled.continues().hears_record(&request).expect_running();
}

#[test]
fn a_decision_heard_after_the_driver_went_on_means_the_same() {
    Scenario::new()
        .replies(calls([plain("a"), plain("b"), confirm("c")]))
        .expect_effects([start("a"), start("b")])
        .decides_unheard("c", rejected())
        .returns("a", "A")
        .hears()
        .expect_no_effects()
        .returns("b", "B")
        .expect_effects([request_model()])
        .expect_outcome(
            "c",
            OutcomeSource::Rejected,
            "The user rejected this call; it was not run.",
        );
}

#[test]
fn a_decision_heard_after_the_pause_is_news_for_the_next_driver() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .expect_effects([start("a")])
        .decides_unheard("b", confirmed())
        .returns("a", "A")
        .hears()
        .check_that(|run| assert_eq!((run.status(), run.has_news()), (RunStatus::Paused, true)))
        .continues()
        .check_that(|run| assert_eq!(run.status(), RunStatus::Running));
}

#[test]
fn a_cancel_request_heard_after_the_pause_leaves_the_run_paused() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .expect_effects([start("a")])
        .gets_cancelled_unheard(false)
        .returns("a", "A")
        .hears()
        .expect_paused_on([("b", RequirementKind::Confirmation)])
        .check_that(|run| assert_eq!(run.cancellation(), None))
        .continues()
        .expect_paused_on([("b", RequirementKind::Confirmation)]);
}

#[test]
fn a_cancel_request_heard_after_the_answer_changes_nothing() {
    Scenario::new()
        .gets_cancelled_unheard(true)
        .answers("done")
        .hears()
        .expect_completed(&json!("done"));
}

#[test]
fn an_empty_journal_and_one_without_a_beginning_are_no_runs() {
    let scenario = Scenario::new().answers("done");
    let records = scenario.journal().records();
    assert_eq!(Run::replay(&[]), Err(ReplayError::NoStart));
    assert_eq!(Run::replay(&records[1..]), Err(ReplayError::NoStart));
}

#[test]
fn a_journal_of_a_newer_format_asks_for_an_upgrade() {
    let mut records = Scenario::new().journal().records().to_vec();
    let Entry::RunStarted(started) = &mut records[0].entry else {
        panic!("no start")
    };
    started.format += 1;
    let error = Run::replay(&records).unwrap_err();
    assert!(matches!(error, ReplayError::NewerFormat { found: 3, known: 2 }));
    assert!(error.to_string().contains("upgrade"), "{error}");
}

#[test]
fn an_entry_about_something_unknown_is_named_with_its_place() {
    let journal = Scenario::new().replies(calls([confirm("a")])).journal().clone();
    for (entry, what) in [
        (finished("nobody"), "call nobody"),
        (decided("nobody"), "requirement nobody"),
        (journal.records()[0].entry.clone(), "a second start"),
    ] {
        let mut records = journal.records().to_vec();
        let seq = records.len() as u64 + 1;
        records.push(Record {
            seq,
            entry: entry.clone(),
            ..records[0].clone()
        });
        let expected = ReplayError::Dangling {
            seq,
            kind: entry.kind(),
            what: what.to_owned(),
        };
        assert_eq!(Run::replay(&records), Err(expected));
    }
}

fn finished(call_id: &str) -> Entry {
    Entry::ToolFinished(ToolFinished {
        call_id: call_id.into(),
        content: "".into(),
        is_error: false,
        source: OutcomeSource::Tool,
        duration_us: 0,
    })
}

fn decided(requirement_id: &str) -> Entry {
    Entry::RequirementDecided(RequirementDecided {
        requirement_id: requirement_id.into(),
        decision: confirmed(),
        by: None,
        memory_key: None,
        remembered: None,
    })
}
