//! Approvals that answer later calls of their tool.

use haltpoint_engine::journal::{PlannedCall, RunStarted, memory_key};
use haltpoint_engine::requirement::{Confirmation, Decision, Remember, RememberScope, RequirementKind};
use haltpoint_engine::run::{DecisionError, Run};
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, as_json, calls, confirm, confirmed, confirmed_with, external, plain, rejected, remembered,
    remembered_with_arguments, request_model, run_started, start,
};

/// The first call of `pay` is approved so, and has returned.
fn after(decision: Decision) -> Scenario {
    approved(Scenario::new(), confirm("pay"), decision)
}

fn approved(scenario: Scenario, call: PlannedCall, decision: Decision) -> Scenario {
    let id = call.id.to_string();
    scenario
        .replies(calls([call]))
        .decides_as("ann", &id, decision)
        .continues()
        .returns(&id, "paid")
        .overlooks_effects()
}

fn in_session() -> RunStarted {
    RunStarted {
        session_id: Some("shop".into()),
        ..run_started()
    }
}

fn again() -> PlannedCall {
    confirm("pay").with_id("again")
}

fn with_other_arguments() -> PlannedCall {
    PlannedCall {
        args: as_json(&json!({"amount": 8})),
        ..again()
    }
}

fn waits(call: PlannedCall, scenario: Scenario) {
    scenario
        .replies_remembering(calls([call]))
        .expect_paused_on([("again", RequirementKind::Confirmation)]);
}

#[test]
fn a_later_call_of_the_tool_runs_without_asking() {
    let scenario = after(remembered(RememberScope::Run)).replies_remembering(calls([with_other_arguments()]));
    let view = scenario.view();
    let (first, second) = (&view["requirements"][0], &view["requirements"][1]);
    assert_eq!(second["decided_by"], "ann");
    assert_eq!(second["decision"], json!({"type": "confirm"}));
    assert_eq!(second["remembered_from"]["requirement_id"], first["id"]);
    assert_eq!(second["remembered_from"]["run_id"], view["run_id"]);
    assert_eq!(first.get("remembered_from"), None);
    scenario.expect_effects([start("again")]);
}

