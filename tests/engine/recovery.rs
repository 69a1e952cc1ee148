//! A call that was started and has no outcome is in doubt: it is repeated only where its tool or a person says so.

use haltpoint_engine::journal::OutcomeSource;
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::idempotency_key;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, again, answers, asks_user, calls, confirm, confirmed, plain, request_model, retried, skipped,
    skipped_because, start, supplied,
};

fn crashed_in(scenario: Scenario) -> Scenario {
    scenario
        .crashes()
        .continues()
        .expect_paused_on([("pay", RequirementKind::Recovery)])
}

fn crashed_while_paying() -> Scenario {
    crashed_in(
        Scenario::new()
            .replies(calls([plain("pay")]))
            .expect_effects([start("pay")]),
    )
}

#[test]
fn a_call_without_outcome_waits_for_a_persons_word() {
    crashed_while_paying().expect_unfinished(["pay"]);
}

#[test]
fn a_person_has_the_call_in_doubt_run_again() {
    crashed_while_paying()
        .decides("pay", retried())
        .continues()
        .expect_effects([again("pay", 2)])
        .returns("pay", "paid")
        .expect_effects([request_model()])
        .expect_outcome("pay", OutcomeSource::Tool, "paid");
}

#[test]
fn a_person_supplies_the_result_of_the_call_in_doubt() {
    crashed_while_paying()
        .decides("pay", supplied("paid at noon"))
        .continues()
        .expect_effects([request_model()])
        .expect_outcome("pay", OutcomeSource::Supplied, "paid at noon");
}

#[test]
fn a_person_gives_the_call_in_doubt_up() {
    crashed_while_paying()
        .decides("pay", skipped())
        .continues()
        .expect_effects([request_model()])
        .expect_outcome(
            "pay",
            OutcomeSource::Skipped,
            "This call was started, but its outcome is unknown; it was not run again.",
        );
}

#[test]
fn giving_up_hands_the_note_to_the_model() {
    crashed_while_paying().decides("pay", skipped_because("the bank is closed")).continues().expect_outcome(
        "pay",
        OutcomeSource::Skipped,
        "This call was started, but its outcome is unknown; it was not run again. A person's note: the bank is closed",
    );
}

#[test]
fn a_repeatable_call_starts_again_without_a_word() {
    Scenario::new()
        .replies(calls([plain("look").repeatable()]))
        .expect_effects([start("look")])
        .crashes()
        .continues()
        .expect_effects([again("look", 2)])
        .crashes()
        .continues()
        .expect_effects([again("look", 3)]);
}

#[test]
fn a_retried_call_whose_driver_dies_again_is_in_doubt_again() {
    let retrying = crashed_while_paying()
        .decides("pay", retried())
        .continues()
        .expect_effects([again("pay", 2)]);
    let again_in_doubt = crashed_in(retrying);
    let ids: Vec<_> = again_in_doubt
        .run()
        .requirements()
        .iter()
        .map(|requirement| requirement.id.clone())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1], "each doubt is a question of its own");
    again_in_doubt
        .decides("pay", retried())
        .continues()
        .expect_effects([again("pay", 3)]);
}

#[test]
fn only_the_calls_that_ran_are_in_doubt() {
    Scenario::new()
        .replies(calls([
            plain("a"),
            plain("b"),
            confirm("c"),
            plain("d").sequential(),
            plain("e").repeatable(),
        ]))
        .expect_effects([start("a"), start("b")])
        .returns("a", "A")
        .crashes()
        .continues()
        .expect_effects([start("d")])
        .returns("d", "D")
        .expect_effects([start("e")])
        .returns("e", "E")
        .expect_paused_on([("c", RequirementKind::Confirmation), ("b", RequirementKind::Recovery)])
        .expect_outcome("a", OutcomeSource::Tool, "A");
}

#[test]
fn a_confirmed_call_in_doubt_is_retried_without_a_second_confirmation() {
    crashed_in(
        Scenario::new()
            .replies(calls([confirm("pay")]))
            .decides("pay", confirmed())
            .continues()
            .expect_started_with("pay", &json!({"amount": 7})),
    )
    .decides("pay", retried())
    .continues()
    .expect_effects([again("pay", 2)]);
}

#[test]
fn a_retried_call_keeps_what_a_person_filled_in() {
    crashed_in(
        Scenario::new()
            .replies(calls([asks_user("pay")]))
            .decides("pay", answers([("to", json!("Ada"))]))
            .continues()
            .expect_started_with("pay", &json!({"amount": 7, "to": "Ada"})),
    )
    .decides("pay", retried())
    .continues()
    .expect_started_with("pay", &json!({"amount": 7, "to": "Ada"}));
}

#[test]
fn a_decision_that_the_dead_driver_had_not_acted_on_is_acted_on() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .expect_effects([start("a")])
        .decides_unheard("b", confirmed())
        .crashes()
        .continues()
        .expect_effects([start("b")]);
}

#[test]
fn a_driver_that_died_while_the_model_was_asked_is_followed_by_one_that_asks_again() {
    Scenario::new()
        .crashes()
        .continues()
        .expect_effects([request_model()])
        .answers("ok")
        .expect_completed(&json!("ok"));
}

#[test]
fn a_call_in_doubt_shows_when_where_and_how_often_it_was_started() {
    let scenario = crashed_while_paying();
    let view = scenario.view();
    let details = &view["requirements"][0]["details"];
    assert_eq!(details["process"], "process 1");
    assert_eq!(details["attempt"], 1);
    assert_eq!(
        details["idempotency_key"],
        idempotency_key(scenario.run().run_id(), "pay")
    );
    assert_eq!(details["started_at"], "2025-11-22T08:26:40.002000+00:00");
}

#[test]
fn an_earlier_doubt_keeps_the_attempt_that_it_was_about() {
    let scenario = crashed_in(
        crashed_while_paying()
            .decides("pay", retried())
            .continues()
            .expect_effects([again("pay", 2)]),
    );
    let view = scenario.view();
    assert_eq!(view["requirements"][0]["details"]["attempt"], 1);
    assert_eq!(view["requirements"][1]["details"]["attempt"], 2);
}
