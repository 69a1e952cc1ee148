//! What an entry says that reading its journal requires: a release that lacks one of these leaves the run alone.

use haltpoint_engine::journal::{
    Entry, OfferedTool, OnExpiry, PayloadsErased, PlannedCall, RunArrived, RunMoved, RunStarted, required_by,
    unknown_features,
};
use haltpoint_engine::requirement::{Decision, RememberScope};
use haltpoint_engine::store::RunStatus;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, calls, confirm, confirmed, confirmed_with, plain, rejected, remembered, run_started, sleeps,
};

/// What the last entry of this kind requires.
fn last(scenario: &Scenario, kind: &str) -> Option<String> {
    let entries = scenario.journal().records().iter().map(|record| &record.entry);
    required_by(entries.rev().find(|entry| entry.kind() == kind).unwrap())
}

fn list(features: &[&str]) -> Option<String> {
    (!features.is_empty()).then(|| serde_json::to_string(features).unwrap())
}

fn asked(call: PlannedCall) -> Scenario {
    Scenario::new().replies(calls([call]))
}

#[test]
fn a_reply_requires_what_its_calls_use() {
    let sensitive = plain("pay").declared(|tool| tool.sensitive = vec!["pin".into()]);
    for (call, features) in [
        (plain("pay"), &[][..]),
        (confirm("pay"), &[]),
        (confirm("pay").approved_by(1), &[]),
        (confirm("pay").approved_by(2), &["approvals"]),
        (confirm("pay").expiring(1_000, OnExpiry::Reject), &["expiry"]),
        (sleeps("pay", 1_000), &["expiry", "waits"]),
        (confirm("pay").always_asking(), &["remembered_approvals"]),
        (confirm("pay").approved_in("another run"), &["remembered_approvals"]),
        (sensitive, &["sensitive"]),
        (
            confirm("pay").approved_by(2).always_asking(),
            &["approvals", "remembered_approvals"],
        ),
    ] {
        assert_eq!(last(&asked(call), "model_replied"), list(features));
    }
}

#[test]
fn a_question_requires_what_its_terms_use() {
    for (call, features) in [
        (confirm("pay"), &[][..]),
        (confirm("pay").approved_by(2), &["approvals"]),
        (confirm("pay").expiring(1_000, OnExpiry::Reject), &["expiry"]),
        (sleeps("pay", 1_000), &["expiry", "waits"]),
    ] {
        assert_eq!(last(&asked(call), "requirement_opened"), list(features));
    }
    let expired = asked(confirm("pay").expiring(1_000, OnExpiry::Reject)).expires("pay");
    assert_eq!(last(&expired, "requirement_expired"), list(&["expiry"]));
}

#[test]
fn a_decision_requires_what_it_does_beside_letting_a_call_run() {
    let decided = |decision: Decision| last(&asked(confirm("pay")).decides("pay", decision), "requirement_decided");
    assert_eq!(decided(confirmed()), None);
    assert_eq!(decided(rejected()), None);
    assert_eq!(decided(confirmed_with(&json!({"amount": 5}))), list(&["tool_args"]));
    let remembering = remembered(RememberScope::Run);
    assert_eq!(decided(remembering.clone()), list(&["remembered_approvals"]));
    let revoked = asked(confirm("pay")).decides("pay", remembering).revokes("pay");
    assert_eq!(last(&revoked, "approval_revoked"), list(&["remembered_approvals"]));
    let repeated = asked(confirm("pay").approved_in("another run"));
    assert_eq!(last(&repeated, "requirement_decided"), list(&["remembered_approvals"]));
}

#[test]
fn a_run_whose_tools_have_sensitive_parameters_says_so_from_its_start() {
    let started = |sensitive: &[&str]| {
        let tool = OfferedTool {
            name: "pay".into(),
            module: "shop".into(),
            parameters: None,
            sensitive: sensitive.iter().map(|name| (*name).into()).collect(),
        };
        let started = RunStarted {
            tools: vec![tool],
            ..run_started()
        };
        required_by(&Entry::RunStarted(Box::new(started)))
    };
    assert_eq!(started(&[]), None);
    assert_eq!(started(&["pin"]), list(&["sensitive"]));
}

#[test]
fn an_erasure_requires_a_reader_that_knows_of_erasures() {
    let erased = Entry::PayloadsErased(PayloadsErased {
        by: Some("ann".into()),
        reason: None,
    });
    assert_eq!(required_by(&erased), list(&["erasure"]));
}

#[test]
fn a_move_requires_a_reader_that_knows_of_moves() {
    let (to, by) = ("/data/runs.db".into(), None);
    assert_eq!(required_by(&Entry::RunMoved(RunMoved { to, by })), list(&["moves"]));
    let arrived = Entry::RunArrived(RunArrived {
        from: "/data/old.db".into(),
        status: RunStatus::Paused,
        by: None,
    });
    assert_eq!(required_by(&arrived), list(&["moves"]));
}

#[test]
fn features_that_are_not_known_are_named() {
    let unknown = |requires: &str| unknown_features(requires).unwrap();
    assert_eq!(unknown(r#"["approvals","expiry"]"#), [""; 0]);
    assert_eq!(unknown(r#"["approvals","telepathy"]"#), ["telepathy"]);
    assert!(unknown_features("approvals").is_err());
}
