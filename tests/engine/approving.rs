//! Several people must confirm.

use haltpoint_engine::journal::OutcomeSource;
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::DecisionError;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, calls, confirm, confirmed, confirmed_with, external, rejected, request_model, result,
};

fn asked(approvals: u32) -> Scenario {
    Scenario::new().replies(calls([confirm("pay").approved_by(approvals)]))
}

#[test]
fn one_approval_of_two_leaves_the_run_waiting() {
    asked(2)
        .decides_as("ann", "pay", confirmed())
        .continues()
        .expect_paused_on([("pay", RequirementKind::Confirmation)]);
}

#[test]
fn the_last_approval_lets_the_call_run() {
    asked(2)
        .decides_as("ann", "pay", confirmed())
        .decides_as("bob", "pay", confirmed())
        .continues()
        .expect_started_with("pay", &json!({"amount": 7}));
}

#[test]
fn the_same_person_counts_once() {
    asked(2)
        .decides_as("ann", "pay", confirmed())
        .decides_as("ann", "pay", confirmed())
        .check_that(|run| assert_eq!(run.requirements()[0].approvals.len(), 1))
        .continues()
        .expect_paused_on([("pay", RequirementKind::Confirmation)]);
}

#[test]
fn blanks_around_a_name_make_nobody_else_of_it() {
    asked(2)
        .decides_as("ann", "pay", confirmed())
        .decides_as(" ann ", "pay", confirmed())
        .check_that(|run| assert_eq!(run.requirements()[0].approvals.len(), 1));
    let scenario = asked(2);
    let id = scenario.open_requirement("pay").id.clone();
    let refused = scenario.run().decision_entry(&id, confirmed(), Some("  ".into()));
    assert!(matches!(refused, Err(DecisionError::Nameless { .. })), "{refused:?}");
}

#[test]
fn one_rejection_rejects() {
    asked(3)
        .decides_as("ann", "pay", confirmed())
        .decides_as("bob", "pay", rejected())
        .continues()
        .expect_effects([request_model()])
        .expect_outcome(
            "pay",
            OutcomeSource::Rejected,
            "The user rejected this call; it was not run.",
        );
}

#[test]
fn approvals_are_shown_as_they_come() {
    let scenario = asked(2).decides_as("ann", "pay", confirmed_with(&json!({"amount": 5})));
    let requirement = scenario.view()["requirements"][0].clone();
    assert_eq!(requirement["approvals_needed"], 2);
    assert_eq!(
        requirement["approvals"],
        json!([{
            "by": "ann",
            "at": "2025-11-22T08:26:40.003000+00:00",
            "decision": {"type": "confirm", "tool_args": {"amount": 5}},
            "tool_args": {"amount": 5},
        }])
    );
    assert_eq!(requirement["tool_execution"]["tool_args"], json!({"amount": 7}));
    assert_eq!(requirement["decision"], json!(null));
    let view = scenario
        .decides_as("bob", "pay", confirmed_with(&json!({"amount": 5})))
        .view();
    assert_eq!(view["requirements"][0]["decided_by"], "ann, bob");
    assert_eq!(view["tools"][0]["tool_args"], json!({"amount": 5}));
}

#[test]
fn an_approval_of_the_call_as_it_is_shows_its_arguments() {
    let requirement = asked(2).decides_as("ann", "pay", confirmed()).view()["requirements"][0].clone();
    assert_eq!(requirement["approvals"][0]["tool_args"], json!({"amount": 7}));
}

#[test]
fn whoever_approves_says_who_they_are() {
    let scenario = asked(2);
    let id = scenario.open_requirement("pay").id.clone();
    let refused = scenario.run().decision_entry(&id, confirmed(), None);
    assert!(
        matches!(refused, Err(DecisionError::Nameless { needed: 2, .. })),
        "{refused:?}"
    );
    assert!(scenario.run().decision_entry(&id, rejected(), None).is_ok());
}

#[test]
fn what_is_not_confirmed_needs_one_person_only() {
    Scenario::new()
        .replies(calls([external("search").approved_by(2)]))
        .decides("search", result("42"))
        .continues()
        .expect_outcome("search", OutcomeSource::External, "42");
}
