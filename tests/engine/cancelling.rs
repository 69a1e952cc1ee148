//! Stopping on request: nothing new starts, what runs may finish, and what is finished stays finished.

use haltpoint_engine::journal::OutcomeSource;
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::store::RunStatus;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, again, calls, confirm, confirmed, external, interrupt, plain, request_model, result, start,
    text,
};

#[test]
fn a_run_cancelled_while_the_model_is_asked_stops_at_once() {
    Scenario::new()
        .cancels()
        .expect_cancelled()
        .continues()
        .expect_effects([request_model()])
        .answers("done")
        .expect_completed(&json!("done"));
}

#[test]
fn a_reply_that_comes_after_the_cancellation_is_dropped() {
    let cancelled = Scenario::new().cancels().expect_cancelled();
    let kinds = cancelled.kinds();
    let later = cancelled.replies(text("too late")).expect_no_effects();
    assert_eq!(later.kinds(), kinds);
    assert_eq!(later.run().status(), RunStatus::Cancelled);
}

#[test]
fn a_tool_that_runs_when_the_run_is_cancelled_finishes_and_its_result_is_kept() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .expect_effects([start("a")])
        .cancels()
        .expect_no_effects()
        .expect_running()
        .returns("a", "A")
        .expect_cancelled()
        .continues()
        .expect_effects([request_model()])
        .expect_outcome("a", OutcomeSource::Tool, "A");
}

#[test]
fn a_cancelled_run_waits_for_all_tools_that_run() {
    Scenario::new()
        .replies(calls([plain("a"), plain("b")]))
        .expect_effects([start("a"), start("b")])
        .cancels()
        .returns("a", "A")
        .expect_no_effects()
        .raises("b", "boom")
        .expect_cancelled();
}

#[test]
fn nothing_new_starts_once_a_run_is_being_cancelled() {
    Scenario::new()
        .replies(calls([plain("a"), plain("b").sequential(), confirm("c")]))
        .expect_effects([start("a")])
        .cancels()
        .decides("c", confirmed())
        .expect_no_effects()
        .returns("a", "A")
        .expect_cancelled()
        .expect_unfinished(["b", "c"])
        .continues()
        .expect_effects([start("b")])
        .returns("b", "B")
        .expect_effects([start("c")]);
}

#[test]
fn an_interrupting_cancel_stops_tools_in_their_middle() {
    Scenario::new()
        .replies(calls([plain("a"), plain("b")]))
        .expect_effects([start("a"), start("b")])
        .cancels_and_interrupts()
        .expect_effects([interrupt("a"), interrupt("b")])
        .gets_interrupted("a")
        .expect_no_effects()
        .gets_interrupted("b")
        .expect_cancelled();
}

#[test]
fn an_interrupted_call_is_in_doubt_when_the_run_goes_on() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .cancels_and_interrupts()
        .gets_interrupted("a")
        .continues()
        .check_that(|run| assert_eq!(run.status(), RunStatus::Paused))
        .check_that(|run| assert_eq!(run.requirements()[0].kind, RequirementKind::Recovery));
}

#[test]
fn an_interrupted_call_of_a_repeatable_tool_starts_again_when_the_run_goes_on() {
    Scenario::new()
        .replies(calls([plain("a").repeatable()]))
        .expect_effects([start("a")])
        .cancels_and_interrupts()
        .expect_effects([interrupt("a")])
        .gets_interrupted("a")
        .expect_cancelled()
        .continues()
        .expect_effects([again("a", 2)]);
}

#[test]
fn a_tool_that_finishes_although_it_was_interrupted_keeps_its_result() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .expect_effects([start("a")])
        .cancels_and_interrupts()
        .expect_effects([interrupt("a")])
        .returns("a", "A")
        .expect_cancelled()
        .expect_outcome("a", OutcomeSource::Tool, "A");
}

#[test]
fn a_second_cancel_may_interrupt_what_the_first_one_let_finish() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .expect_effects([start("a")])
        .cancels()
        .expect_no_effects()
        .cancels_and_interrupts()
        .expect_effects([interrupt("a")])
        .gets_interrupted("a")
        .expect_cancelled();
}

#[test]
fn a_second_cancel_does_not_take_the_interrupt_of_the_first_one_back() {
    Scenario::new()
        .replies(calls([plain("a"), plain("b")]))
        .cancels_and_interrupts()
        .cancels()
        .gets_interrupted("a")
        .gets_interrupted("b")
        .check_that(|run| assert_eq!(run.status(), RunStatus::Cancelled));
}

#[test]
fn another_process_cancels_a_run_that_is_being_driven() {
    Scenario::new()
        .gets_cancelled_from_outside(false)
        .expect_cancelled()
        .continues()
        .expect_effects([request_model()]);
}

#[test]
fn another_process_interrupts_tools_that_run_here() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .expect_effects([start("a")])
        .gets_cancelled_from_outside(true)
        .expect_effects([interrupt("a")])
        .gets_interrupted("a")
        .expect_cancelled();
}

#[test]
fn a_paused_run_that_is_cancelled_presents_its_requirements_again() {
    Scenario::new()
        .replies(calls([confirm("a"), external("b")]))
        .expect_paused_on([
            ("a", RequirementKind::Confirmation),
            ("b", RequirementKind::ExternalTool),
        ])
        .gets_cancelled_while_idle()
        .expect_cancelled()
        .continues()
        .expect_paused_on([
            ("a", RequirementKind::Confirmation),
            ("b", RequirementKind::ExternalTool),
        ]);
}

#[test]
fn what_was_decided_on_a_cancelled_run_counts_when_it_goes_on() {
    Scenario::new()
        .replies(calls([external("a")]))
        .gets_cancelled_while_idle()
        .decides("a", result("A"))
        .continues()
        .expect_outcome("a", OutcomeSource::External, "A")
        .expect_running();
}

#[test]
fn a_continuation_can_be_cancelled_as_the_first_part_could() {
    Scenario::new()
        .replies(calls([confirm("a")]))
        .decides("a", confirmed())
        .continues()
        .cancels()
        .returns("a", "A")
        .check_that(|run| assert_eq!(run.status(), RunStatus::Cancelled))
        .continues()
        .answers("done")
        .check_that(|run| assert_eq!(run.status(), RunStatus::Completed));
}

#[test]
fn an_orphan_that_is_cancelled_keeps_its_calls_in_doubt() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .expect_effects([start("a")])
        .crashes()
        .gets_cancelled_while_idle()
        .expect_cancelled()
        .expect_unfinished(["a"])
        .continues()
        .expect_paused_on([("a", RequirementKind::Recovery)]);
}

#[test]
fn a_cancel_request_that_the_dead_driver_never_saw_does_not_stop_the_next_one() {
    Scenario::new()
        .gets_cancelled_unheard(false)
        .crashes()
        .continues()
        .expect_effects([request_model()])
        .expect_running();
}
