//! Who decided what about a run, as auditors read it.

use haltpoint_engine::journal::{OnExpiry, PlannedCall, Record};
use haltpoint_engine::requirement::{Decision, RememberScope, RequirementKind};
use haltpoint_engine::run::{AuditRecord, audit};
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, answers, asks_user, calls, confirm, confirmed, confirmed_with, external, plain, rejected,
    remembered, result, retried, skipped, supplied,
};

fn records(scenario: &Scenario) -> Vec<AuditRecord> {
    audit(scenario.journal().records()).unwrap()
}

/// The only record.
fn record(scenario: &Scenario) -> AuditRecord {
    let mut found = records(scenario);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What was done, and who is said to have done it.
fn deeds(scenario: &Scenario) -> Vec<(&'static str, Option<String>)> {
    let found = records(scenario).into_iter();
    found
        .map(|record| (record.action, record.by.map(|by| by.to_string())))
        .collect()
}

fn by(name: &str) -> Option<String> {
    Some(name.to_owned())
}

fn asked(call: PlannedCall) -> Scenario {
    Scenario::new().replies(calls([call]))
}

fn decided(call: PlannedCall, decision: Decision) -> Scenario {
    asked(call).decides_as("bob", "pay", decision)
}

fn decided_in_doubt(decision: Decision) -> Scenario {
    asked(plain("pay"))
        .crashes()
        .continues()
        .decides_as("bob", "pay", decision)
}

#[test]
fn each_kind_of_decision_has_its_action() {
    for (scenario, action, kind) in [
        (
            decided(confirm("pay"), confirmed()),
            "confirmed",
            RequirementKind::Confirmation,
        ),
        (
            decided(confirm("pay"), rejected()),
            "rejected",
            RequirementKind::Confirmation,
        ),
        (
            decided(asks_user("pay"), answers([("to", json!("Ada"))])),
            "answered",
            RequirementKind::UserInput,
        ),
        (
            decided(external("pay"), result("42 hits")),
            "result_given",
            RequirementKind::ExternalTool,
        ),
        (decided_in_doubt(retried()), "retried", RequirementKind::Recovery),
        (
            decided_in_doubt(supplied("paid")),
            "supplied",
            RequirementKind::Recovery,
        ),
        (decided_in_doubt(skipped()), "skipped", RequirementKind::Recovery),
    ] {
        assert_eq!(deeds(&scenario), [(action, by("bob"))]);
        let requirement = record(&scenario).requirement.unwrap();
        assert_eq!((requirement.kind, &*requirement.tool_call_id), (kind, "pay"));
    }
}

#[test]
fn a_record_has_the_place_the_time_and_the_hash_of_its_entry() {
    let scenario = decided(confirm("pay"), confirmed());
    let entry: &Record = scenario.journal().records().last().unwrap();
    let found = record(&scenario);
    assert_eq!((found.seq, found.at), (entry.seq, entry.at.0));
    let digits: String = entry.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found.hash, digits);
}

#[test]
fn what_was_shown_stands_beside_what_it_was_changed_to() {
    let changed = decided(confirm("pay"), confirmed_with(&json!({"amount": 5})));
    let requirement = record(&changed).requirement.unwrap();
    assert_eq!(requirement.tool_args.get(), r#"{"amount":7}"#);
    assert_eq!(requirement.changed_args.unwrap().get(), r#"{"amount":5}"#);

    let unchanged = decided(confirm("pay"), confirmed());
    let requirement = record(&unchanged).requirement.unwrap();
    assert_eq!(requirement.tool_args.get(), r#"{"amount":7}"#);
    assert_eq!(requirement.changed_args, None);
    assert_eq!(requirement.decision, Some(confirmed()));
}

#[test]
fn each_of_several_approvals_is_recorded_with_what_it_changes() {
    let wanted = || confirmed_with(&json!({"amount": 5}));
    let scenario = asked(confirm("pay").approved_by(2))
        .decides_as("ann", "pay", wanted())
        .decides_as("bob", "pay", wanted());
    assert_eq!(deeds(&scenario), [("confirmed", by("ann")), ("confirmed", by("bob"))]);
    for record in records(&scenario) {
        let requirement = record.requirement.unwrap();
        assert_eq!(requirement.tool_args.get(), r#"{"amount":7}"#);
        assert_eq!(requirement.changed_args.unwrap().get(), r#"{"amount":5}"#);
    }
}

#[test]
fn an_approval_by_memory_names_the_one_that_it_repeats() {
    let scenario = decided(confirm("pay"), remembered(RememberScope::Run))
        .continues()
        .returns("pay", "paid")
        .replies_remembering(calls([confirm("pay").with_id("again")]))
        .returns("again", "paid")
        .revokes("pay");
    assert_eq!(
        deeds(&scenario),
        [
            ("confirmed", by("bob")),
            ("confirmed", by("bob")),
            ("approval_revoked", by("cid"))
        ]
    );
    let found = records(&scenario);
    let ids: Vec<_> = found.iter().map(|record| record.requirement.clone().unwrap()).collect();
    assert_eq!(found[0].remembered_from, None);
    let origin = found[1].remembered_from.as_ref().unwrap();
    assert_eq!(origin.requirement_id, ids[0].requirement_id);
    assert_eq!(ids[2].requirement_id, ids[0].requirement_id);
    assert_eq!(ids[2].decision, None);
}

#[test]
fn who_asked_for_a_stop_is_recorded_and_whether_tools_were_to_stop_in_their_middle() {
    let running = || asked(plain("pay"));
    for (scenario, who, interrupt) in [
        (running().cancels(), "the caller", false),
        (running().cancels_and_interrupts(), "the caller", true),
        (running().gets_cancelled_from_outside(true), "another process", true),
    ] {
        let found = record(&scenario);
        assert_eq!((found.action, found.by.as_deref()), ("cancel_requested", Some(who)));
        assert_eq!((found.interrupt, found.requirement), (Some(interrupt), None));
    }
}

#[test]
fn an_expiry_shows_what_nobody_decided_about() {
    let scenario = asked(confirm("pay").expiring(1_000_000, OnExpiry::Reject)).expires("pay");
    let found = record(&scenario);
    assert_eq!((found.action, found.by), ("expired", None));
    let requirement = found.requirement.unwrap();
    assert_eq!(
        (&*requirement.tool_name, requirement.tool_args.get()),
        ("pay", r#"{"amount":7}"#)
    );
    assert_eq!(requirement.decision, None);
}

#[test]
fn what_drivers_write_is_no_decision() {
    let scenario = asked(plain("pay")).returns("pay", "paid").answers("done");
    assert_eq!(records(&scenario), []);
}
