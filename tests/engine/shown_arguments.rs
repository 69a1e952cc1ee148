//! What people are shown of a call beside what the model said: what runs, what must come out of it, and what its digest names.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, PlannedCall, ShownArguments};
use haltpoint_engine::requirement::{Confirmation, Decision};
use haltpoint_engine::run::{Arguments, DecisionError};
use serde_json::{Value, json};

use crate::scenario::{
    Declared, Scenario, answers, as_json, asks_user, calls, confirm, confirmed, confirmed_with, plain, rejected,
    retried,
};

/// The model said the amount as text and left the rest out; the default of `client` has no JSON form.
fn shown(call: PlannedCall) -> PlannedCall {
    PlannedCall {
        args: as_json(&json!({"amount": "7"})),
        shown: Some(ShownArguments {
            args: as_json(&json!({"amount": 7, "to": "ann", "client": "<Client>"})),
            given: Some(as_json(&json!({"amount": "7", "to": "ann"}))),
            defaulted: vec!["to".into(), "client".into()],
        }),
        ..call
    }
}

fn asked() -> Scenario {
    Scenario::new()
        .replies(calls([shown(confirm("pay"))]))
        .overlooks_effects()
}

#[track_caller]
fn about_to_run(scenario: &Scenario) -> Arguments {
    let [call] = &scenario.on_disk().calls_to_run(false)[..] else {
        panic!("one call is about to run");
    };
    call.arguments.clone()
}

fn value(json: &haltpoint_engine::Json) -> Value {
    serde_json::from_str(json.get()).unwrap()
}

#[test]
fn what_runs_is_what_the_shown_values_were_made_of() {
    let arguments = about_to_run(&asked().decides_unheard("pay", confirmed()));
    assert_eq!(value(&arguments.given), json!({"amount": "7", "to": "ann"}));
    let shown = json!({"amount": 7, "to": "ann", "client": "<Client>"});
    assert_eq!(value(&arguments.shown), shown);
    assert_eq!(value(&arguments.approved.unwrap()), shown);
    assert_eq!(arguments.defaulted, ["to".into(), "client".into()]);
    assert!(!arguments.changed_by_person);
}

#[test]
fn of_an_edit_only_what_was_changed_is_new() {
    let wanted = json!({"amount": 7, "to": "bob", "client": "<Client>"});
    let arguments = about_to_run(&asked().decides_unheard("pay", confirmed_with(&wanted)));
    assert_eq!(value(&arguments.given), json!({"amount": "7", "to": "bob"}));
    assert_eq!(value(&arguments.approved.unwrap()), wanted);
    assert_eq!(arguments.defaulted, ["client".into()]);
    assert!(arguments.changed_by_person);
}

#[test]
fn an_edit_that_no_code_checked_names_what_was_changed() {
    let wanted = json!({"amount": 7, "to": "bob", "client": "<Client>"});
    let Decision::Confirm(confirmation) = confirmed_with(&wanted) else {
        panic!("an edit is a confirmation");
    };
    let unchecked = Decision::Confirm(Confirmation {
        unchecked: true,
        ..confirmation
    });
    let arguments = about_to_run(&asked().decides_unheard("pay", unchecked));
    assert_eq!(arguments.unchecked, ["to".into()]);
    assert_eq!(value(&arguments.approved.unwrap()), wanted);
    let checked = about_to_run(&asked().decides_unheard("pay", confirmed_with(&wanted)));
    assert_eq!(checked.unchecked, [] as [Text; 0]);
}

#[test]
fn what_is_shown_as_before_and_given_anew_was_changed_too() {
    let wanted = json!({"amount": "8", "to": "ann", "client": "<Client>"});
    let unchecked = Decision::Confirm(Confirmation {
        tool_args: Some(as_json(&wanted)),
        shown_args: Some(as_json(&json!({"amount": 7, "to": "ann", "client": "<Client>"}))),
        unchecked: true,
        ..Confirmation::default()
    });
    let arguments = about_to_run(&asked().decides_unheard("pay", unchecked));
    assert_eq!(arguments.unchecked, ["amount".into()]);
}

#[test]
fn answers_are_validated_where_the_call_runs_unless_they_were_before() {
    let asked = || Scenario::new().replies(calls([asks_user("pay")])).overlooks_effects();
    let unseen = about_to_run(&asked().decides_unheard("pay", answers([("to", json!(" Ann "))])));
    assert_eq!(value(&unseen.given), json!({"amount": 7, "to": " Ann "}));
    assert_eq!(unseen.unchecked, ["to".into()]);
    for unchecked in [false, true] {
        let Decision::Input { values, .. } = answers([("to", json!(" Ann "))]) else {
            panic!("answers are an input");
        };
        let decision = Decision::Input {
            values,
            shown: Some([("to".into(), json!("Ann"))].into_iter().collect()),
            unchecked,
        };
        let seen = about_to_run(&asked().decides_unheard("pay", decision));
        assert_eq!(value(&seen.given), json!({"amount": 7, "to": " Ann "}));
        assert_eq!(value(&seen.approved.unwrap()), json!({"amount": 7, "to": "Ann"}));
        assert_eq!(seen.unchecked.is_empty(), !unchecked);
    }
}

#[test]
fn a_call_that_nobody_is_asked_about_promises_nothing() {
    let scenario = Scenario::new()
        .replies(calls([plain("pay")]))
        .overlooks_effects()
        .crashes();
    assert!(scenario.on_disk().calls_to_run(false).is_empty());
    let [again] = &scenario.on_disk().calls_to_run(true)[..] else {
        panic!("it is to run again");
    };
    assert_eq!(again.arguments.approved, None);
}

