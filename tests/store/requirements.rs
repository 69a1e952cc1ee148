//! Requirements that expire, and those that several people must confirm: what every store keeps and refuses.

use std::collections::HashSet;

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, Terms};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::store::{
    Author, Committed, Operation, OverdueFilter, RequirementFilter, RequirementSet, RunStatus, StoreError,
    WritableStore,
};

use crate::support::{
    append, appended, at, confirmed, create, decided_by, drive, execute, execute_all, expired, on_each_store, opened,
    opened_on, rejected, say, stop,
};

/// What [`say`] appends happens at this time.
const NOW: i64 = 5;

fn until(time: i64) -> Terms {
    Terms {
        expires_at: Some(at(time)),
        ..Terms::default()
    }
}

fn approvals(approvals: u32) -> Terms {
    Terms {
        approvals,
        ..Terms::default()
    }
}

fn with(store: &mut dyn WritableStore, terms: Terms) {
    execute_all(
        store,
        vec![
            create("r", "a"),
            drive("r", 1, 1, vec![opened_on("q", terms)]),
            stop("r", 1, 2, RunStatus::Paused),
        ],
    );
}

fn is_open(store: &mut dyn WritableStore) -> bool {
    let filter = RequirementFilter {
        set: RequirementSet::Open,
        limit: 9,
        ..RequirementFilter::default()
    };
    !store.requirements(&filter).unwrap().is_empty()
}

fn due(store: &mut dyn WritableStore, run_id: Option<&str>, now: i64) -> Vec<Text> {
    let filter = OverdueFilter {
        run_id: run_id.map(Text::from),
        now: at(now),
        except: HashSet::new(),
        limit: 9,
    };
    let rows = store.overdue(&filter).unwrap();
    rows.into_iter().map(|row| row.requirement_id).collect()
}

fn approve(by: &str) -> Operation {
    say("r", decided_by("q", Decision::confirm(), by))
}

fn reject(by: &str) -> Operation {
    say("r", decided_by("q", Decision::Reject { note: None }, by))
}

#[test]
fn what_is_due_expires_once() {
    on_each_store(|store, _| {
        with(store, until(NOW));
        assert_eq!(execute(store, say("r", expired("q"))), appended(4));
        assert!(!is_open(store));
        assert_eq!(execute(store, say("r", expired("q"))), Ok(Committed::AlreadyDecided));
        assert_eq!(store.load("r").unwrap().records.len(), 4);
    });
}

#[test]
fn what_is_not_due_does_not_expire() {
    on_each_store(|store, _| {
        with(store, until(NOW + 1));
        let refusal = StoreError::NotDue {
            requirement_id: "q".into(),
        };
        assert_eq!(execute(store, say("r", expired("q"))), Err(refusal));
        assert!(is_open(store));
    });
}

#[test]
fn what_waits_for_ever_does_not_expire() {
    on_each_store(|store, _| {
        with(store, Terms::default());
        assert!(matches!(
            execute(store, say("r", expired("q"))),
            Err(StoreError::NotDue { .. })
        ));
    });
}

#[test]
fn what_is_decided_does_not_expire() {
    on_each_store(|store, _| {
        with(store, until(NOW + 1));
        assert_eq!(execute(store, say("r", rejected("q"))), appended(4));
        let late = append("r", Author::External, vec![expired("q")], None);
        assert!(matches!(execute(store, late), Err(StoreError::Decided { .. })));
    });
}

#[test]
fn a_decision_that_comes_too_late_is_refused_whether_or_not_the_expiry_is_written() {
    on_each_store(|store, _| {
        with(store, until(NOW));
        let refusal = |time: i64| StoreError::Expired {
            run_id: "r".into(),
            requirement_id: "q".into(),
            at: at(time),
        };
        assert_eq!(execute(store, say("r", confirmed("q"))), Err(refusal(NOW)));
        execute_all(store, vec![say("r", expired("q"))]);
        assert_eq!(execute(store, say("r", rejected("q"))), Err(refusal(NOW)));
    });
}

#[test]
fn an_unknown_requirement_does_not_expire() {
    on_each_store(|store, _| {
        with(store, until(NOW));
        assert!(matches!(
            execute(store, say("r", expired("nope"))),
            Err(StoreError::RequirementNotFound { .. })
        ));
    });
}

