//! Tools whose result ends the run.

use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::store::RunStatus;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, calls, confirm, confirmed, external, plain, rejected, request_model, result, skipped, start,
    supplied,
};

#[test]
fn the_result_of_a_final_tool_is_the_output() {
    Scenario::new()
        .replies(calls([plain("report").stop_after()]))
        .expect_effects([start("report")])
        .returns("report", "all is well")
        .expect_completed(&json!("all is well"));
}

#[test]
fn a_final_tool_waits_for_the_calls_beside_it() {
    Scenario::new()
        .replies(calls([plain("report").stop_after(), confirm("pay")]))
        .expect_effects([start("report")])
        .returns("report", "all is well")
        .expect_paused_on([("pay", RequirementKind::Confirmation)])
        .decides("pay", confirmed())
        .continues()
        .expect_effects([start("pay")])
        .returns("pay", "paid")
        .expect_completed(&json!("all is well"));
}

#[test]
fn a_final_tool_that_fails_leaves_the_word_to_the_model() {
    Scenario::new()
        .replies(calls([plain("report").stop_after()]))
        .expect_effects([start("report")])
        .raises("report", "boom")
        .expect_effects([request_model()]);
}

#[test]
fn a_final_tool_that_a_person_rejects_leaves_the_word_to_the_model() {
    Scenario::new()
        .replies(calls([confirm("report").stop_after()]))
        .decides("report", rejected())
        .continues()
        .check_that(|run| assert_eq!(run.status(), RunStatus::Running));
}

#[test]
fn a_final_tool_that_was_run_elsewhere_ends_the_run() {
    Scenario::new()
        .replies(calls([external("report").stop_after()]))
        .expect_paused_on([("report", RequirementKind::ExternalTool)])
        .decides("report", result("fine"))
        .continues()
        .expect_completed(&json!("fine"));
}

#[test]
fn of_several_final_tools_the_last_one_that_succeeded_counts() {
    Scenario::new()
        .replies(calls([
            plain("a").stop_after(),
            plain("b").stop_after(),
            plain("c").stop_after(),
        ]))
        .expect_effects([start("a"), start("b"), start("c")])
        .returns("a", "A")
        .returns("b", "B")
        .raises("c", "boom")
        .expect_completed(&json!("B"));
}

#[test]
fn a_supplied_result_ends_the_run_and_a_skipped_call_does_not() {
    let in_doubt = Scenario::new()
        .replies(calls([plain("report").stop_after()]))
        .crashes()
        .continues()
        .expect_paused_on([("report", RequirementKind::Recovery)]);
    in_doubt
        .clone()
        .decides("report", supplied("fine"))
        .continues()
        .expect_completed(&json!("fine"));
    in_doubt
        .decides("report", skipped())
        .continues()
        .expect_effects([request_model()]);
}
