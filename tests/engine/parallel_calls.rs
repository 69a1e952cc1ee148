//! One reply may hold calls of several kinds: what can run runs, what waits waits, and the model gets all results together.

use haltpoint_engine::journal::OutcomeSource;
use haltpoint_engine::message::Role;
use haltpoint_engine::requirement::RequirementKind;
use serde_json::json;

use crate::scenario::{
    Scenario, asks_for_answers, asks_user, calls, confirm, confirmed, external, plain, refused, request_model, result,
    says_and_calls, start,
};

#[test]
fn an_answer_without_calls_completes_the_run() {
    Scenario::new().answers("Hello").expect_completed(&json!("Hello"));
}

#[test]
fn plain_calls_run_together_and_the_model_is_asked_after_the_last_one() {
    Scenario::new()
        .replies(calls([plain("a"), plain("b")]))
        .expect_effects([start("a"), start("b")])
        .returns("b", "B")
        .expect_no_effects()
        .returns("a", "A")
        .expect_effects([request_model()])
        .answers("both done")
        .expect_completed(&json!("both done"));
}

#[test]
fn results_stand_in_the_order_of_the_calls_whoever_finished_first() {
    let scenario = Scenario::new()
        .replies(says_and_calls("Let me see.", vec![plain("a"), plain("b")]))
        .returns("b", "B")
        .returns("a", "A");
    let results: Vec<_> = scenario
        .messages()
        .iter()
        .filter(|message| message.role == Role::Tool)
        .collect();
    assert_eq!(
        results
            .iter()
            .map(|message| message.content.as_deref())
            .collect::<Vec<_>>(),
        [Some("A"), Some("B")]
    );
    assert_eq!(scenario.messages()[1].content.as_deref(), Some("Let me see."));
}

#[test]
fn a_plain_call_runs_while_the_one_beside_it_waits_for_a_person() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .expect_effects([start("a")])
        .expect_running()
        .returns("a", "A")
        .expect_paused_on([("b", RequirementKind::Confirmation)])
        .expect_outcome("a", OutcomeSource::Tool, "A");
}

#[test]
fn all_kinds_of_pause_are_presented_at_once() {
    Scenario::new()
        .replies(calls([
            confirm("a"),
            external("b"),
            asks_user("c"),
            asks_for_answers("d"),
            refused("e", "no"),
        ]))
        .expect_paused_on([
            ("a", RequirementKind::Confirmation),
            ("b", RequirementKind::ExternalTool),
            ("c", RequirementKind::UserInput),
            ("d", RequirementKind::UserInput),
        ])
        .expect_outcome("e", OutcomeSource::Refused, "no");
}

#[test]
fn the_model_is_asked_again_only_when_every_call_has_its_result() {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b"), external("c")]))
        .expect_effects([start("a")])
        .returns("a", "A")
        .expect_paused_on([
            ("b", RequirementKind::Confirmation),
            ("c", RequirementKind::ExternalTool),
        ])
        .decides("b", confirmed())
        .continues()
        .expect_effects([start("b")])
        .returns("b", "B")
        .expect_paused_on([("c", RequirementKind::ExternalTool)])
        .decides("c", result("C"))
        .continues()
        .expect_effects([request_model()])
        .answers("done")
        .expect_completed(&json!("done"));
}

#[test]
fn a_failing_tool_tells_the_model_and_the_run_goes_on() {
    Scenario::new()
        .replies(calls([plain("a")]))
        .expect_effects([start("a")])
        .raises("a", "ValueError: no")
        .expect_error_flag("a", true)
        .expect_outcome("a", OutcomeSource::Tool, "ValueError: no")
        .expect_effects([request_model()]);
}

#[test]
fn a_run_may_pause_many_times() {
    let mut scenario = Scenario::new();
    for round in 0..5 {
        let id = format!("call-{round}");
        scenario = scenario
            .replies(calls([confirm(&id)]))
            .expect_paused_on([(&id, RequirementKind::Confirmation)])
            .decides(&id, confirmed())
            .continues()
            .expect_effects([start(&id)])
            .returns(&id, "ok")
            .expect_effects([request_model()]);
    }
    scenario.answers("done").expect_completed(&json!("done"));
}
