//! What each decision does to its call.

use haltpoint_engine::journal::{Entry, OutcomeSource};
use haltpoint_engine::requirement::{Decision, RequirementKind};
use haltpoint_engine::run::DecisionError;
use serde_json::json;

use crate::scenario::{
    Scenario, answers, asks_for_answers, asks_user, asks_user_for_more, calls, confirm, confirmed, external, plain,
    rejected, rejected_because, request_model, result, retried, start, supplied,
};

#[test]
fn a_confirmed_call_runs_with_the_arguments_that_were_shown() {
    Scenario::new()
        .replies(calls([confirm("pay")]))
        .decides("pay", confirmed())
        .continues()
        .expect_started_with("pay", &json!({"amount": 7}));
}

#[test]
fn a_rejected_call_is_not_run_and_the_model_is_told() {
    Scenario::new()
        .replies(calls([confirm("pay")]))
        .expect_paused_on([("pay", RequirementKind::Confirmation)])
        .decides("pay", rejected())
        .continues()
        .expect_effects([request_model()])
        .expect_outcome(
            "pay",
            OutcomeSource::Rejected,
            "The user rejected this call; it was not run.",
        );
}

#[test]
fn a_rejection_hands_its_note_to_the_model() {
    Scenario::new()
        .replies(calls([confirm("pay")]))
        .decides("pay", rejected_because("too much"))
        .continues()
        .expect_outcome(
            "pay",
            OutcomeSource::Rejected,
            "The user rejected this call; it was not run. Their note: too much",
        );
}

#[test]
fn what_a_person_fills_in_is_merged_into_the_arguments() {
    Scenario::new()
        .replies(calls([asks_user("pay")]))
        .expect_paused_on([("pay", RequirementKind::UserInput)])
        .decides("pay", answers([("to", json!("Ada"))]))
        .continues()
        .expect_started_with("pay", &json!({"amount": 7, "to": "Ada"}))
        .returns("pay", "paid")
        .expect_effects([request_model()]);
}

#[test]
fn a_person_may_change_what_the_model_filled_in() {
    Scenario::new()
        .replies(calls([asks_user("pay")]))
        .decides("pay", answers([("to", json!("Ada")), ("amount", json!(8))]))
        .continues()
        .expect_started_with("pay", &json!({"amount": 8, "to": "Ada"}));
}

#[test]
fn the_result_of_a_call_that_was_run_elsewhere_goes_to_the_model() {
    Scenario::new()
        .replies(calls([external("search")]))
        .expect_paused_on([("search", RequirementKind::ExternalTool)])
        .decides("search", result("42 hits"))
        .continues()
        .expect_effects([request_model()])
        .expect_outcome("search", OutcomeSource::External, "42 hits");
}

#[test]
fn an_empty_result_is_a_result() {
    Scenario::new()
        .replies(calls([external("search")]))
        .decides("search", result(""))
        .continues()
        .expect_outcome("search", OutcomeSource::External, "");
}

#[test]
fn answers_to_the_model_itself_are_the_result() {
    Scenario::new()
        .replies(calls([asks_for_answers("ask")]))
        .expect_paused_on([("ask", RequirementKind::UserInput)])
        .decides("ask", answers([("city", json!("Lisbon")), ("day", json!("Monday"))]))
        .continues()
        .expect_effects([request_model()])
        .expect_outcome(
            "ask",
            OutcomeSource::User,
            r#"The user answered: {"city":"Lisbon","day":"Monday"}"#,
        );
}

#[test]
fn the_model_is_told_which_of_its_fields_stayed_empty() {
    Scenario::new()
        .replies(calls([asks_for_answers("ask")]))
        .decides("ask", answers([("day", json!(null)), ("city", json!("Lisbon"))]))
        .continues()
        .expect_outcome(
            "ask",
            OutcomeSource::User,
            r#"The user answered: {"city":"Lisbon"}. Not given: day"#,
        );
}

#[test]
fn continuing_with_nothing_decided_pauses_on_the_same_requirements() {
    let paused = Scenario::new().replies(calls([confirm("a"), external("b")]));
    let before = paused.run().requirements().to_vec();
    paused
        .continues()
        .check_that(|run| assert_eq!(run.requirements(), before))
        .expect_unfinished(["a", "b"]);
}

