//! Nobody answers in time: what becomes of the call, and of the run.

use haltpoint_engine::journal::{FailureKind, OnExpiry, OutcomeSource};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::audit;
use haltpoint_engine::store::RunStatus;
use serde_json::json;

use crate::scenario::{
    Declared, Scenario, answers, asks_user, calls, confirm, confirmed, external, plain, request_model, retried, start,
};

const MINUTE_US: i64 = 60_000_000;
const UNANSWERED: &str = "Nobody answered in time; this call was not run.";

fn asked(then: OnExpiry) -> Scenario {
    Scenario::new()
        .replies(calls([confirm("pay").expiring(MINUTE_US, then)]))
        .expect_paused_on([("pay", RequirementKind::Confirmation)])
}

#[test]
fn a_requirement_says_until_when_it_waits() {
    let view = asked(OnExpiry::Reject).view();
    let requirement = &view["requirements"][0];
    assert_eq!(requirement["created_at"], "2025-11-22T08:26:40.002000+00:00");
    assert_eq!(requirement["expires_at"], "2025-11-22T08:27:40.002000+00:00");
    assert_eq!(requirement.get("expired_at"), None);
}

#[test]
fn what_expired_is_not_run_and_the_model_is_told() {
    asked(OnExpiry::Reject)
        .expires("pay")
        .continues()
        .expect_effects([request_model()])
        .expect_outcome("pay", OutcomeSource::Expired, UNANSWERED)
        .expect_error_flag("pay", false);
}

#[test]
fn an_expiry_is_nobodys_decision() {
    let view = asked(OnExpiry::Reject).expires("pay").view();
    let requirement = &view["requirements"][0];
    assert_eq!(requirement["expired_at"], "2025-11-22T08:27:40.003000+00:00");
    for field in ["decision", "decided_by", "decided_at", "confirmation"] {
        assert_eq!(requirement[field], json!(null), "{field}");
    }
}

#[test]
fn every_kind_that_a_tool_asks_for_can_expire() {
    Scenario::new()
        .replies(calls([
            confirm("a").expiring(MINUTE_US, OnExpiry::Reject),
            asks_user("b").expiring(MINUTE_US, OnExpiry::Reject),
            external("c").expiring(MINUTE_US, OnExpiry::Reject),
        ]))
        .expires("a")
        .expires("b")
        .expires("c")
        .continues()
        .expect_effects([request_model()])
        .expect_outcome("b", OutcomeSource::Expired, UNANSWERED)
        .expect_outcome("c", OutcomeSource::Expired, UNANSWERED);
}

#[test]
fn a_recovery_waits_for_as_long_as_it_takes() {
    asked(OnExpiry::Fail)
        .decides("pay", confirmed())
        .continues()
        .continues()
        .check_that(|run| {
            let open = run.open_requirements().next().unwrap();
            assert_eq!((open.kind, open.terms.expires_at), (RequirementKind::Recovery, None));
        })
        .decides("pay", retried());
}

#[test]
fn the_others_are_still_waited_for() {
    Scenario::new()
        .replies(calls([
            confirm("a").expiring(MINUTE_US, OnExpiry::Reject),
            confirm("b"),
        ]))
        .expires("a")
        .continues()
        .expect_paused_on([("b", RequirementKind::Confirmation)]);
}

#[test]
fn a_run_fails_where_the_tool_says_so_and_names_who_did_not_answer() {
    let scenario = asked(OnExpiry::Fail)
        .expires("pay")
        .continues()
        .expect_failed(FailureKind::Expired)
        .expect_outcome("pay", OutcomeSource::Expired, UNANSWERED);
    let details = scenario.view()["error_details"].as_str().unwrap().to_owned();
    assert!(details.starts_with("nobody answered requirement "), "{details}");
    assert!(
        details.ends_with("of tool call pay (pay) until 2025-11-22T08:27:40.002000+00:00"),
        "{details}"
    );
}

#[test]
fn a_run_is_cancelled_where_the_tool_says_so() {
    asked(OnExpiry::Cancel)
        .expires("pay")
        .continues()
        .expect_cancelled()
        .expect_outcome("pay", OutcomeSource::Expired, UNANSWERED);
}

