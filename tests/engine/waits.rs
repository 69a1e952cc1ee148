//! A run waits for a time: nobody is asked, and each time that comes lets the run go on.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::OutcomeSource;
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::DecisionError;
use haltpoint_engine::store::RunStatus;
use serde_json::json;

use crate::scenario::{
    Scenario, awaits, calls, confirm, confirmed, confirmed_with, rejected, request_model, signalled, sleeps,
    sleeps_until, start,
};

const MINUTE_US: i64 = 60_000_000;
const OVER: &str = "The wait is over.";

fn asleep() -> Scenario {
    Scenario::new()
        .replies(calls([sleeps("nap", MINUTE_US)]))
        .expect_paused_on([("nap", RequirementKind::Wait)])
}

#[test]
fn the_expiry_is_the_answer() {
    asleep()
        .expires("nap")
        .check_that(|run| assert!(run.is_due()))
        .continues()
        .expect_effects([request_model()])
        .expect_outcome("nap", OutcomeSource::Waited, OVER)
        .expect_error_flag("nap", false);
}

#[test]
fn a_run_that_is_asleep_is_not_due_and_says_until_when() {
    asleep().check_that(|run| {
        assert!(!run.is_due());
        assert_eq!(run.asked().count(), 0);
        assert_eq!(
            run.sleeps_until(),
            run.open_requirements().next().unwrap().terms.expires_at
        );
        assert_eq!(run.pause_reason(), Some(RequirementKind::Wait));
    });
}

#[test]
fn whoever_goes_on_too_early_waits_again() {
    asleep().continues().expect_paused_on([("nap", RequirementKind::Wait)]);
}

#[test]
fn a_person_ends_a_wait_with_a_plain_confirmation() {
    asleep()
        .decides_as("ann", "nap", confirmed())
        .continues()
        .expect_outcome("nap", OutcomeSource::Waited, OVER);
}

#[test]
fn nothing_else_is_decided_about_a_wait() {
    asleep().check_that(|run| {
        let id = run.requirements()[0].id.clone();
        let refused = run.decision_entry(&id, rejected(), None).unwrap_err();
        assert!(matches!(refused, DecisionError::WrongKind { .. }), "{refused}");
        let changed = confirmed_with(&json!({"amount": 1}));
        let refused = run.decision_entry(&id, changed, None).unwrap_err();
        assert!(matches!(refused, DecisionError::Fields { .. }), "{refused}");
    });
}

#[test]
fn a_time_that_has_come_is_not_waited_for() {
    Scenario::new()
        .replies(calls([sleeps("nap", 0), sleeps_until("past", Timestamp(0))]))
        .expect_effects([request_model()])
        .expect_outcome("nap", OutcomeSource::Waited, OVER)
        .expect_outcome("past", OutcomeSource::Waited, OVER)
        .check_that(|run| assert_eq!(run.requirements().len(), 0));
}

fn awaiting() -> Scenario {
    Scenario::new()
        .replies(calls([awaits("paid", MINUTE_US)]))
        .expect_paused_on([("paid", RequirementKind::Wait)])
}

#[test]
fn a_signal_ends_the_wait_for_its_event_with_what_it_says() {
    awaiting()
        .happens("paid", r#"{"euros": 5}"#)
        .check_that(|run| assert!(run.is_due()))
        .continues()
        .expect_outcome("paid", OutcomeSource::Signal, r#"{"euros": 5}"#)
        .expect_error_flag("paid", false);
}

#[test]
fn an_event_that_does_not_happen_in_time_is_no_answer() {
    for ends in [
        awaiting().expires("paid"),
        awaiting().decides_as("ann", "paid", confirmed()),
    ] {
        ends.continues()
            .expect_outcome("paid", OutcomeSource::Expired, "No signal of the event came in time.");
    }
}

#[test]
fn nobody_says_in_the_place_of_a_signal_that_an_event_has_happened() {
    awaiting().check_that(|run| {
        let id = run.requirements()[0].id.clone();
        let refused = run.decision_entry(&id, signalled("paid", "1"), None).unwrap_err();
        assert!(matches!(refused, DecisionError::Fields { .. }), "{refused}");
    });
}

#[test]
fn each_answer_and_each_time_lets_a_run_go_on_that_waits_for_both() {
    let both = || {
        Scenario::new()
            .plans_ahead()
            .plans([sleeps("nap", MINUTE_US), confirm("b"), confirm("c")])
            .waits()
    };
    both().check_that(|run| {
        assert_eq!((run.status(), run.goes_on_with()), (RunStatus::Paused, 2));
        assert_eq!(run.pause_reason(), Some(RequirementKind::Confirmation));
        assert_eq!(run.sleeps_until(), None);
    });
    for goes_on in [both().expires("nap"), both().decides("b", confirmed())] {
        goes_on.check_that(|run| assert!(run.is_due()));
    }
    both()
        .expires("nap")
        .continues()
        .waits()
        .decides("b", confirmed())
        .check_that(|run| {
            assert!(!run.is_due());
            assert_eq!(run.goes_on_with(), 0);
        })
        .decides("c", confirmed())
        .continues()
        .expect_effects([start("b"), start("c")]);
}
