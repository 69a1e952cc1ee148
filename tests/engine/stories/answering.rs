//! The model's answers: in words, with calls, in a form that fits or not, or not at all.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{ModelReplied, OfferedTool, ResponseFormat, RunStarted};
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, as_json, awaits, calls, confirm, confirmed, plain, refused, run_started, sleeps, sleeps_until,
    text, unknown,
};

pub(super) fn plain_answer() -> Scenario {
    let started = RunStarted {
        agent_id: Some("clerk-1".into()),
        session_id: Some("session-1".into()),
        user_id: Some("ada".into()),
        system_prompt: Some("Be brief.".into()),
        context: Some("It is Monday.".into()),
        prompt: Some("It is Monday. Pay the invoice".into()),
        tools: vec![OfferedTool {
            name: "pay".into(),
            module: "shop.tools".into(),
            parameters: None,
            sensitive: Vec::new(),
        }],
        remembers: vec!["01936f00-0000-7000-8000-000000000000".into()],
        metadata: Some(as_json(&json!({"order": 66}))),
        ..run_started()
    };
    let reply = ModelReplied {
        provider_data: Some(as_json(&json!({"thinking": "hm", "signature": "c2ln"}))),
        attempt: 3,
        ..text("Grüße, 你好 \u{1F44B} \"quoted\"\n")
    };
    Scenario::of(started).replies(reply)
}

pub(super) fn parallel_calls() -> Scenario {
    Scenario::new()
        .replies(calls([
            plain("a"),
            plain("b").with_id(""),
            plain("c").sequential(),
            unknown("d"),
            refused("e", "amount: not a number"),
        ]))
        .returns("call_2", "B")
        .raises("a", "ValueError: no")
        .returns("c", "C")
        .answers("done")
}

pub(super) fn steps_planned() -> Scenario {
    Scenario::new()
        .plans_ahead()
        .plans([plain("a"), confirm("b")])
        .returns("a", "A")
        .plans([plain("c"), confirm("d").approved_by(2)])
        .returns("c", "C")
        .waits()
        .decides("b", confirmed())
        .continues()
        .waits()
        .returns("b", "B")
        .waits()
        .decides_as("ann", "d", confirmed())
        .decides_as("bob", "d", confirmed())
        .continues()
        .waits()
        .returns("d", "D")
        .answers("done")
}

/// A run sleeps beside a question; a person wakes it, time comes, and one time has come before it is waited for.
pub(super) fn waits() -> Scenario {
    Scenario::new()
        .plans_ahead()
        .plans([sleeps("a", 60_000_000), sleeps("b", 3_600_000_000), confirm("c")])
        .waits()
        .expires("a")
        .continues()
        .waits()
        .decides_as("ann", "b", confirmed())
        .continues()
        .plans([sleeps_until("d", Timestamp(0))])
        .waits()
        .decides("c", confirmed())
        .continues()
        .waits()
        .returns("c", "C")
        .answers("done")
}

/// A run waits for events: one happens, one does not in time, and a person ends the wait for another.
pub(super) fn events() -> Scenario {
    Scenario::new()
        .plans_ahead()
        .plans([
            awaits("a", 60_000_000),
            awaits("b", 60_000_000),
            awaits("c", 60_000_000),
        ])
        .waits()
        .happens("a", r#"{"euros":12.50,"by":"card"}"#)
        .continues()
        .waits()
        .decides_as("ann", "b", confirmed())
        .expires("c")
        .continues()
        .answers("done")
}

pub(super) fn model_failure() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a")]))
        .returns("a", "A")
        .model_fails("overloaded")
}

pub(super) fn tool_call_limit() -> Scenario {
    Scenario::with_tool_call_limit(1).replies(calls([plain("a"), confirm("b")]))
}

pub(super) fn invalid_output() -> Scenario {
    Scenario::of(structured())
        .answers_unfittingly("three", "total: not a number")
        .answers_unfittingly_once_too_often("four", "total: not a number")
}

pub(super) fn structured_output() -> Scenario {
    invalid_output()
        .continues()
        .answers_as("{\"total\": 3}", as_json(&json!({"total": 3})))
}

fn structured() -> RunStarted {
    RunStarted {
        response_format: Some(ResponseFormat {
            name: "Invoice".into(),
            module: "shop.models".into(),
            schema: as_json(&json!({"type": "object", "properties": {"total": {"type": "integer"}}})),
        }),
        ..run_started()
    }
}

pub(super) fn final_tool() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a").stop_after(), confirm("b")]))
        .returns("a", "the report")
        .decides("b", confirmed())
        .continues()
        .returns("b", "B")
}

pub(super) fn running() -> Scenario {
    Scenario::new().replies(calls([plain("a"), confirm("b"), plain("c").sequential()]))
}
