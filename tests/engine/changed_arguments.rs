//! A person changes the arguments while approving: what runs, what the model hears, and what is shown.

use haltpoint_engine::Json;
use haltpoint_engine::journal::{Entry, OutcomeSource};
use haltpoint_engine::requirement::{Confirmation, Decision};
use haltpoint_engine::run::DecisionError;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, calls, confirm, confirmed, confirmed_with, plain, rejected, retried, says_and_calls, supplied,
};

fn changed() -> Scenario {
    Scenario::new()
        .replies(says_and_calls("I pay.", vec![confirm("pay")]))
        .decides("pay", confirmed_with(&json!({"amount": 5})))
}

#[test]
fn the_call_runs_with_the_changed_arguments() {
    changed().continues().expect_started_with("pay", &json!({"amount": 5}));
}

#[test]
fn the_model_is_told_what_ran_and_its_own_message_stays() {
    let scenario = changed().continues().returns("pay", "paid");
    let [.., asked, result] = scenario.messages() else {
        panic!("two messages at least");
    };
    assert_eq!(asked.tool_calls[0].args.get(), r#"{"amount":7}"#);
    assert_eq!(
        result.content.as_deref(),
        Some("A person changed the arguments of this call before it was run, to: {\"amount\":5}\n\npaid")
    );
}

#[test]
fn of_a_call_that_failed_nothing_says_that_it_was_run() {
    let scenario = changed().continues().raises("pay", "the call was not run");
    assert_eq!(
        scenario.messages().last().unwrap().content.as_deref(),
        Some("A person changed the arguments of this call, to: {\"amount\":5}\n\nthe call was not run")
    );
}

#[test]
fn the_result_itself_carries_no_note() {
    changed()
        .continues()
        .returns("pay", "paid")
        .expect_outcome("pay", OutcomeSource::Tool, "paid");
}

#[test]
fn a_call_that_was_approved_as_it_was_carries_no_note() {
    let scenario = Scenario::new()
        .replies(calls([confirm("pay")]))
        .decides("pay", confirmed())
        .continues()
        .returns("pay", "paid");
    assert_eq!(scenario.messages().last().unwrap().content.as_deref(), Some("paid"));
    assert_eq!(scenario.view()["tools"][0].get("original_tool_args"), None);
}

#[test]
fn users_see_what_ran_and_what_was_asked_for() {
    let view = changed().view();
    for call in [&view["tools"][0], &view["requirements"][0]["tool_execution"]] {
        assert_eq!(call["tool_args"], json!({"amount": 5}));
        assert_eq!(call["original_tool_args"], json!({"amount": 7}));
        assert_eq!(call["confirmed"], json!(true));
    }
    assert_eq!(
        view["requirements"][0]["decision"],
        json!({"type": "confirm", "tool_args": {"amount": 5}})
    );
}

#[test]
fn a_repeated_call_runs_with_the_changed_arguments_again() {
    changed()
        .continues()
        .continues()
        .decides("pay", retried())
        .continues()
        .expect_started_with("pay", &json!({"amount": 5}));
}

#[test]
fn a_supplied_result_comes_with_the_note_too() {
    let scenario = changed()
        .continues()
        .continues()
        .decides("pay", supplied("paid"))
        .continues();
    let content = scenario.messages().last().unwrap().content.clone().unwrap();
    assert!(content.starts_with("A person changed the arguments"), "{content}");
    assert!(content.ends_with("\n\npaid"), "{content}");
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    let scenario = Scenario::new().replies(calls([confirm("pay")]));
    let id = scenario.open_requirement("pay").id.clone();
    for wrong in [json!(5), json!([1]), json!(null), json!("{}")] {
        let refused = scenario.run().decision_entry(&id, confirmed_with(&wrong), None);
        assert!(
            matches!(refused, Err(DecisionError::Fields { .. })),
            "{wrong}: {refused:?}"
        );
    }
}

#[test]
fn fixed_arguments_are_refused_and_approved_or_rejected_as_they_are() {
    let asked = || Scenario::new().replies(calls([confirm("pay").with_fixed_arguments()]));
    let scenario = asked();
    let id = scenario.open_requirement("pay").id.clone();
    for wanted in [json!({"amount": 5}), json!({"amount": 7}), json!({})] {
        let refused = scenario.run().decision_entry(&id, confirmed_with(&wanted), None);
        assert!(
            matches!(refused, Err(DecisionError::FixedArguments { .. })),
            "{wanted}: {refused:?}"
        );
    }
    assert_eq!(scenario.view()["requirements"][0]["fixed_arguments"], json!(true));
    asked().decides("pay", confirmed()).continues().returns("pay", "true");
    asked().decides("pay", rejected()).continues();
}

#[test]
fn arguments_are_kept_to_the_byte() {
    let scenario = Scenario::new().replies(calls([confirm("pay"), plain("b")]));
    let written = r#"{ "amount" : 1000000000000000000000000000001 }"#;
    let decision = Decision::Confirm(Confirmation {
        tool_args: Some(Json::parse(written.to_owned()).unwrap()),
        ..Confirmation::default()
    });
    let scenario = scenario.decides("pay", decision).returns("b", "B").continues();
    let started = scenario.run().view(&[]);
    let shown = serde_json::to_string(&started).unwrap();
    assert!(
        shown.contains(r#""tool_args":{ "amount" : 1000000000000000000000000000001 }"#),
        "{shown}"
    );
}

#[test]
fn the_same_arguments_in_other_words_are_the_same_decision() {
    let decision = |text: &str| {
        Decision::Confirm(Confirmation {
            tool_args: Some(Json::parse(text.to_owned()).unwrap()),
            ..Confirmation::default()
        })
    };
    let first = decision(r#"{"a": [1, {"x": "\u00e9"}], "b": null}"#);
    assert!(first.says_the_same(&decision(r#"{"b":null,"a":[1,{"x":"é"}]}"#)));
    for other in [
        r#"{"a": [1, {"x": "e"}], "b": null}"#,
        r#"{"a": [1.0, {"x": "é"}], "b": null}"#,
    ] {
        assert!(!first.says_the_same(&decision(other)), "{other}");
    }
    assert!(!first.says_the_same(&confirmed()));
    assert!(!first.says_the_same(&rejected()));
}

#[test]
fn an_approval_without_changes_is_written_as_ever() {
    let scenario = Scenario::new()
        .replies(calls([confirm("pay")]))
        .decides("pay", confirmed());
    let Entry::RequirementDecided(decided) = scenario.last_record().entry else {
        panic!("a decision");
    };
    assert_eq!(
        serde_json::to_string(&decided.decision).unwrap(),
        r#"{"type":"confirm"}"#
    );
}

#[test]
fn what_a_rule_said_is_shown_where_it_failed() {
    use crate::scenario::Declared;
    let view = Scenario::new()
        .replies(calls([
            confirm("a").asked_by_rule(),
            confirm("b").rule_failed("ValueError: no rates"),
        ]))
        .view();
    assert_eq!(view["requirements"][0]["details"], json!(null));
    assert_eq!(
        view["requirements"][1]["details"],
        json!({"rule_failure": "ValueError: no rates"})
    );
}
