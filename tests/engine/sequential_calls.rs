//! A sequential tool never runs beside another call.

use haltpoint_engine::requirement::RequirementKind;

use crate::scenario::{Declared, Scenario, calls, confirm, confirmed, plain, request_model, start};

#[test]
fn a_sequential_call_waits_for_the_calls_before_it() {
    Scenario::new()
        .replies(calls([plain("a"), plain("b").sequential()]))
        .expect_effects([start("a")])
        .returns("a", "A")
        .expect_effects([start("b")]);
}

#[test]
fn calls_after_a_sequential_one_wait_for_it() {
    Scenario::new()
        .replies(calls([plain("a").sequential(), plain("b"), plain("c")]))
        .expect_effects([start("a")])
        .returns("a", "A")
        .expect_effects([start("b"), start("c")]);
}

#[test]
fn sequential_calls_run_one_after_the_other_in_order() {
    Scenario::new()
        .replies(calls([plain("a").sequential(), plain("b").sequential()]))
        .expect_effects([start("a")])
        .returns("a", "A")
        .expect_effects([start("b")])
        .returns("b", "B")
        .expect_effects([request_model()]);
}

#[test]
fn calls_before_the_barrier_run_together_and_those_behind_it_too() {
    Scenario::new()
        .replies(calls([
            plain("a"),
            plain("b"),
            plain("c").sequential(),
            plain("d"),
            plain("e"),
        ]))
        .expect_effects([start("a"), start("b")])
        .returns("a", "A")
        .expect_no_effects()
        .returns("b", "B")
        .expect_effects([start("c")])
        .returns("c", "C")
        .expect_effects([start("d"), start("e")]);
}

#[test]
fn a_sequential_call_that_waits_for_a_person_holds_nobody_up() {
    Scenario::new()
        .replies(calls([confirm("a").sequential(), plain("b")]))
        .expect_effects([start("b")])
        .returns("b", "B")
        .expect_paused_on([("a", RequirementKind::Confirmation)])
        .decides("a", confirmed())
        .continues()
        .expect_effects([start("a")]);
}

#[test]
fn a_call_decided_while_a_sequential_one_runs_waits_for_it() {
    Scenario::new()
        .replies(calls([confirm("a"), plain("b").sequential()]))
        .expect_effects([start("b")])
        .decides("a", confirmed())
        .expect_no_effects()
        .returns("b", "B")
        .expect_effects([start("a")]);
}

#[test]
fn a_sequential_call_decided_while_others_run_waits_for_them() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b").sequential()]))
        .expect_effects([start("a")])
        .decides("b", confirmed())
        .expect_no_effects()
        .returns("a", "A")
        .expect_effects([start("b")]);
}
