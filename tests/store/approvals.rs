//! Approvals that answer later calls: what every store finds again, keeps and refuses.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, Terms};
use haltpoint_engine::requirement::{Decision, RememberScope};
use haltpoint_engine::store::{ApprovalFilter, ApprovalQuery, Committed, RunStatus, StoreError, WritableStore};

use crate::support::{
    acquire, appended, at, confirmed, create, create_in_session, decided_by, drive, execute, execute_all,
    on_each_store, opened_on, rejected, remembered, remembered_by, repeated, revoked, say, stop,
};

/// A run that waits with the requirement `q`.
pub(crate) fn waiting(store: &mut dyn WritableStore, run_id: &str, session_id: Option<&str>, terms: Terms) {
    let created = match session_id {
        Some(session_id) => create_in_session(run_id, "a", Some(session_id)),
        None => create(run_id, "a"),
    };
    let opened = vec![opened_on("q", terms)];
    execute_all(
        store,
        vec![
            created,
            drive(run_id, 1, 1, opened),
            stop(run_id, 1, 2, RunStatus::Paused),
        ],
    );
}

/// A run whose only requirement is confirmed so.
pub(crate) fn approved(store: &mut dyn WritableStore, run_id: &str, session_id: Option<&str>, scope: RememberScope) {
    waiting(store, run_id, session_id, Terms::default());
    assert_eq!(execute(store, say(run_id, remembered("q", scope, "key"))), appended(4));
}

/// The runs whose approvals answer a call of `run_id`.
pub(crate) fn found(store: &mut dyn WritableStore, run_id: &str, session_id: Option<&str>, key: &str) -> Vec<Text> {
    let query = ApprovalQuery {
        run_id: run_id.into(),
        session_id: session_id.map(Text::from),
        key: key.into(),
    };
    let rows = store.approvals_for(&query).unwrap();
    rows.into_iter().map(|row| row.run_id).collect()
}

pub(crate) fn listed(store: &mut dyn WritableStore, run_id: Option<&str>, session_id: Option<&str>) -> Vec<Text> {
    let filter = ApprovalFilter {
        run_id: run_id.map(Text::from),
        session_id: session_id.map(Text::from),
        limit: 9,
        ..ApprovalFilter::default()
    };
    let rows = store.approvals(&filter).unwrap();
    rows.into_iter().map(|row| row.run_id).collect()
}

pub(crate) fn texts<const N: usize>(expected: [&str; N]) -> Vec<Text> {
    expected.map(Text::from).into()
}

#[test]
fn an_approval_is_found_by_its_run_and_by_its_session_with_its_key_only() {
    on_each_store(|store, _| {
        approved(store, "r", Some("s"), RememberScope::Run);
        approved(store, "t", Some("s"), RememberScope::Session);
        assert_eq!(found(store, "r", Some("s"), "key"), texts(["t", "r"]));
        assert_eq!(found(store, "t", Some("s"), "key"), texts(["t"]));
        assert_eq!(found(store, "u", Some("s"), "key"), texts(["t"]));
        assert_eq!(found(store, "u", Some("x"), "key"), texts([]));
        assert_eq!(found(store, "u", None, "key"), texts([]));
        assert_eq!(found(store, "r", Some("s"), "another"), texts([]));
    });
}

#[test]
fn runs_without_a_session_have_none_in_common() {
    on_each_store(|store, _| {
        approved(store, "r", None, RememberScope::Session);
        assert_eq!(found(store, "t", None, "key"), texts([]));
        assert_eq!(found(store, "r", None, "key"), texts(["r"]));
    });
}

#[test]
fn what_is_not_to_be_remembered_is_not_found() {
    on_each_store(|store, _| {
        waiting(store, "r", Some("s"), Terms::default());
        assert_eq!(found(store, "r", Some("s"), "key"), texts([]));
        execute_all(store, vec![say("r", confirmed("q"))]);
        assert_eq!(found(store, "r", Some("s"), "key"), texts([]));
        assert_eq!(listed(store, None, None), texts([]));
    });
}

#[test]
fn a_revoked_approval_is_not_found_and_is_revoked_once() {
    on_each_store(|store, _| {
        approved(store, "r", Some("s"), RememberScope::Session);
        assert_eq!(execute(store, say("r", revoked("q"))), appended(5));
        assert_eq!(found(store, "r", Some("s"), "key"), texts([]));
        assert_eq!(listed(store, None, None), texts([]));
        assert_eq!(execute(store, say("r", revoked("q"))), Ok(Committed::AlreadyDecided));
        assert_eq!(store.load("r").unwrap().records.len(), 5);
    });
}

