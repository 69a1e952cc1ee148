//! A run as users see it, in each status.

use haltpoint_engine::message::{Message, Role};
use serde_json::{Value, json};

use crate::scenario::{
    RUN_ID, Scenario, answers, asks_for_answers, asks_user, calls, confirm, confirmed, external, plain,
    rejected_because,
};

fn steps(view: &Value) -> Vec<(&str, &str, &str)> {
    let steps = view["step_results"].as_array().unwrap().iter();
    let texts = steps.map(|step| ["name", "status", "message"].map(|field| step[field].as_str().unwrap()));
    texts.map(|[name, status, message]| (name, status, message)).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_view_has_every_field_that_users_are_told_of() {
    let view = Scenario::new().replies(calls([confirm("a")])).view();
    let fields = [
        "run_id",
        "agent_id",
        "agent_name",
        "session_id",
        "user_id",
        "task",
        "status",
        "output",
        "pause_reason",
        "error_details",
        "model_name",
        "metadata",
        "created_at",
        "updated_at",
        "requirements",
        "tools",
        "step_results",
        "messages",
        "first_new_message",
        "usage",
    ];
    assert_eq!(keys(&view), fields);
    assert_eq!(keys(&view["task"]), ["description", "context", "response_format"]);
    assert_eq!(
        keys(&view["usage"]),
        [
            "requests",
            "input_tokens",
            "output_tokens",
            "total_tokens",
            "tool_calls",
            "duration"
        ]
    );
    assert_eq!(
        keys(&view["requirements"][0]),
        [
            "id",
            "run_id",
            "kind",
            "tool_module",
            "created_at",
            "decided_by",
            "decided_at",
            "confirmation",
            "confirmation_note",
            "user_input_schema",
            "tool_execution",
            "decision",
            "details",
            "digest"
        ]
    );
    assert_eq!(
        keys(&view["tools"][0]),
        [
            "tool_call_id",
            "tool_name",
            "tool_args",
            "result",
            "tool_call_error",
            "requires_confirmation",
            "confirmed",
            "confirmation_note",
            "requires_user_input",
            "user_input_schema",
            "answered",
            "external_execution_required",
            "created_at",
            "stop_after_tool_call"
        ]
    );
    assert_eq!(view["requirements"][0]["tool_execution"], view["tools"][0]);
}

#[test]
fn a_running_run_shows_what_its_calls_do() {
    let view = Scenario::new()
        .replies(calls([plain("a"), confirm("b"), plain("c")]))
        .returns("a", "A")
        .view();
    assert_eq!(view["status"], "RUNNING");
    assert_eq!(view["output"], json!(null));
    assert_eq!(view["pause_reason"], json!(null));
    assert_eq!(
        steps(&view),
        [
            ("model_execution", "COMPLETED", "the model asked for 3 tool calls"),
            ("tool:a", "COMPLETED", "returned"),
            ("tool:b", "RUNNING", "waiting for confirmation"),
            ("tool:c", "RUNNING", "running"),
        ]
    );
}

#[test]
fn a_paused_run_names_the_kind_of_its_first_open_requirement() {
    let paused = Scenario::new().replies(calls([confirm("a"), external("b")]));
    assert_eq!(paused.view()["status"], "PAUSED");
    assert_eq!(paused.view()["pause_reason"], "confirmation");
    let partly = paused.decides("a", rejected_because("too much")).continues();
    let view = partly.view();
    assert_eq!(view["pause_reason"], "external_tool");
    assert_eq!(
        steps(&view),
        [
            ("model_execution", "COMPLETED", "the model asked for 2 tool calls"),
            ("tool:a", "COMPLETED", "rejected"),
            ("tool:b", "PAUSED", "waiting for the result of a run elsewhere"),
        ]
    );
}

#[test]
fn a_completed_run_that_stopped_on_its_way_lists_each_step_once() {
    let view = Scenario::new()
        .model_fails("overloaded")
        .continues()
        .replies(calls([confirm("a")]))
        .decides("a", confirmed())
        .continues()
        .cancels()
        .returns("a", "A")
        .continues()
        .answers("done")
        .view();
    assert_eq!(view["status"], "COMPLETED");
    assert_eq!(view["output"], "done");
    assert_eq!(view["pause_reason"], json!(null));
    assert_eq!(view["error_details"], json!(null));
    assert_eq!(
        steps(&view),
        [
            ("model_execution", "COMPLETED", "the model asked for 1 tool call"),
            ("tool:a", "COMPLETED", "returned"),
            ("model_execution", "COMPLETED", "the model answered"),
        ]
    );
}

#[test]
fn a_run_cancelled_while_the_model_is_asked_shows_the_request_that_was_dropped() {
    let view = Scenario::new().cancels().view();
    assert_eq!(view["status"], "CANCELLED");
    assert_eq!(
        steps(&view),
        [("model_execution", "CANCELLED", "cancelled before the model answered")]
    );
}

#[test]
fn a_run_cancelled_between_tools_shows_what_did_not_start() {
    let view = Scenario::new()
        .replies(calls([plain("a"), confirm("b")]))
        .cancels()
        .returns("a", "A")
        .view();
    assert_eq!(
        steps(&view),
        [
            ("model_execution", "COMPLETED", "the model asked for 2 tool calls"),
            ("tool:a", "COMPLETED", "returned"),
            ("tool:b", "CANCELLED", "waiting for confirmation"),
        ]
    );
}

#[test]
fn a_failed_run_shows_the_request_that_failed_and_why() {
    let view = Scenario::new().model_fails("overloaded").view();
    assert_eq!(view["status"], "ERROR");
    assert_eq!(view["error_details"], "overloaded");
    assert_eq!(steps(&view), [("model_execution", "ERROR", "overloaded")]);
    assert_eq!(view["step_results"][0]["execution_time"], 0.004);
}

#[test]
fn a_call_that_failed_is_a_failed_step() {
    let view = Scenario::new()
        .replies(calls([plain("a"), plain("b")]))
        .returns("a", "fine")
        .raises("b", "no such city")
        .view();
    assert_eq!(
        steps(&view)[1..],
        [("tool:a", "COMPLETED", "returned"), ("tool:b", "ERROR", "failed"),]
    );
}

#[test]
fn a_call_in_doubt_shows_what_stopped_it() {
    let stopped = Scenario::new()
        .replies(calls([plain("a")]))
        .cancels_and_interrupts()
        .gets_interrupted("a")
        .continues()
        .view();
    assert!(stopped["requirements"][0]["details"]["interruption"].is_string());
    let died = Scenario::new()
        .replies(calls([plain("a")]))
        .crashes()
        .continues()
        .view();
    assert_eq!(died["requirements"][0]["kind"], "recovery");
    assert!(died["requirements"][0]["details"].get("interruption").is_none());
}

#[test]
fn a_call_shows_what_a_person_said_about_it() {
    let view = Scenario::new()
        .replies(calls([
            confirm("a"),
            confirm("b"),
            asks_user("c"),
            asks_for_answers("d"),
        ]))
        .decides("a", confirmed())
        .decides("b", rejected_because("too much"))
        .decides("c", answers([("to", json!("Ada"))]))
        .decides("d", answers([("city", json!("Lisbon"))]))
        .view();
    let tools = &view["tools"];
    assert_eq!(
        (&tools[0]["confirmed"], &tools[0]["confirmation_note"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(
        (&tools[1]["confirmed"], &tools[1]["confirmation_note"]),
        (&json!(false), &json!("too much"))
    );
    assert_eq!(tools[2]["tool_args"], json!({"amount": 7, "to": "Ada"}));
    assert_eq!(tools[2]["user_input_schema"][1]["value"], "Ada");
    assert_eq!(tools[2]["answered"], true);
    assert_eq!(
        tools[3]["tool_args"],
        json!({"amount": 7}),
        "the answers are the result, not arguments"
    );
    assert_eq!(tools[3]["user_input_schema"][0]["value"], "Lisbon");
    assert_eq!(
        view["requirements"][1]["decision"],
        json!({"type": "reject", "note": "too much"})
    );
    assert_eq!(view["requirements"][1]["decided_by"], "ada");
    assert_eq!(
        view["requirements"][2]["decision"],
        json!({"type": "input", "values": {"to": "Ada"}})
    );
}

#[test]
fn messages_that_stand_before_the_run_are_told_apart() {
    let before = [
        Message::text(Role::System, "Be brief.".into()),
        Message::text(Role::User, "Hello".into()),
        Message::text(Role::Assistant, "Hello!".into()),
    ];
    let scenario = Scenario::new().answers("done");
    let view = serde_json::to_value(scenario.run().view(&before)).unwrap();
    assert_eq!(view["first_new_message"], 3);
    let roles: Vec<_> = view["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["role"])
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
}

#[test]
fn usage_adds_up_over_requests_and_counts_only_the_time_that_the_run_was_driven() {
    let usage = Scenario::new()
        .replies(calls([confirm("a")]))
        .decides("a", confirmed())
        .continues()
        .returns("a", "A")
        .answers("done")
        .view()["usage"]
        .clone();
    let expected = json!({
        "requests": 2, "input_tokens": 20, "output_tokens": 6, "total_tokens": 26, "tool_calls": 1, "duration": 0.004
    });
    assert_eq!(usage, expected);
}

#[test]
fn times_are_given_as_programs_and_people_read_them() {
    let view = Scenario::new().replies(calls([confirm("a")])).view();
    assert_eq!(view["run_id"], RUN_ID);
    assert_eq!(view["created_at"], 1_763_800_000_000_000_i64);
    assert_eq!(
        view["requirements"][0]["created_at"],
        "2025-11-22T08:26:40.002000+00:00"
    );
    assert_eq!(view["tools"][0]["created_at"], 1_763_800_000);
}