#[test]
fn a_run_that_nobody_drives_is_ended_all_the_same() {
    asked(OnExpiry::Fail)
        .expires("pay")
        .ends_while_idle()
        .expect_failed(FailureKind::Expired);
    asked(OnExpiry::Cancel)
        .expires("pay")
        .ends_while_idle()
        .expect_cancelled();
}

#[test]
fn nothing_is_written_of_an_ending_where_there_is_none() {
    let scenario = asked(OnExpiry::Reject).expires("pay").ends_while_idle();
    assert_eq!(scenario.run().status(), RunStatus::Paused);
    let scenario = asked(OnExpiry::Fail).ends_while_idle();
    assert_eq!(scenario.run().status(), RunStatus::Paused);
}

#[test]
fn a_run_that_was_ended_goes_on_without_the_call_when_it_is_continued() {
    for then in [OnExpiry::Fail, OnExpiry::Cancel] {
        asked(then)
            .expires("pay")
            .ends_while_idle()
            .continues()
            .check_that(|run| assert_eq!(run.status(), RunStatus::Running))
            .answers("without it")
            .check_that(|run| assert_eq!(run.status(), RunStatus::Completed));
    }
}

#[test]
fn tools_that_run_come_to_their_end_first_and_nothing_new_starts() {
    Scenario::new()
        .replies(calls([
            confirm("pay").expiring(MINUTE_US, OnExpiry::Fail),
            plain("slow").sequential(),
            plain("next").sequential(),
        ]))
        .expect_effects([start("slow")])
        .expires("pay")
        .expect_no_effects()
        .expect_running()
        .returns("slow", "done")
        .expect_failed(FailureKind::Expired)
        .expect_unfinished(["next"]);
}

#[test]
fn a_failure_counts_more_than_a_cancellation() {
    Scenario::new()
        .replies(calls([
            confirm("a").expiring(MINUTE_US, OnExpiry::Cancel),
            confirm("b").expiring(MINUTE_US, OnExpiry::Fail),
        ]))
        .expires("a")
        .expires("b")
        .continues()
        .expect_failed(FailureKind::Expired)
        .expect_unfinished([]);
}

#[test]
fn an_expiry_that_is_heard_of_after_the_stop_counts_when_the_run_goes_on() {
    Scenario::new()
        .replies(calls([confirm("a").expiring(MINUTE_US, OnExpiry::Reject), plain("b")]))
        .expires_unheard("a")
        .returns("b", "B")
        .expect_unfinished(["a"])
        .hears()
        .continues()
        .expect_outcome("a", OutcomeSource::Expired, UNANSWERED);
}

#[test]
fn an_answer_in_time_counts() {
    Scenario::new()
        .replies(calls([asks_user("pay").expiring(MINUTE_US, OnExpiry::Fail)]))
        .decides("pay", answers([("to", json!("Ada"))]))
        .continues()
        .expect_started_with("pay", &json!({"amount": 7, "to": "Ada"}));
}

#[test]
fn a_cancellation_that_nobody_asked_for_names_nobody_and_says_why() {
    let scenario = asked(OnExpiry::Cancel).expires("pay").ends_while_idle();
    let records = audit(scenario.journal().records()).unwrap();
    let found: Vec<_> = records
        .iter()
        .map(|record| (record.action, record.by.clone()))
        .collect();
    assert_eq!(found, [("expired", None), ("cancel_requested", None)]);
    let reasons: Vec<_> = records.iter().map(|record| record.reason.clone().unwrap()).collect();
    assert_eq!(&*reasons[0], "nobody decided in time");
    assert!(reasons[1].starts_with("nobody answered requirement "), "{}", reasons[1]);
}

#[test]
fn the_ending_says_in_the_journal_why() {
    let scenario = asked(OnExpiry::Cancel).expires("pay").ends_while_idle();
    assert_eq!(
        scenario.kinds()[4..],
        [
            "requirement_expired",
            "run_continued",
            "tool_finished",
            "cancel_requested",
            "run_cancelled"
        ]
    );
}