#[test]
fn a_completed_run_can_be_told_that_its_approval_is_revoked() {
    on_each_store(|store, _| {
        approved(store, "r", Some("s"), RememberScope::Session);
        execute_all(store, vec![acquire("r", "b", 9), stop("r", 2, 3, RunStatus::Completed)]);
        assert_eq!(listed(store, None, None), texts(["r"]));
        assert_eq!(execute(store, say("r", revoked("q"))), appended(6));
        assert_eq!(store.row("r").unwrap().status, RunStatus::Completed);
        assert_eq!(listed(store, None, None), texts([]));
    });
}

#[test]
fn there_must_be_something_to_revoke() {
    on_each_store(|store, _| {
        waiting(store, "r", None, Terms::default());
        let not_remembered = |outcome| matches!(outcome, Err(StoreError::NotRemembered { .. }));
        assert!(not_remembered(execute(store, say("r", revoked("q")))));
        assert!(matches!(
            execute(store, say("r", revoked("nothing"))),
            Err(StoreError::RequirementNotFound { .. })
        ));
        execute_all(store, vec![say("r", confirmed("q"))]);
        assert!(not_remembered(execute(store, say("r", revoked("q")))));
        waiting(store, "t", None, Terms::default());
        execute_all(store, vec![say("t", rejected("q"))]);
        assert!(not_remembered(execute(store, say("t", revoked("q")))));
    });
}

#[test]
fn of_several_people_all_must_remember_alike_and_the_last_one_counts_for_all() {
    on_each_store(|store, _| {
        let approvals = Terms {
            approvals: 2,
            ..Terms::default()
        };
        waiting(store, "r", None, approvals);
        let approve = |by: &str| say("r", remembered_by("q", RememberScope::Run, "key", by));
        assert_eq!(execute(store, approve("ann")), appended(4));
        assert_eq!(found(store, "r", None, "key"), texts([]));
        let plainly = say("r", decided_by("q", Decision::confirm(), "bob"));
        assert!(matches!(
            execute(store, plainly),
            Err(StoreError::Decided { still_needed: 1, .. })
        ));
        assert_eq!(execute(store, approve("bob")), appended(5));
        assert_eq!(found(store, "r", None, "key"), texts(["r"]));
    });
}

/// Opens a requirement and decides it by memory.
pub(crate) fn by_memory(terms: Terms) -> Vec<Entry> {
    vec![opened_on("p", terms), repeated("p", "q")]
}

#[test]
fn an_approval_by_memory_decides_alone_and_at_once() {
    on_each_store(|store, _| {
        approved(store, "r", None, RememberScope::Run);
        let terms = Terms {
            approvals: 3,
            expires_at: Some(at(0)),
        };
        let acquired = acquire("r", "b", 9);
        execute_all(store, vec![acquired, drive("r", 2, 3, by_memory(terms))]);
        assert!(matches!(
            execute(store, say("r", revoked("p"))),
            Err(StoreError::NotRemembered { .. })
        ));
    });
}

#[test]
fn only_a_driver_decides_by_memory() {
    on_each_store(|store, _| {
        waiting(store, "r", None, Terms::default());
        let refused = execute(store, say("r", repeated("q", "another")));
        assert!(matches!(refused, Err(StoreError::Unusable { .. })), "{refused:?}");
    });
}

#[test]
fn lists_hold_what_can_still_answer_a_call_newest_first() {
    on_each_store(|store, _| {
        approved(store, "r", Some("s"), RememberScope::Run);
        approved(store, "t", Some("s"), RememberScope::Session);
        approved(store, "u", None, RememberScope::Run);
        assert_eq!(listed(store, None, None), texts(["u", "t", "r"]));
        assert_eq!(listed(store, None, Some("s")), texts(["t", "r"]));
        assert_eq!(listed(store, Some("r"), None), texts(["r"]));
        execute_all(store, vec![acquire("r", "b", 9), stop("r", 2, 3, RunStatus::Completed)]);
        assert_eq!(listed(store, None, None), texts(["u", "t"]));
        let one = ApprovalFilter {
            limit: 1,
            ..ApprovalFilter::default()
        };
        assert_eq!(store.approvals(&one).unwrap().len(), 1);
    });
}