#[test]
fn due_requirements_are_found_the_longest_due_first() {
    on_each_store(|store, _| {
        let open: Vec<Entry> = [("c", 30), ("a", 10), ("b", 20), ("d", 40)]
            .map(|(id, time)| opened_on(id, until(time)))
            .into();
        execute_all(store, vec![create("r", "a"), drive("r", 1, 1, open)]);
        execute_all(store, vec![drive("r", 1, 5, vec![opened("e")])]);
        assert_eq!(due(store, None, 9), [""; 0].map(Text::from));
        assert_eq!(due(store, None, 30), ["a", "b", "c"].map(Text::from));
        assert_eq!(due(store, Some("r"), 10), ["a"].map(Text::from));
        assert_eq!(due(store, Some("s"), 99), [""; 0].map(Text::from));
        execute_all(store, vec![say("r", decided_by("b", Decision::confirm(), "ann"))]);
        assert_eq!(due(store, None, 30), ["a", "c"].map(Text::from));
    });
}

#[test]
fn what_stopped_runs_wait_for_is_due_only_when_they_are_asked_for() {
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![
                create("r", "a"),
                drive("r", 1, 1, vec![opened_on("q", until(1))]),
                stop("r", 1, 2, RunStatus::Error),
            ],
        );
        assert_eq!(due(store, None, 9), [""; 0].map(Text::from));
        assert_eq!(due(store, Some("r"), 9), ["q"].map(Text::from));
    });
}

#[test]
fn the_last_of_several_approvals_decides() {
    on_each_store(|store, _| {
        with(store, approvals(2));
        assert_eq!(execute(store, approve("ann")), appended(4));
        assert!(is_open(store));
        assert_eq!(execute(store, approve("bob")), appended(5));
        assert!(!is_open(store));
        assert_eq!(execute(store, approve("cid")), Ok(Committed::AlreadyDecided));
        assert!(matches!(execute(store, reject("cid")), Err(StoreError::Decided { .. })));
    });
}

#[test]
fn two_approvals_in_one_transaction_count_as_two() {
    on_each_store(|store, _| {
        with(store, approvals(2));
        assert_eq!(
            store.commit(&[approve("ann"), approve("bob")]),
            [appended(4), appended(5)]
        );
        assert!(!is_open(store));
        let both = vec![
            decided_by("q", Decision::confirm(), "ann"),
            decided_by("q", Decision::confirm(), "bob"),
        ];
        assert_eq!(
            execute(store, append("r", Author::External, both, None)),
            Ok(Committed::AlreadyDecided)
        );
    });
}

#[test]
fn the_same_person_twice_counts_once() {
    on_each_store(|store, _| {
        with(store, approvals(2));
        execute_all(store, vec![approve("ann")]);
        assert_eq!(execute(store, approve("ann")), Ok(Committed::AlreadyDecided));
        assert!(is_open(store));
    });
}

#[test]
fn one_rejection_closes_it_also_by_somebody_who_had_confirmed() {
    on_each_store(|store, _| {
        with(store, approvals(3));
        execute_all(store, vec![approve("ann"), approve("bob")]);
        assert_eq!(execute(store, reject("ann")), appended(6));
        assert!(!is_open(store));
        assert!(matches!(
            execute(store, approve("cid")),
            Err(StoreError::Decided { .. })
        ));
    });
}

#[test]
fn all_must_confirm_the_same() {
    on_each_store(|store, _| {
        with(store, approvals(2));
        execute_all(store, vec![approve("ann")]);
        let changed = serde_json::from_str(r#"{"type": "confirm", "tool_args": {"amount": 5}}"#).unwrap();
        let refused = execute(store, say("r", decided_by("q", changed, "bob")));
        assert!(
            matches!(&refused, Err(StoreError::Decided { by: Some(by), .. }) if &**by == "ann"),
            "{refused:?}"
        );
        assert!(is_open(store));
    });
}

#[test]
fn approvals_can_come_too_late() {
    on_each_store(|store, _| {
        with(
            store,
            Terms {
                expires_at: Some(at(NOW)),
                approvals: 2,
            },
        );
        assert!(matches!(
            execute(store, approve("ann")),
            Err(StoreError::Expired { .. })
        ));
        assert_eq!(execute(store, say("r", expired("q"))), appended(4));
    });
}
