//! Tools that can tell what became of a call in doubt are asked first; a rule says what becomes of calls that nobody knows about.

use haltpoint_engine::journal::{FailureKind, InDoubtRule, OutcomeSource};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::store::RunStatus;

use crate::scenario::{Declared, Scenario, again, calls, confirm, plain, reconcile, request_model, retried, start};

fn crashed_while_paying() -> Scenario {
    Scenario::new()
        .replies(calls([plain("pay").reconcilable()]))
        .expect_effects([start("pay")])
        .crashes()
        .continues()
        .expect_effects([reconcile("pay")])
}

#[test]
fn a_tool_finds_the_result_of_its_call_in_doubt() {
    crashed_while_paying()
        .finds_result("pay", "paid at noon")
        .expect_effects([request_model()])
        .expect_outcome("pay", OutcomeSource::Reconciled, "paid at noon");
}

#[test]
fn a_call_that_never_began_is_started() {
    crashed_while_paying()
        .finds_no_trace("pay")
        .expect_effects([again("pay", 2)])
        .returns("pay", "paid")
        .expect_effects([request_model()])
        .expect_outcome("pay", OutcomeSource::Tool, "paid");
}

#[test]
fn a_person_decides_where_the_tool_cannot_tell_and_sees_why() {
    let scenario = crashed_while_paying()
        .cannot_tell("pay", "the bank is closed")
        .expect_paused_on([("pay", RequirementKind::Recovery)]);
    assert_eq!(
        scenario.view()["requirements"][0]["details"]["reason"],
        "the bank is closed"
    );
    let retrying = scenario
        .decides("pay", retried())
        .continues()
        .expect_effects([again("pay", 2)]);
    assert_eq!(
        retrying.view()["requirements"][0]["details"]["reason"],
        "the bank is closed"
    );
}

#[test]
fn the_tool_is_asked_once_for_each_doubt() {
    crashed_while_paying()
        .cannot_tell("pay", "the bank is closed")
        .expect_paused_on([("pay", RequirementKind::Recovery)])
        .continues()
        .expect_paused_on([("pay", RequirementKind::Recovery)])
        .decides("pay", retried())
        .continues()
        .expect_effects([again("pay", 2)])
        .crashes()
        .continues()
        .expect_effects([reconcile("pay")]);
}

#[test]
fn a_driver_that_dies_while_the_tool_is_asked_is_followed_by_one_that_asks_again() {
    crashed_while_paying()
        .crashes()
        .continues()
        .expect_effects([reconcile("pay")]);
}

#[test]
fn a_repeatable_call_is_started_again_without_asking_its_tool() {
    Scenario::new()
        .replies(calls([plain("look").repeatable().reconcilable()]))
        .crashes()
        .continues()
        .expect_effects([again("look", 2)]);
}

#[test]
fn the_run_waits_for_the_tool_that_is_asked_before_it_pauses() {
    Scenario::new()
        .replies(calls([plain("pay").reconcilable(), confirm("b")]))
        .expect_effects([start("pay")])
        .crashes()
        .continues()
        .expect_effects([reconcile("pay")])
        .expect_running()
        .finds_result("pay", "paid")
        .expect_paused_on([("b", RequirementKind::Confirmation)]);
}

#[test]
fn a_cancelled_run_does_not_wait_for_the_tool_that_is_asked() {
    crashed_while_paying()
        .cancels()
        .expect_cancelled()
        .finds_result("pay", "too late")
        .expect_no_effects()
        .expect_unfinished(["pay"])
        .continues()
        .expect_effects([reconcile("pay")]);
}

#[test]
fn an_answer_that_nobody_asked_for_changes_nothing() {
    let scenario = Scenario::new().replies(calls([plain("pay")]));
    let kinds = scenario.kinds();
    let later = scenario.finds_result("pay", "paid").finds_no_trace("nobody");
    assert_eq!(later.kinds(), kinds);
    later.expect_unfinished(["pay"]);
}

#[test]
fn a_rule_lets_calls_in_doubt_run_again() {
    Scenario::new()
        .replies(calls([plain("pay")]))
        .expect_effects([start("pay")])
        .crashes()
        .continues_with_rule(InDoubtRule::Retry)
        .expect_effects([again("pay", 2)]);
}

#[test]
fn a_rule_fails_the_run_and_another_one_lets_it_go_on() {
    Scenario::new()
        .replies(calls([plain("pay")]))
        .expect_effects([start("pay")])
        .crashes()
        .continues_with_rule(InDoubtRule::Fail)
        .expect_failed(FailureKind::InDoubt)
        .continues()
        .expect_paused_on([("pay", RequirementKind::Recovery)]);
}

#[test]
fn a_rule_is_asked_only_after_the_tool() {
    Scenario::new()
        .replies(calls([plain("pay").reconcilable()]))
        .expect_effects([start("pay")])
        .crashes()
        .continues_with_rule(InDoubtRule::Fail)
        .expect_effects([reconcile("pay")])
        .cannot_tell("pay", "no idea")
        .expect_failed(FailureKind::InDoubt);
}

#[test]
fn a_run_that_must_fail_keeps_the_outcomes_of_the_tools_that_run_and_starts_no_others() {
    Scenario::new()
        .replies(calls([
            plain("pay").reconcilable(),
            plain("look").repeatable(),
            plain("note").sequential(),
        ]))
        .expect_effects([start("pay"), start("look")])
        .crashes()
        .continues_with_rule(InDoubtRule::Fail)
        .expect_effects([reconcile("pay"), again("look", 2)])
        .cannot_tell("pay", "no idea")
        .expect_no_effects()
        .returns("look", "seen")
        .expect_failed(FailureKind::InDoubt)
        .expect_outcome("look", OutcomeSource::Tool, "seen")
        .expect_unfinished(["pay", "note"]);
}

#[test]
fn a_requirement_that_was_opened_stays_whatever_rule_comes_later() {
    Scenario::new()
        .replies(calls([plain("pay")]))
        .crashes()
        .continues()
        .check_that(|run| assert_eq!(run.status(), RunStatus::Paused))
        .continues_with_rule(InDoubtRule::Retry)
        .check_that(|run| assert_eq!(run.status(), RunStatus::Paused));
}