#[test]
fn a_call_in_doubt_needs_its_tool_where_that_can_tell_or_may_repeat_it() {
    let needed = |call: PlannedCall| {
        let scenario = Scenario::new().replies(calls([call])).overlooks_effects().crashes();
        scenario.on_disk().calls_to_run(false).len()
    };
    assert_eq!(needed(plain("pay")), 0);
    assert_eq!(needed(plain("pay").repeatable()), 1);
    assert_eq!(needed(plain("pay").reconcilable()), 1);
    let traceless = Scenario::new()
        .replies(calls([plain("pay").reconcilable(), plain("tell").reconcilable()]))
        .crashes()
        .continues()
        .finds_no_trace("pay")
        .overlooks_effects();
    assert_eq!(traceless.on_disk().calls_to_run(false).len(), 2);
}

/// The call that runs once this is decided, and its arguments.
fn decided_call(scenario: &Scenario, decision: Decision) -> Option<(String, Value)> {
    let run = scenario.on_disk();
    let id = scenario.open_requirement("pay").id.clone();
    let Ok(Entry::RequirementDecided(decided)) = run.decision_entry(&id, decision, Some("ann".into())) else {
        panic!("it fits")
    };
    let call = run.call_decided_by(&decided)?;
    Some((call.name.to_string(), value(&call.arguments.given)))
}

#[test]
fn a_decision_tells_which_call_it_lets_run_with_which_arguments() {
    let pay = |args: Value| Some(("pay".to_owned(), args));
    let shown = json!({"amount": "7", "to": "ann"});
    assert_eq!(decided_call(&asked(), confirmed()), pay(shown));
    let wanted = json!({"amount": 7, "to": "bob", "client": "<Client>"});
    assert_eq!(
        decided_call(&asked(), confirmed_with(&wanted)),
        pay(json!({"amount": "7", "to": "bob"}))
    );
    assert_eq!(decided_call(&asked(), rejected()), None);
    let with_user = Scenario::new().replies(calls([asks_user("pay")])).overlooks_effects();
    assert_eq!(
        decided_call(&with_user, answers([("to", json!("Ada"))])),
        pay(json!({"amount": 7, "to": "Ada"}))
    );
    let of_two = Scenario::new()
        .replies(calls([confirm("pay").approved_by(2)]))
        .overlooks_effects();
    assert_eq!(decided_call(&of_two, confirmed()), None, "one of two");
    let second = of_two.decides_as("bob", "pay", confirmed());
    assert_eq!(decided_call(&second, confirmed()), pay(json!({"amount": 7})));
    let edited = Scenario::new()
        .replies(calls([confirm("pay")]))
        .decides("pay", confirmed_with(&json!({"amount": 5})))
        .continues()
        .crashes()
        .continues()
        .overlooks_effects();
    assert_eq!(
        decided_call(&edited, retried()),
        pay(json!({"amount": 5})),
        "as it ran before"
    );
}

#[test]
fn calls_that_wait_or_do_not_run_need_no_tool() {
    let asked = || {
        Scenario::new()
            .replies(calls([confirm("a"), confirm("b")]))
            .overlooks_effects()
    };
    assert!(asked().on_disk().calls_to_run(true).is_empty());
    let decided = asked()
        .decides_unheard("a", rejected())
        .decides_unheard("b", confirmed());
    let names: Vec<_> = decided
        .on_disk()
        .calls_to_run(true)
        .into_iter()
        .map(|call| call.name)
        .collect();
    assert_eq!(names, ["b".into()]);
}

fn digest(scenario: &Scenario) -> String {
    let run = scenario.on_disk();
    run.digest_of(&run.requirements()[0])
}

#[test]
fn a_digest_names_all_that_confirming_would_run() {
    let base = digest(&asked());
    assert_eq!(digest(&asked()), base);
    let with = |call: PlannedCall| digest(&Scenario::new().replies(calls([call])).overlooks_effects());
    let shown_otherwise = |args: Value| {
        let mut call = shown(confirm("pay"));
        call.shown.as_mut().unwrap().args = as_json(&args);
        with(call)
    };
    let mut other_tool = shown(confirm("pay"));
    other_tool.tool.as_mut().unwrap().digest = "d2".into();
    let others = [
        with(confirm("pay")),
        with(shown(confirm("refund"))),
        shown_otherwise(json!({"amount": 8, "to": "ann", "client": "<Client>"})),
        shown_otherwise(json!({"amount": 7, "to": "ann", "client": "<Other>"})),
        with(other_tool),
    ];
    assert!(others.iter().all(|other| *other != base), "{others:?}");
}

#[test]
fn a_decision_on_another_digest_is_refused_unless_it_repeats_what_was_said() {
    let scenario = asked();
    let run = scenario.on_disk();
    let id = run.requirements()[0].id.clone();
    let base = digest(&scenario);
    assert_eq!(run.check_digest(&id, &confirmed(), None, &base), Ok(()));
    let refused = run.check_digest(&id, &confirmed(), None, "0").unwrap_err();
    assert_eq!(
        refused,
        DecisionError::OtherDigest {
            requirement_id: id.clone()
        }
    );
    let decided = scenario.decides_unheard_as("ada", "pay", confirmed()).on_disk();
    assert_eq!(decided.check_digest(&id, &confirmed(), Some("ada"), "0"), Ok(()));
    assert!(decided.check_digest(&id, &rejected(), Some("ada"), "0").is_err());
}
