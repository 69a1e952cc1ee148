//! Every way in which a store refuses an operation, and that a refusal leaves no trace.

use haltpoint_engine::requirement::Decision;
use haltpoint_engine::store::{Author, Finish, Operation, RunStatus, StoreError, WritableStore};
use serde_json::Value;

use crate::support::{
    acquire, append, appended, at, cancel, confirmed, create, decided, drive, execute, execute_all, message,
    on_each_store, opened, rejected, say, stop, tool_started,
};

/// Checks that the operation is refused, that nothing of it was written, and that its neighbours in a batch were.
fn refused(store: &mut dyn WritableStore, operation: Operation) -> StoreError {
    let before = store.load("r").ok();
    let alone = execute(store, operation.clone()).unwrap_err();
    assert_eq!(store.load("r").ok(), before);
    let (first, last) = (format!("before {operation:?}"), format!("after {operation:?}"));
    let outcomes = store.commit(&[create(&first, "n"), operation, create(&last, "n")]);
    assert_eq!(outcomes, [appended(1), Err(alone.clone()), appended(1)]);
    assert_eq!(store.load("r").ok(), before);
    alone
}

fn with_requirement(store: &mut dyn WritableStore) {
    execute_all(store, vec![create("r", "a"), drive("r", 1, 1, vec![opened("q")])]);
}

#[test]
fn an_unknown_run_is_not_found() {
    on_each_store(|store, _| {
        let not_found = StoreError::RunNotFound { run_id: "r".into() };
        assert_eq!(refused(store, acquire("r", "a", 0)), not_found);
        assert_eq!(refused(store, drive("r", 1, 0, vec![tool_started("x")])), not_found);
        assert_eq!(refused(store, say("r", cancel())), not_found);
        assert_eq!(store.load("r"), Err(not_found.clone()));
        assert_eq!(store.row("r"), Err(not_found));
    });
}

#[test]
fn a_run_is_created_once() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        assert_eq!(
            refused(store, create("r", "b")),
            StoreError::RunExists { run_id: "r".into() }
        );
    });
}

#[test]
fn a_held_run_is_busy() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        assert!(matches!(refused(store, acquire("r", "b", 1)), StoreError::Busy { .. }));
    });
}

#[test]
fn a_lost_lease_is_said_to_be_lost() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        let lost = refused(store, drive("r", 9, 1, vec![tool_started("x")]));
        assert_eq!(lost, StoreError::LeaseLost { run_id: "r".into() });
    });
}

#[test]
fn the_first_decision_wins_and_is_told_to_the_second() {
    on_each_store(|store, _| {
        with_requirement(store);
        execute_all(store, vec![say("r", confirmed("q"))]);
        let conflict = refused(store, say("r", rejected("q")));
        let decision = Box::new(Decision::confirm());
        assert_eq!(
            conflict,
            StoreError::Decided {
                requirement_id: "q".into(),
                decision,
                by: Some("ada".into()),
                at: at(5),
                still_needed: 0
            }
        );
    });
}

#[test]
fn a_conflict_in_one_append_is_a_conflict() {
    on_each_store(|store, _| {
        with_requirement(store);
        let both = append("r", Author::External, vec![confirmed("q"), rejected("q")], None);
        assert!(matches!(refused(store, both), StoreError::Decided { .. }));
    });
}

#[test]
fn a_driver_cannot_repeat_a_decision_among_other_entries() {
    on_each_store(|store, _| {
        with_requirement(store);
        execute_all(store, vec![say("r", confirmed("q"))]);
        let repeated = drive("r", 1, 2, vec![confirmed("q"), tool_started("x")]);
        assert!(matches!(refused(store, repeated), StoreError::Decided { .. }));
    });
}

#[test]
fn an_unknown_requirement_is_not_found_even_if_another_run_has_it() {
    on_each_store(|store, _| {
        with_requirement(store);
        execute_all(store, vec![create("s", "a"), drive("s", 1, 1, vec![opened("p")])]);
        let not_found = StoreError::RequirementNotFound {
            run_id: "r".into(),
            requirement_id: "p".into(),
        };
        assert_eq!(refused(store, say("r", confirmed("p"))), not_found);
    });
}

#[test]
fn a_requirement_is_opened_once() {
    on_each_store(|store, _| {
        with_requirement(store);
        let StoreError::Unusable { message } = refused(store, drive("r", 1, 2, vec![opened("q")])) else {
            panic!("opened twice")
        };
        assert!(
            message.contains("requirement q of run r was opened before"),
            "{message}"
        );
    });
}

#[test]
fn only_a_running_run_can_be_asked_to_stop() {
    for status in [
        RunStatus::Completed,
        RunStatus::Paused,
        RunStatus::Cancelled,
        RunStatus::Error,
    ] {
        on_each_store(|store, _| {
            execute_all(store, vec![create("r", "a"), stop("r", 1, 1, status)]);
            assert_eq!(
                refused(store, say("r", cancel())),
                StoreError::NotRunning { run_id: "r".into() }
            );
        });
    }
}

#[test]
fn a_completed_run_takes_no_decision() {
    on_each_store(|store, _| {
        with_requirement(store);
        execute_all(store, vec![stop("r", 1, 2, RunStatus::Completed)]);
        assert_eq!(
            refused(store, say("r", confirmed("q"))),
            StoreError::NotRunning { run_id: "r".into() }
        );
    });
}

#[test]
fn an_outsider_cannot_do_what_only_a_driver_may() {
    on_each_store(|store, _| {
        with_requirement(store);
        let text = message::<()>(Err(refused(store, say("r", tool_started("x")))));
        assert!(
            text.contains("\"tool_started\" of run r can only come from the run's driver"),
            "{text}"
        );
        let finish = Some(Finish::as_told(RunStatus::Completed));
        let text = message::<()>(Err(refused(
            store,
            append("r", Author::External, vec![confirmed("q")], finish),
        )));
        assert!(text.contains("only the driver of run r can stop it"), "{text}");
    });
}

#[test]
fn an_answer_that_could_not_be_read_back_is_not_written() {
    on_each_store(|store, _| {
        with_requirement(store);
        let nested = (0..126).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let decision = Decision::Input {
            values: [("field".into(), nested)].into_iter().collect(),
            shown: None,
            unchecked: false,
        };
        let text = message::<()>(Err(refused(store, say("r", decided("q", decision)))));
        assert!(text.contains("recursion limit"), "{text}");
    });
}
