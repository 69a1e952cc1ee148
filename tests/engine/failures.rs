//! Runs that cannot go on: the model fails, or asks for more than it may have.

use haltpoint_engine::journal::{FailureKind, OutcomeSource};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::store::RunStatus;
use serde_json::json;

use crate::scenario::{Scenario, calls, confirm, plain, request_model, start, text};

#[test]
fn a_failed_model_leaves_a_run_that_can_be_continued() {
    Scenario::new()
        .model_fails("overloaded")
        .expect_failed(FailureKind::Model)
        .continues()
        .expect_effects([request_model()])
        .check_that(|run| assert_eq!(run.failure(), None))
        .answers("done")
        .expect_completed(&json!("done"));
}

#[test]
fn finished_tools_do_not_run_again_after_the_model_failed() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .expect_effects([start("a")])
        .returns("a", "A")
        .expect_effects([request_model()])
        .model_fails("overloaded")
        .expect_failed(FailureKind::Model)
        .continues()
        .expect_effects([request_model()]);
}

#[test]
fn a_model_may_fail_again_and_again() {
    Scenario::new()
        .model_fails("overloaded")
        .continues()
        .model_fails("overloaded")
        .continues()
        .answers("at last")
        .check_that(|run| assert_eq!(run.status(), RunStatus::Completed));
}

#[test]
fn a_failure_that_comes_after_the_cancellation_changes_nothing() {
    let cancelled = Scenario::new().cancels().expect_cancelled();
    let kinds = cancelled.kinds();
    let later = cancelled.model_fails("connection closed").expect_no_effects();
    assert_eq!(later.kinds(), kinds);
    assert_eq!(later.run().failure(), None);
}

#[test]
fn more_calls_than_the_run_may_make_end_it_before_any_of_them_starts() {
    Scenario::with_tool_call_limit(1)
        .replies(calls([plain("a"), confirm("b")]))
        .expect_failed(FailureKind::ToolCallLimit)
        .expect_unfinished(["a", "b"]);
}

#[test]
fn exactly_as_many_calls_as_the_run_may_make_are_made() {
    Scenario::with_tool_call_limit(2)
        .replies(calls([plain("a"), plain("b")]))
        .expect_effects([start("a"), start("b")]);
}

#[test]
fn the_limit_counts_the_calls_of_the_whole_run() {
    Scenario::with_tool_call_limit(1)
        .replies(calls([plain("a")]))
        .returns("a", "A")
        .replies(calls([plain("b")]))
        .check_that(|run| {
            assert_eq!(
                run.failure().map(|failure| failure.kind),
                Some(FailureKind::ToolCallLimit)
            )
        });
}

#[test]
fn a_higher_limit_lets_the_calls_go_on() {
    Scenario::with_tool_call_limit(1)
        .replies(calls([plain("a"), confirm("b")]))
        .expect_failed(FailureKind::ToolCallLimit)
        .continues_with_limit(2)
        .expect_effects([start("a")])
        .returns("a", "A")
        .expect_paused_on([("b", RequirementKind::Confirmation)]);
}

#[test]
fn the_same_limit_fails_again() {
    Scenario::with_tool_call_limit(1)
        .replies(calls([plain("a"), plain("b")]))
        .expect_failed(FailureKind::ToolCallLimit)
        .continues()
        .expect_failed(FailureKind::ToolCallLimit);
}

#[test]
fn calls_that_were_let_through_finish_under_a_lower_limit() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .expect_effects([start("a")])
        .returns("a", "A")
        .expect_paused_on([("b", RequirementKind::Confirmation)])
        .continues_with_limit(1)
        .expect_paused_on([("b", RequirementKind::Confirmation)]);
}

#[test]
fn a_failure_names_its_provider_and_the_message_is_shown() {
    let scenario = Scenario::new().model_fails("overloaded");
    let failure = scenario.run().failure().cloned().unwrap();
    assert_eq!(
        (failure.provider.as_deref(), failure.status_code),
        (Some("anthropic"), Some(529))
    );
    assert_eq!(scenario.view()["error_details"], "overloaded");
}

#[test]
fn a_completed_run_has_nothing_left_to_do() {
    let completed = Scenario::new().answers("done").expect_completed(&json!("done"));
    let kinds = completed.kinds();
    let continued = completed.continues().expect_completed(&json!("done"));
    assert_eq!(continued.kinds(), kinds);
    let later = continued.replies(text("more")).expect_no_effects();
    assert_eq!(later.kinds(), kinds);
}

#[test]
fn a_result_that_is_too_long_to_be_kept_becomes_an_error_that_says_so() {
    let largest = "x".repeat(64 << 20);
    let running = || Scenario::new().replies(calls([plain("read")]));
    running()
        .returns("read", &largest)
        .expect_error_flag("read", false)
        .expect_outcome("read", OutcomeSource::Tool, &largest);
    running()
        .returns("read", &format!("{largest}x"))
        .expect_error_flag("read", true)
        .expect_outcome(
            "read",
            OutcomeSource::Tool,
            "The call ran, but its result takes 67108865 bytes and at most 67108864 are kept: it is lost. Ask for less at a time.",
        );
}

#[test]
fn each_kind_of_failure_is_shown_under_the_name_under_which_it_is_stored() {
    for kind in [
        FailureKind::Model,
        FailureKind::ToolCallLimit,
        FailureKind::InvalidOutput,
        FailureKind::InDoubt,
        FailureKind::Expired,
        FailureKind::SetAside,
    ] {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
    }
}
