//! Whole lives of runs: what the golden journals hold, what crashes are tried on, and what coverage is counted over.

use haltpoint_engine::journal::{
    InDoubtRule, ModelReplied, OfferedTool, OnExpiry, PlannedCall, ResponseFormat, RunStarted,
};
use haltpoint_engine::requirement::RememberScope;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, answers, as_json, asks_for_answers, asks_user, calls, confirm, confirmed, confirmed_with,
    external, plain, refused, rejected_because, remembered, remembered_with_arguments, result, retried, run_started,
    skipped_because, supplied, text, unknown,
};

/// A story by name.
pub(crate) struct Story {
    /// Also the golden journal's file name.
    pub(crate) name: &'static str,
    /// Plays it to its end.
    pub(crate) play: fn() -> Scenario,
}

/// All stories.
pub(crate) const STORIES: &[Story] = &[
    Story {
        name: "handed_back",
        play: handed_back,
    },
    Story {
        name: "handed_back_in_a_hurry",
        play: handed_back_in_a_hurry,
    },
    Story {
        name: "set_aside",
        play: set_aside,
    },
    Story {
        name: "queued",
        play: queued,
    },
    Story {
        name: "remembered",
        play: remembered_approvals,
    },
    Story {
        name: "remembered_in_session",
        play: remembered_in_session,
    },
    Story {
        name: "plain_answer",
        play: plain_answer,
    },
    Story {
        name: "parallel_calls",
        play: parallel_calls,
    },
    Story {
        name: "all_decisions",
        play: all_decisions,
    },
    Story {
        name: "paused",
        play: paused,
    },
    Story {
        name: "partly_decided",
        play: partly_decided,
    },
    Story {
        name: "cancelled_with_tools",
        play: cancelled_with_tools,
    },
    Story {
        name: "cancelled_model_request",
        play: cancelled_model_request,
    },
    Story {
        name: "interrupted",
        play: interrupted,
    },
    Story {
        name: "cancelled_while_paused",
        play: cancelled_while_paused,
    },
    Story {
        name: "recovery",
        play: recovery,
    },
    Story {
        name: "reconciling",
        play: reconciling,
    },
    Story {
        name: "forbidden_doubt",
        play: forbidden_doubt,
    },
    Story {
        name: "model_failure",
        play: model_failure,
    },
    Story {
        name: "tool_call_limit",
        play: tool_call_limit,
    },
    Story {
        name: "invalid_output",
        play: invalid_output,
    },
    Story {
        name: "structured_output",
        play: structured_output,
    },
    Story {
        name: "final_tool",
        play: final_tool,
    },
    Story {
        name: "running",
        play: running,
    },
    Story {
        name: "changed_arguments",
        play: changed_arguments,
    },
    Story {
        name: "expired",
        play: expired,
    },
    Story {
        name: "failed_by_expiry",
        play: failed_by_expiry,
    },
    Story {
        name: "approvals",
        play: approvals,
    },
];

fn plain_answer() -> Scenario {
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

fn parallel_calls() -> Scenario {
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

fn all_decisions() -> Scenario {
    Scenario::new()
        .replies(calls([
            confirm("a"),
            confirm("b"),
            asks_user("c"),
            asks_for_answers("d"),
            external("e"),
        ]))
        .decides("a", confirmed())
        .decides("b", rejected_because("too much"))
        .decides("c", answers([("to", json!("Ada")), ("amount", json!(8.25))]))
        .decides("d", answers([("city", json!("Lisbon"))]))
        .decides("e", result("42 hits"))
        .continues()
        .returns("c", "C")
        .returns("a", "A")
        .answers("done")
}

fn paused() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b"), external("c"), asks_user("d")]))
        .returns("a", "A")
}

fn partly_decided() -> Scenario {
    paused()
        .decides("b", confirmed())
        .continues()
        .returns("b", "B")
        .decides("c", result("C"))
}

fn cancelled_with_tools() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), plain("b"), plain("c").sequential()]))
        .returns("a", "A")
        .gets_cancelled_from_outside(false)
        .returns("b", "B")
}

fn cancelled_model_request() -> Scenario {
    Scenario::new().replies(calls([plain("a")])).returns("a", "A").cancels()
}

fn interrupted() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), plain("b").repeatable()]))
        .cancels_and_interrupts()
        .gets_interrupted("b")
        .gets_interrupted("a")
        .continues()
        .returns("b", "B")
        .decides("a", supplied("A"))
        .continues()
        .answers("done")
}

fn cancelled_while_paused() -> Scenario {
    Scenario::new()
        .replies(calls([confirm("a")]))
        .gets_cancelled_while_idle()
}

fn recovery() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), plain("b"), plain("c"), plain("d").repeatable()]))
        .crashes()
        .continues()
        .returns("d", "D")
        .decides("a", retried())
        .decides("b", supplied("B"))
        .decides("c", skipped_because("lost"))
        .continues()
        .crashes()
        .continues()
}

fn reconciling() -> Scenario {
    Scenario::new()
        .replies(calls([
            plain("a").reconcilable(),
            plain("b").reconcilable(),
            plain("c").reconcilable(),
        ]))
        .crashes()
        .continues_with_rule(InDoubtRule::Retry)
        .finds_result("a", "A")
        .finds_no_trace("b")
        .cannot_tell("c", "the bank is closed")
        .returns("b", "B")
        .returns("c", "C")
        .answers("done")
}