#[test]
fn decisions_wait_in_the_journal_for_whoever_continues() {
    Scenario::new()
        .replies(calls([confirm("a"), confirm("b")]))
        .decides("a", confirmed())
        .check_that(|run| assert!(run.has_news()))
        .decides("b", rejected())
        .continues()
        .check_that(|run| assert!(!run.has_news()))
        .expect_running()
        .returns("a", "A")
        .expect_running();
}

#[test]
fn a_decision_keeps_who_made_it_and_when() {
    let scenario = Scenario::new().replies(calls([confirm("a")])).decides("a", confirmed());
    let decided = scenario.run().requirements()[0].decided.clone().unwrap();
    assert_eq!(decided.by.as_deref(), Some("ada"));
    assert_eq!(decided.at, scenario.last_record().at);
}

#[test]
fn a_call_decided_while_others_run_starts_at_once() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .expect_effects([start("a")])
        .decides("b", confirmed())
        .expect_effects([start("b")])
        .returns("a", "A")
        .expect_no_effects()
        .returns("b", "B")
        .expect_effects([request_model()]);
}

fn refusal(scenario: &Scenario, call_id: &str, decision: Decision) -> DecisionError {
    let id = scenario.open_requirement(call_id).id.clone();
    scenario.run().decision_entry(&id, decision, None).unwrap_err()
}

#[test]
fn a_decision_of_another_kind_is_refused_and_says_what_is_needed() {
    let scenario = Scenario::new().replies(calls([confirm("a"), external("b"), asks_user("c")]));
    for (call_id, decision, needed) in [
        (
            "a",
            result("x"),
            "needs to be confirmed or rejected; it cannot be given a result",
        ),
        (
            "a",
            retried(),
            "needs to be confirmed or rejected; it cannot be retried",
        ),
        (
            "b",
            confirmed(),
            "needs the result of the call that was run elsewhere; it cannot be confirmed",
        ),
        (
            "b",
            supplied("x"),
            "needs the result of the call that was run elsewhere; it cannot be supplied",
        ),
        ("c", rejected(), "needs its fields answered; it cannot be rejected"),
    ] {
        let error = refusal(&scenario, call_id, decision);
        assert!(matches!(error, DecisionError::WrongKind { .. }));
        assert!(error.to_string().contains(needed), "{error}");
    }
}

#[test]
fn an_unknown_requirement_is_refused_by_name() {
    let scenario = Scenario::new().replies(calls([confirm("a")]));
    let error = scenario.run().decision_entry("nobody", confirmed(), None).unwrap_err();
    assert!(matches!(error, DecisionError::Unknown { .. }));
    assert!(error.to_string().contains("nobody"), "{error}");
}

#[test]
fn a_field_that_was_not_asked_for_is_refused() {
    let scenario = Scenario::new().replies(calls([asks_user("pay")]));
    let error = refusal(&scenario, "pay", answers([("to", json!("Ada")), ("note", json!("x"))]));
    assert!(matches!(error, DecisionError::Fields { .. }));
    assert!(error.to_string().contains("note"), "{error}");
}

#[test]
fn a_field_left_to_the_person_must_have_a_value() {
    let scenario = Scenario::new().replies(calls([asks_user("pay")]));
    for decision in [
        answers([]),
        answers([("to", json!(null))]),
        answers([("amount", json!(8))]),
    ] {
        let error = refusal(&scenario, "pay", decision);
        assert!(error.to_string().contains("\"to\" has no value"), "{error}");
    }
}

#[test]
fn a_field_that_its_form_says_is_not_required_may_stay_empty() {
    let scenario = Scenario::new().replies(calls([asks_user_for_more("pay")]));
    let id = scenario.open_requirement("pay").id.clone();
    for decision in [
        answers([("to", json!("Ada"))]),
        answers([("to", json!("Ada")), ("cc", json!(null))]),
    ] {
        let entry = scenario.run().decision_entry(&id, decision, None).unwrap();
        assert!(matches!(entry, Entry::RequirementDecided(_)));
    }
    let error = refusal(&scenario, "pay", answers([("cc", json!("Eve"))]));
    assert!(error.to_string().contains("\"to\" has no value"), "{error}");
}

#[test]
fn a_field_that_the_model_asked_for_may_stay_empty() {
    let scenario = Scenario::new().replies(calls([asks_for_answers("ask")]));
    let id = scenario.open_requirement("ask").id.clone();
    let entry = scenario.run().decision_entry(&id, answers([]), None).unwrap();
    assert!(matches!(entry, Entry::RequirementDecided(_)));
}
