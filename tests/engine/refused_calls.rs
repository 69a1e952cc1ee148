//! Calls that cannot run at all are answered without asking anybody.

use haltpoint_engine::journal::OutcomeSource;
use haltpoint_engine::journal::PlannedCall;
use haltpoint_engine::requirement::RequirementKind;

use crate::scenario::{Scenario, calls, confirm, plain, refused, request_model, start, unknown};

#[test]
fn an_unknown_tool_is_answered_at_once() {
    Scenario::new()
        .replies(calls([unknown("nope")]))
        .expect_effects([request_model()])
        .expect_outcome("nope", OutcomeSource::Refused, "There is no such tool.")
        .expect_error_flag("nope", true);
}

#[test]
fn arguments_that_break_the_schema_are_answered_before_anybody_is_asked() {
    let asked_for = PlannedCall {
        refused: Some("amount: not a number".into()),
        ..confirm("pay")
    };
    Scenario::new()
        .replies(calls([asked_for]))
        .expect_effects([request_model()])
        .check_that(|run| assert!(run.requirements().is_empty()))
        .expect_outcome("pay", OutcomeSource::Refused, "amount: not a number");
}

#[test]
fn a_refused_call_holds_up_none_of_the_others() {
    Scenario::new()
        .replies(calls([refused("a", "no"), plain("b"), confirm("c")]))
        .expect_effects([start("b")])
        .returns("b", "B")
        .expect_paused_on([("c", RequirementKind::Confirmation)])
        .expect_outcome("a", OutcomeSource::Refused, "no");
}
