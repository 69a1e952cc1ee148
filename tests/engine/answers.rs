//! Final answers: plain text, values that fit a response format, and answers that do not.

use haltpoint_engine::journal::FailureKind;
use haltpoint_engine::message::Role;
use serde_json::json;

use crate::scenario::{Scenario, as_json, calls, plain, request_model};

#[test]
fn a_fitting_answer_is_the_output_as_the_value_that_it_stands_for() {
    Scenario::new()
        .answers_as("{\"total\": 3}", as_json(&json!({"total": 3})))
        .expect_completed(&json!({"total": 3}));
}

#[test]
fn an_output_of_null_stays_null() {
    Scenario::new()
        .answers_as("null", as_json(&json!(null)))
        .expect_completed(&json!(null));
}

#[test]
fn the_model_is_told_why_its_answer_does_not_fit_and_asked_again() {
    let scenario = Scenario::new()
        .answers_unfittingly("three", "total: not a number")
        .expect_effects([request_model()]);
    let last = scenario.messages().last().unwrap();
    assert_eq!(
        (last.role, last.content.as_deref()),
        (Role::User, Some("total: not a number"))
    );
    assert_eq!(scenario.run().refusals(), 1);
    scenario
        .answers_as("{\"total\": 3}", as_json(&json!({"total": 3})))
        .expect_completed(&json!({"total": 3}));
}

#[test]
fn a_run_gives_up_after_too_many_unfitting_answers() {
    Scenario::new()
        .answers_unfittingly("three", "no")
        .expect_effects([request_model()])
        .answers_unfittingly_once_too_often("four", "no")
        .expect_failed(FailureKind::InvalidOutput);
}

#[test]
fn a_run_that_gave_up_asks_again_when_it_is_continued_and_counts_from_zero() {
    Scenario::new()
        .answers_unfittingly_once_too_often("three", "no")
        .continues()
        .check_that(|run| assert_eq!(run.refusals(), 0))
        .answers("fine")
        .check_that(|run| assert_eq!(run.output().map(|output| output.get()), Some("\"fine\"")));
}

#[test]
fn an_answer_without_text_is_an_empty_one() {
    Scenario::new().answers("").expect_completed(&json!(""));
}

#[test]
fn tools_may_run_between_two_attempts_at_an_answer() {
    let scenario = Scenario::new()
        .answers_unfittingly("three", "no")
        .replies(calls([plain("a")]))
        .returns("a", "A")
        .expect_running();
    assert_eq!(
        scenario.run().refusals(),
        1,
        "a bound that tools reset would bound nothing"
    );
}
