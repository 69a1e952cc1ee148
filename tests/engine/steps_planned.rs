//! A model that plans ahead names calls while others are open, so that none waits for another one.

use haltpoint_engine::journal::required_by;
use haltpoint_engine::message::Role;
use serde_json::json;

use crate::scenario::{Declared, Scenario, again, confirm, confirmed, plain, request_model, start};

fn planning() -> Scenario {
    Scenario::new().plans_ahead()
}

#[test]
fn a_call_joins_while_others_run() {
    planning()
        .plans([plain("a"), plain("b")])
        .expect_effects([start("a"), start("b")])
        .returns("a", "A")
        .expect_effects([request_model()])
        .plans([plain("c")])
        .expect_effects([start("c")])
        .returns("c", "C")
        .expect_effects([request_model()])
        .waits()
        .expect_no_effects()
        .returns("b", "B")
        .expect_effects([request_model()])
        .answers("done")
        .expect_completed(&json!("done"));
}

#[test]
fn an_outcome_that_comes_while_the_model_is_asked_is_asked_about_next() {
    planning()
        .plans([plain("a"), plain("b"), plain("c")])
        .returns("a", "A")
        .returns("b", "B")
        .expect_effects([start("a"), start("b"), start("c"), request_model()])
        .waits()
        .expect_effects([request_model()])
        .waits()
        .expect_no_effects();
}

#[test]
fn the_run_pauses_only_once_the_model_waits() {
    let asked = planning().plans([plain("a"), confirm("b")]).returns("a", "A");
    assert_eq!(asked.run().status().as_str(), "RUNNING");
    let paused = asked.waits();
    assert_eq!(paused.run().status().as_str(), "PAUSED");
    let goes_on = paused.decides("b", confirmed()).continues().plans_ahead();
    assert_eq!(goes_on.run().status().as_str(), "RUNNING");
}

#[test]
fn a_model_that_has_calls_is_asked_although_nothing_happened() {
    planning()
        .plans([plain("a")])
        .expect_effects([start("a")])
        .has_steps()
        .expect_effects([request_model()])
        .has_steps()
        .expect_no_effects()
        .plans([plain("b")])
        .expect_effects([start("b"), request_model()])
        .waits()
        .expect_no_effects();
}

#[test]
fn a_model_that_does_not_plan_ahead_is_asked_once_all_calls_have_their_outcomes() {
    Scenario::new()
        .plans([plain("a"), plain("b")])
        .returns("a", "A")
        .expect_effects([start("a"), start("b")])
        .has_steps()
        .expect_no_effects()
        .returns("b", "B")
        .expect_effects([request_model()]);
}

#[test]
fn joined_calls_stand_in_a_message_of_their_own() {
    let scenario = planning()
        .plans([plain("a"), plain("b")])
        .returns("b", "B")
        .plans([plain("c")])
        .returns("a", "A")
        .waits()
        .returns("c", "C");
    let roles: Vec<_> = scenario.messages().iter().map(|message| message.role).collect();
    let (user, assistant, tool) = (Role::User, Role::Assistant, Role::Tool);
    assert_eq!(roles, [user, assistant, tool, tool, assistant, tool]);
}

#[test]
fn outcomes_are_told_in_the_order_in_which_they_came() {
    let scenario = planning()
        .plans([plain("a"), plain("b")])
        .returns("b", "B")
        .returns("a", "A");
    let told = |start| {
        let finished = scenario.run().finished_calls(start);
        finished.map(|(call, _)| call.plan.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(0), ["b", "a"]);
    assert_eq!(told(1), ["a"]);
}

#[test]
fn a_model_that_fails_lets_calls_end_first() {
    let failing = planning().plans([plain("a")]).has_steps().model_fails("broken");
    assert_eq!(failing.run().status().as_str(), "RUNNING");
    let failed = failing.returns("a", "A");
    assert_eq!(failed.run().status().as_str(), "ERROR");
    assert!(failed.run().calls()[0].is_finished());
}

#[test]
fn what_is_cancelled_plans_nothing_more() {
    planning()
        .plans([plain("a")])
        .expect_effects([start("a")])
        .cancels()
        .has_steps()
        .expect_no_effects();
}

#[test]
fn a_plan_requires_a_reader_that_knows_of_it() {
    let scenario = planning().plans([confirm("a").approved_by(2)]);
    let records = scenario.journal().records();
    let planned = records
        .iter()
        .find(|record| record.entry.kind() == "steps_planned")
        .unwrap();
    assert_eq!(
        required_by(&planned.entry).as_deref(),
        Some(r#"["approvals","steps_planned"]"#)
    );
}

#[test]
fn a_call_in_doubt_that_joined_is_asked_about() {
    planning()
        .plans([plain("a")])
        .has_steps()
        .plans([plain("b").repeatable()])
        .crashes()
        .continues()
        .expect_effects([again("b", 2)]);
}