#[test]
fn with_arguments_only_the_same_ones_are_meant() {
    let decision = || remembered_with_arguments(RememberScope::Run);
    let in_other_words = PlannedCall {
        args: haltpoint_engine::Json::parse(r#"{ "amount":7 }"#.to_owned()).unwrap(),
        ..again()
    };
    after(decision())
        .replies_remembering(calls([in_other_words]))
        .expect_effects([start("again")]);
    waits(with_other_arguments(), after(decision()));
}

#[test]
fn a_plain_approval_and_a_rejection_are_not_remembered() {
    waits(again(), after(confirmed()));
    let rejected = Scenario::new()
        .replies(calls([confirm("pay")]))
        .decides_as("ann", "pay", rejected())
        .continues()
        .expect_effects([request_model()]);
    waits(again(), rejected);
}

#[test]
fn another_tool_and_a_tool_that_changed_are_asked_about() {
    let decision = || remembered(RememberScope::Run);
    waits(confirm("tell").with_id("again"), after(decision()));
    waits(again().declared(|tool| tool.digest = "d2".into()), after(decision()));
    waits(
        again().declared(|tool| tool.module = "mail.tools".into()),
        after(decision()),
    );
}

#[test]
fn a_call_of_the_same_reply_still_waits() {
    Scenario::new()
        .replies(calls([confirm("pay"), again()]))
        .decides_as("ann", "pay", remembered(RememberScope::Run))
        .continues()
        .expect_effects([start("pay")])
        .returns("pay", "paid")
        .expect_paused_on([("again", RequirementKind::Confirmation)]);
}

#[test]
fn a_revoked_approval_answers_no_further_call() {
    waits(again(), after(remembered(RememberScope::Run)).revokes("pay"));
}

#[test]
fn a_call_that_was_planned_before_the_revocation_runs() {
    after(remembered(RememberScope::Run))
        .replies_remembering(calls([again()]))
        .revokes("pay")
        .expect_effects([start("again")]);
}

#[test]
fn a_call_that_could_not_begin_before_its_approval_was_revoked_is_asked_about() {
    let scenario = after(remembered(RememberScope::Run)).hands_back();
    scenario
        .replies_remembering(calls([again()]))
        .overlooks_effects()
        .revokes("pay")
        .continues()
        .expect_paused_on([("again", RequirementKind::Confirmation)]);
}

#[test]
fn an_approval_of_all_who_must_confirm_answers_for_all_of_them() {
    let asked = Scenario::new().replies(calls([confirm("pay").approved_by(2)]));
    let one_of_two = asked.decides_as("ann", "pay", remembered(RememberScope::Run));
    assert!(approvals_of(one_of_two.run()).is_empty());
    one_of_two
        .decides_as("bob", "pay", remembered(RememberScope::Run))
        .continues()
        .returns("pay", "paid")
        .overlooks_effects()
        .replies_remembering(calls([again().approved_by(2)]))
        .check_that(|run| {
            let decided = run.requirements()[1].decided.as_ref().unwrap();
            assert_eq!(decided.by.as_deref(), Some("ann, bob"));
        })
        .expect_effects([start("again")]);
}

/// The requirements whose approvals stand.
fn approvals_of(run: &Run) -> Vec<&str> {
    let standing = run.requirements().iter().filter(|found| found.standing().is_some());
    standing.map(|found| &*found.id).collect()
}

#[test]
fn one_persons_approval_answers_no_call_that_two_must_confirm() {
    waits(again().approved_by(2), after(remembered(RememberScope::Run)));
    let both = Scenario::new()
        .replies(calls([confirm("pay").approved_by(2)]))
        .decides_as("ann", "pay", remembered(RememberScope::Run))
        .decides_as("bob", "pay", remembered(RememberScope::Run))
        .continues()
        .returns("pay", "paid")
        .overlooks_effects();
    waits(again().approved_by(3), both.clone());
    both.replies_remembering(calls([again().approved_by(2)]))
        .expect_effects([start("again")]);
}

#[test]
fn a_tool_that_always_asks_is_always_asked_about() {
    waits(again().always_asking(), after(remembered(RememberScope::Run)));
    let scenario = Scenario::new().replies(calls([confirm("pay").always_asking()]));
    assert_eq!(scenario.view()["requirements"][0]["always_ask"], true);
    assert_refused(&scenario, remembered(RememberScope::Run), "always_ask=True");
}

#[track_caller]
fn assert_refused(scenario: &Scenario, decision: Decision, why: &str) {
    let id = scenario.open_requirement("pay").id.clone();
    match scenario.run().decision_entry(&id, decision, None) {
        Err(refused @ DecisionError::NotToBeRemembered { .. }) => {
            assert!(refused.to_string().contains(why), "{refused}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_remembered_with_changed_arguments_or_for_a_session_that_is_none() {
    let asked = || Scenario::new().replies(calls([confirm("pay")]));
    assert_refused(
        &asked(),
        remembered(RememberScope::Session),
        "its run belongs to no session",
    );
    let changed = Decision::Confirm(Confirmation {
        tool_args: Some(as_json(&json!({"amount": 1}))),
        shown_args: None,
        remember: Some(Remember {
            scope: RememberScope::Run,
            with_arguments: false,
        }),
        unchecked: false,
    });
    assert_refused(&asked(), changed, "about this call of pay alone");
}

#[test]
fn the_same_approval_remembered_otherwise_is_another_decision() {
    let decisions = [
        confirmed(),
        remembered(RememberScope::Run),
        remembered(RememberScope::Session),
        remembered_with_arguments(RememberScope::Run),
    ];
    for (place, first) in decisions.iter().enumerate() {
        for (other, second) in decisions.iter().enumerate() {
            assert_eq!(first.says_the_same(second), place == other, "{first:?} {second:?}");
        }
    }
}

#[test]
fn what_is_remembered_for_the_session_counts_in_its_other_runs_only() {
    let of_run = |run_id: &str, session_id: Option<&str>| {
        Scenario::of(RunStarted {
            run_id: run_id.into(),
            session_id: session_id.map(Into::into),
            ..run_started()
        })
    };
    let answers = |scope: RememberScope, asking: &Scenario| {
        let source = approved(Scenario::of(in_session()), confirm("pay"), remembered(scope));
        let id = source.run().requirements()[0].id.clone();
        let key = memory_key(&again(), false).unwrap();
        source.run().approval_of(&id, &key, 1, asking.run()).is_some()
    };
    assert!(answers(RememberScope::Session, &of_run("other", Some("shop"))));
    assert!(!answers(RememberScope::Session, &of_run("other", Some("office"))));
    assert!(!answers(RememberScope::Session, &of_run("other", None)));
    assert!(!answers(RememberScope::Run, &of_run("other", Some("shop"))));
    assert!(answers(RememberScope::Run, &Scenario::of(in_session())));
}

#[test]
fn an_approval_found_in_another_run_decides_the_call() {
    Scenario::of(in_session())
        .replies(calls([confirm("pay").approved_in("another run"), plain("b")]))
        .expect_effects([request_model(), start("pay"), start("b")])
        .check_that(|run| {
            let decided = run.requirements()[0].decided.as_ref().unwrap();
            assert_eq!(decided.by.as_deref(), Some("bob"));
            assert_eq!(&*decided.remembered.as_ref().unwrap().run_id, "another run");
        });
}

#[test]
fn what_runs_elsewhere_is_never_remembered() {
    Scenario::new()
        .replies(calls([external("search").approved_in("another run")]))
        .expect_paused_on([("search", RequirementKind::ExternalTool)]);
}

#[test]
fn only_a_remembered_approval_can_be_revoked_and_only_where_it_was_given() {
    let refusal = |scenario: &Scenario, place: usize| {
        let id = scenario.run().requirements()[place].id.clone();
        scenario.run().revocation_entry(&id, None).unwrap_err()
    };
    let scenario = after(confirmed());
    assert!(matches!(refusal(&scenario, 0), DecisionError::NotRemembered { .. }));
    let scenario = Scenario::new().replies(calls([confirm("pay")]));
    assert!(matches!(refusal(&scenario, 0), DecisionError::NotRemembered { .. }));
    assert!(matches!(
        scenario.run().revocation_entry("nothing", None),
        Err(DecisionError::Unknown { .. })
    ));
    let scenario = after(remembered(RememberScope::Run)).replies_remembering(calls([again()]));
    let refused = refusal(&scenario, 1);
    let source = &scenario.run().requirements()[0].id;
    assert!(
        matches!(&refused, DecisionError::OnlyRepeats { origin, .. } if origin == source),
        "{refused:?}"
    );
}

#[test]
fn a_revocation_shows_and_a_second_one_changes_nothing() {
    let scenario = after(remembered(RememberScope::Run)).revokes("pay");
    let once = scenario.view()["requirements"][0]["revoked"].clone();
    assert_eq!(once["by"], "cid");
    let twice = scenario.revokes("pay");
    assert_eq!(twice.view()["requirements"][0]["revoked"], once);
}

#[test]
fn what_others_must_approve_alike_is_put_into_words() {
    let words = |scope, with_arguments| {
        let remember = Some(Remember { scope, with_arguments });
        let decision = Decision::Confirm(Confirmation {
            remember,
            ..Confirmation::default()
        });
        decision.approved_text()
    };
    let asked = "the arguments as they were asked for";
    assert_eq!(confirmed().approved_text(), asked);
    for (scope, with_arguments, expected) in [
        (RememberScope::Run, false, "the run"),
        (RememberScope::Run, true, "the run with these arguments"),
        (RememberScope::Session, false, "its session"),
        (RememberScope::Session, true, "its session with these arguments"),
    ] {
        assert_eq!(
            words(scope, with_arguments),
            format!("{asked}, remembered for {expected}")
        );
    }
    let changed = confirmed_with(&json!({"amount": 5}));
    assert_eq!(changed.approved_text(), r#"{"amount":5}"#);
}