fn forbidden_doubt() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a")]))
        .crashes()
        .continues_with_rule(InDoubtRule::Fail)
}

fn model_failure() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a")]))
        .returns("a", "A")
        .model_fails("overloaded")
}

fn tool_call_limit() -> Scenario {
    Scenario::with_tool_call_limit(1).replies(calls([plain("a"), confirm("b")]))
}

fn invalid_output() -> Scenario {
    Scenario::of(structured())
        .answers_unfittingly("three", "total: not a number")
        .answers_unfittingly_once_too_often("four", "total: not a number")
}

fn structured_output() -> Scenario {
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

fn final_tool() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a").stop_after(), confirm("b")]))
        .returns("a", "the report")
        .decides("b", confirmed())
        .continues()
        .returns("b", "B")
}

fn running() -> Scenario {
    Scenario::new().replies(calls([plain("a"), confirm("b"), plain("c").sequential()]))
}

/// A tool's own rule has somebody asked, once because it failed; and somebody changes the arguments.
fn changed_arguments() -> Scenario {
    let started = RunStarted {
        tools: vec![OfferedTool {
            name: "pay".into(),
            module: "shop.tools".into(),
            parameters: Some(as_json(&json!({"type": "object"}))),
        }],
        ..run_started()
    };
    Scenario::of(started)
        .replies(calls([
            confirm("a").asked_by_rule(),
            confirm("b").rule_failed("ValueError: no rates"),
            plain("c").let_through_by_rule(),
        ]))
        .returns("c", "C")
        .decides("a", confirmed_with(&json!({"to": "Ada", "amount": 5})))
        .decides("b", confirmed())
        .continues()
        .returns("a", "A")
        .returns("b", "B")
        .answers("done")
}

/// Nobody answers in time: the run goes on without one call, and is cancelled for another one.
fn expired() -> Scenario {
    Scenario::new()
        .replies(calls([
            confirm("a").expiring(60_000_000, OnExpiry::Reject),
            asks_user("b").expiring(90_000_000, OnExpiry::Cancel),
        ]))
        .expires("a")
        .continues()
        .expires("b")
        .continues()
        .continues()
        .answers("nobody there")
}

fn failed_by_expiry() -> Scenario {
    Scenario::new()
        .replies(calls([
            external("a").expiring(60_000_000, OnExpiry::Fail),
            confirm("b"),
        ]))
        .expires("a")
        .ends_while_idle()
}

/// Two people confirm one call; one confirms and one rejects another.
fn approvals() -> Scenario {
    Scenario::new()
        .replies(calls([
            confirm("a").approved_by(2),
            confirm("b").approved_by(2),
            confirm("c").approved_by(3),
        ]))
        .decides_as("ann", "a", confirmed())
        .decides_as("bob", "a", confirmed())
        .decides_as("ann", "b", confirmed())
        .decides_as("bob", "b", rejected_because("too much"))
        .decides_as("ann", "c", confirmed_with(&json!({"amount": 5})))
        .continues()
        .returns("a", "A")
}

fn handed_back() -> Scenario {
    Scenario::new()
        .replies(calls([plain("pay"), plain("tell")]))
        .hands_back()
        .returns("pay", "paid")
        .returns("tell", "told")
        .continues()
        .hands_back()
        .answers("done")
}

fn handed_back_in_a_hurry() -> Scenario {
    Scenario::new()
        .replies(calls([plain("pay")]))
        .hands_back_in_a_hurry()
        .continues()
        .decides("pay", skipped_because("it was paid"))
        .continues()
        .hands_back_in_a_hurry()
}

fn set_aside() -> Scenario {
    Scenario::new().continues().continues().continues().gets_set_aside()
}

fn queued() -> Scenario {
    set_aside().gets_queued().continues().answers("done")
}

/// An approval answers the next call of its tool, and no other; another is revoked before it answers any.
fn remembered_approvals() -> Scenario {
    Scenario::new()
        .replies(calls([confirm("pay"), confirm("tell")]))
        .decides_as("ann", "pay", remembered(RememberScope::Run))
        .decides_as("bob", "tell", remembered_with_arguments(RememberScope::Run))
        .continues()
        .returns("pay", "paid")
        .returns("tell", "told")
        .revokes("tell")
        .replies_remembering(calls([
            named("pay", "pay_2").approved_by(2),
            named("tell", "tell_2"),
            named("pay", "pay_3").always_asking(),
        ]))
        .returns("pay_2", "paid again")
}

/// An approval that was given in another run answers a call; one of this run is for the whole session, and is revoked in the end.
fn remembered_in_session() -> Scenario {
    let started = RunStarted {
        session_id: Some("shop".into()),
        ..run_started()
    };
    Scenario::of(started)
        .replies(calls([confirm("pay").approved_in("another run"), confirm("tell")]))
        .returns("pay", "paid")
        .decides_as("ann", "tell", remembered_with_arguments(RememberScope::Session))
        .continues()
        .returns("tell", "told")
        .answers("done")
        .revokes("tell")
}

/// A call of a tool whose id is not its name.
fn named(tool: &str, id: &str) -> PlannedCall {
    confirm(tool).with_id(id)
}
