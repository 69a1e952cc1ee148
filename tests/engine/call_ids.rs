//! Providers that give no ids, or the same ones again: within a run each call has its own.

use haltpoint_engine::journal::{LONGEST_NAME, OutcomeSource};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::{idempotency_key, requirement_id};

use crate::scenario::{Declared, RUN_ID, Scenario, calls, plain, start};

fn ids(scenario: &Scenario) -> Vec<&str> {
    scenario.run().calls().iter().map(|call| &*call.plan.id).collect()
}

#[test]
fn calls_without_an_id_are_named_by_their_place() {
    Scenario::new()
        .replies(calls([plain("a").with_id(""), plain("b").with_id("")]))
        .expect_effects([start("call_1"), start("call_2")]);
}

#[test]
fn an_id_given_twice_in_one_reply_is_given_to_the_first() {
    Scenario::new()
        .replies(calls([plain("a").with_id("0"), plain("b").with_id("0")]))
        .expect_effects([start("0"), start("call_2")])
        .returns("0", "A")
        .returns("call_2", "B")
        .expect_outcome("0", OutcomeSource::Tool, "A")
        .expect_outcome("call_2", OutcomeSource::Tool, "B");
}

#[test]
fn an_id_of_an_earlier_reply_is_not_used_again() {
    let scenario = Scenario::new()
        .replies(calls([plain("a").with_id("0")]))
        .returns("0", "A")
        .replies(calls([plain("b").with_id("0")]))
        .returns("call_2", "B");
    assert_eq!(ids(&scenario), ["0", "call_2"]);
}

#[test]
fn a_made_up_id_avoids_the_ones_that_the_model_gave() {
    let scenario = Scenario::new()
        .replies(calls([plain("a").with_id("call_2")]))
        .returns("call_2", "A")
        .replies(calls([
            plain("b").with_id(""),
            plain("c").with_id("call_3"),
            plain("d").with_id(""),
        ]));
    let found = ids(&scenario);
    let mut unique = found.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), found.len(), "{found:?}");
    assert!(found.contains(&"call_3"), "an id that is free is kept: {found:?}");
}

#[test]
fn a_renamed_call_is_answered_under_the_name_that_the_model_sees() {
    let scenario = Scenario::new()
        .replies(calls([plain("a").with_id("")]))
        .returns("call_1", "A");
    assert_eq!(&*scenario.messages()[1].tool_calls[0].id, "call_1");
    assert_eq!(scenario.messages()[2].tool_call_id.as_deref(), Some("call_1"));
}

#[test]
fn a_requirement_id_is_the_same_whoever_computes_it() {
    let id = requirement_id(RUN_ID, "pay", RequirementKind::Confirmation, 0);
    assert_eq!(id, requirement_id(RUN_ID, "pay", RequirementKind::Confirmation, 0));
    for other in [
        requirement_id("another run", "pay", RequirementKind::Confirmation, 0),
        requirement_id(RUN_ID, "another call", RequirementKind::Confirmation, 0),
        requirement_id(RUN_ID, "pay", RequirementKind::Recovery, 0),
        requirement_id(RUN_ID, "pay", RequirementKind::Confirmation, 1),
    ] {
        assert_ne!(id, other);
    }
}

#[test]
fn an_idempotency_key_depends_on_run_and_call_alone() {
    let key = idempotency_key(RUN_ID, "pay");
    assert_eq!(key, idempotency_key(RUN_ID, "pay"));
    assert_eq!(key.len(), 32);
    assert_ne!(key, idempotency_key("another run", "pay"));
    assert_ne!(key, idempotency_key(RUN_ID, "another call"));
    assert_ne!(
        idempotency_key("ab", "c"),
        idempotency_key("a", "bc"),
        "the parts are told apart"
    );
}

#[test]
fn identifiers_stay_what_they_were_in_earlier_releases() {
    assert_eq!(
        &*requirement_id(RUN_ID, "pay", RequirementKind::Confirmation, 0),
        "cfe8c09b-c28b-84bf-80ed-18457ef14f64"
    );
    assert_eq!(idempotency_key(RUN_ID, "pay"), "c3a44bafd802462b5b3abc7c8085151a");
}

/// The name and the id that a call goes by which the model gave these.
fn kept(name: &str, id: &str) -> (String, String) {
    let scenario = Scenario::new().replies(calls([plain(name).with_id(id)]));
    let [call] = scenario.run().calls() else {
        panic!("one call was asked for")
    };
    (call.plan.name.to_string(), call.plan.id.to_string())
}

#[test]
fn a_name_that_no_journal_keeps_is_cut_to_its_beginning() {
    let longest = "n".repeat(LONGEST_NAME);
    assert_eq!(kept(&longest, "0").0, longest);
    assert_eq!(kept(&format!("{longest}n"), "0").0, longest);
    assert_eq!(kept("pay\0roll", "0").0, "pay");
    assert_eq!(kept("\0", "0").0, "");
    // Whole characters: half of the last one fits.
    let odd = format!("{}é", "n".repeat(LONGEST_NAME - 1));
    assert_eq!(kept(&odd, "0").0, odd[..LONGEST_NAME - 1]);
    let even = "é".repeat(LONGEST_NAME / 2);
    assert_eq!(kept(&format!("{even}é\0"), "0").0, even);
}

#[test]
fn an_id_that_no_journal_keeps_is_made_up_anew() {
    let longest = "i".repeat(LONGEST_NAME);
    assert_eq!(kept("pay", &longest).1, longest);
    assert_eq!(kept("pay", &format!("{longest}i")).1, "call_1");
    assert_eq!(kept("pay", "0\0").1, "call_1");
}
