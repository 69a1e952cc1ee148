//! People are asked: they decide, change arguments, or do not answer in time.

use std::collections::BTreeMap;

use haltpoint_engine::Text;
use haltpoint_engine::journal::{OfferedTool, OnExpiry, RunStarted};
use haltpoint_engine::requirement::{Confirmation, Decision};
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, answers, as_json, asks_for_answers, asks_user, calls, confirm, confirmed, confirmed_with,
    external, plain, rejected_because, result, run_started,
};

pub(super) fn all_decisions() -> Scenario {
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

pub(super) fn paused() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), confirm("b"), external("c"), asks_user("d")]))
        .returns("a", "A")
}

pub(super) fn partly_decided() -> Scenario {
    paused()
        .decides("b", confirmed())
        .continues()
        .returns("b", "B")
        .decides("c", result("C"))
}

/// A tool's own rule has somebody asked, once because it failed; and somebody changes the arguments.
pub(super) fn changed_arguments() -> Scenario {
    let started = RunStarted {
        tools: vec![OfferedTool {
            name: "pay".into(),
            module: "shop.tools".into(),
            parameters: Some(as_json(&json!({"type": "object"}))),
            sensitive: Vec::new(),
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

/// Arguments are changed and fields are answered where the tool's code is not at hand.
pub(super) fn decided_elsewhere() -> Scenario {
    let args = json!({"to": "Ada", "amount": 5});
    let place = |place: serde_json::Value| BTreeMap::from([(Text::from("to"), place)]);
    Scenario::new()
        .replies(calls([confirm("a"), asks_user("b")]))
        .decides(
            "a",
            Decision::Confirm(Confirmation {
                tool_args: Some(as_json(&args)),
                unchecked: true,
                ..Confirmation::default()
            }),
        )
        .decides(
            "b",
            Decision::Input {
                values: place(json!({"street": "Elm"})),
                shown: Some(place(json!({"street": "Elm", "number": 1}))),
                unchecked: true,
            },
        )
        .continues()
        .returns("a", "A")
        .returns("b", "B")
        .answers("done")
}

/// Nobody answers in time: the run goes on without one call, and is cancelled for another one.
pub(super) fn expired() -> Scenario {
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

pub(super) fn failed_by_expiry() -> Scenario {
    Scenario::new()
        .replies(calls([
            external("a").expiring(60_000_000, OnExpiry::Fail),
            confirm("b"),
        ]))
        .expires("a")
        .ends_while_idle()
}

/// Two people confirm one call; one confirms and one rejects another.
pub(super) fn approvals() -> Scenario {
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
