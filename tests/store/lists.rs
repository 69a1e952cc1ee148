//! Lists that end behind what they are asked to begin behind, in each order, and counts of the same.

use std::collections::HashSet;

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, Terms};
use haltpoint_engine::requirement::{Decision, RememberScope, RequirementKind};
use haltpoint_engine::store::{
    ApprovalFilter, Author, Operation, OverdueFilter, RequirementFilter, RequirementSet, RunFilter, RunStatus,
    WritableStore,
};

use crate::support::{
    append, at, confirmed, create, create_in_session, decided_by, drive, execute_all, expired, on_each_store, opened,
    opened_on, remembered, say, stop,
};

/// A decision at a time.
fn decide(requirement_id: &str, time: i64) -> Operation {
    let entry = decided_by(requirement_id, Decision::confirm(), "ann");
    let Operation::Append(mut decided) = append("r", Author::External, vec![entry], None) else {
        unreachable!("an append is one");
    };
    decided.at = at(time);
    Operation::Append(decided)
}

fn of(set: RequirementSet) -> RequirementFilter {
    RequirementFilter {
        set,
        limit: 9,
        ..RequirementFilter::default()
    }
}

fn found(store: &mut dyn WritableStore, filter: &RequirementFilter) -> Vec<Text> {
    let rows = store.requirements(filter).unwrap();
    assert_eq!(store.count_requirements(filter), Ok(rows.len() as u64), "{filter:?}");
    rows.into_iter().map(|row| row.requirement_id).collect()
}

fn texts<const N: usize>(expected: [&str; N]) -> Vec<Text> {
    expected.map(Text::from).into()
}

fn waiting(store: &mut dyn WritableStore) {
    let open: Vec<Entry> = ["a", "b", "c", "d", "e"].map(opened).into();
    execute_all(
        store,
        vec![
            create("r", "h"),
            drive("r", 1, 1, open),
            stop("r", 1, 6, RunStatus::Paused),
        ],
    );
}

#[test]
fn what_is_decided_is_ordered_by_the_time_of_its_decision_and_then_by_that_of_its_question() {
    on_each_store(|store, _| {
        waiting(store);
        execute_all(
            store,
            vec![decide("e", 10), decide("c", 20), decide("a", 20), decide("b", 30)],
        );
        let mut filter = of(RequirementSet::Decided);
        let order = texts(["b", "c", "a", "e"]);
        assert_eq!(found(store, &filter), order);
        for (place, id) in order.iter().enumerate() {
            filter.before = Some(id.clone());
            assert_eq!(found(store, &filter), order[place + 1..]);
        }
        for unknown in ["d", "nope"] {
            filter.before = Some(unknown.into());
            assert_eq!(found(store, &filter), texts([]), "{unknown}");
        }
    });
}

#[test]
fn what_expired_was_not_decided() {
    on_each_store(|store, _| {
        let terms = Terms {
            expires_at: Some(at(1)),
            ..Terms::default()
        };
        let open = vec![opened_on("a", terms), opened("b")];
        execute_all(store, vec![create("r", "h"), drive("r", 1, 1, open)]);
        execute_all(store, vec![say("r", expired("a")), say("r", confirmed("b"))]);
        assert_eq!(found(store, &of(RequirementSet::Decided)), texts(["b"]));
        assert_eq!(found(store, &of(RequirementSet::All)), texts(["b", "a"]));
        assert_eq!(found(store, &of(RequirementSet::Open)), texts([]));
        let behind = RequirementFilter {
            before: Some("a".into()),
            ..of(RequirementSet::Decided)
        };
        assert_eq!(found(store, &behind), texts([]));
    });
}

#[test]
fn each_order_goes_on_behind_any_of_its_members_also_those_that_were_decided_meanwhile() {
    on_each_store(|store, _| {
        waiting(store);
        execute_all(store, vec![decide("c", 10)]);
        let behind = |set, id: &str| RequirementFilter {
            before: Some(id.into()),
            ..of(set)
        };
        assert_eq!(found(store, &of(RequirementSet::Open)), texts(["e", "d", "b", "a"]));
        assert_eq!(found(store, &behind(RequirementSet::Open, "c")), texts(["b", "a"]));
        assert_eq!(found(store, &behind(RequirementSet::All, "d")), texts(["c", "b", "a"]));
        assert_eq!(found(store, &behind(RequirementSet::All, "nope")), texts([]));
    });
}

#[test]
fn one_requirement_is_found_by_its_whole_id_only() {
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![
                create("r", "h"),
                drive("r", 1, 1, ["q", "qq", "qqq"].map(opened).into()),
            ],
        );
        let one = |id: &str| RequirementFilter {
            requirement_id: Some(id.into()),
            ..of(RequirementSet::All)
        };
        assert_eq!(found(store, &one("q")), texts(["q"]));
        assert_eq!(found(store, &one("")), texts([]));
        assert_eq!(found(store, &one("qqqq")), texts([]));
    });
}

#[test]
fn counts_follow_the_filters() {
    on_each_store(|store, _| {
        waiting(store);
        execute_all(
            store,
            vec![
                create_in_session("s", "h", Some("shop")),
                stop("s", 1, 1, RunStatus::Completed),
            ],
        );
        let mut count = |filter: RunFilter| store.count_runs(&filter).unwrap();
        assert_eq!(count(RunFilter::default()), 2);
        assert_eq!(
            count(RunFilter {
                status: Some(RunStatus::Completed),
                ..RunFilter::default()
            }),
            1
        );
        assert_eq!(
            count(RunFilter {
                session_id: Some("shop".into()),
                ..RunFilter::default()
            }),
            1
        );
        assert_eq!(
            count(RunFilter {
                id_prefix: Some("r".into()),
                ..RunFilter::default()
            }),
            1
        );
        assert_eq!(
            count(RunFilter {
                before: Some("s".into()),
                ..RunFilter::default()
            }),
            1
        );
        assert_eq!(
            count(RunFilter {
                before: Some("nope".into()),
                ..RunFilter::default()
            }),
            0
        );
        let of_kind = |kind| RequirementFilter {
            kind: Some(kind),
            ..of(RequirementSet::Open)
        };
        let all = found(store, &of_kind(RequirementKind::Confirmation)).len();
        assert_eq!(all + found(store, &of_kind(RequirementKind::Recovery)).len(), 5);
    });
}

#[test]
fn remembered_approvals_are_counted_and_listed_behind_one_of_them_and_by_the_beginning_of_an_id() {
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![
                create_in_session("r", "h", Some("s")),
                drive("r", 1, 1, ["ab", "b", "ac"].map(opened).into()),
            ],
        );
        for id in ["ab", "b", "ac"] {
            execute_all(store, vec![say("r", remembered(id, RememberScope::Session, "k"))]);
        }
        let mut listed = |filter: ApprovalFilter| {
            let rows = store
                .approvals(&ApprovalFilter {
                    limit: 9,
                    ..filter.clone()
                })
                .unwrap();
            assert_eq!(store.count_approvals(&filter), Ok(rows.len() as u64), "{filter:?}");
            rows.into_iter().map(|row| row.requirement_id).collect::<Vec<_>>()
        };
        assert_eq!(listed(ApprovalFilter::default()), texts(["ac", "b", "ab"]));
        assert_eq!(
            listed(ApprovalFilter {
                id_prefix: Some("a".into()),
                ..ApprovalFilter::default()
            }),
            texts(["ac", "ab"])
        );
        assert_eq!(
            listed(ApprovalFilter {
                before: Some("ac".into()),
                ..ApprovalFilter::default()
            }),
            texts(["b", "ab"])
        );
        assert_eq!(
            listed(ApprovalFilter {
                before: Some("nope".into()),
                ..ApprovalFilter::default()
            }),
            texts([])
        );
        assert_eq!(
            listed(ApprovalFilter {
                run_id: Some("nope".into()),
                ..ApprovalFilter::default()
            }),
            texts([])
        );
    });
}

#[test]
fn what_was_looked_at_before_makes_room_for_what_is_due_behind_it() {
    on_each_store(|store, _| {
        let terms = |time| Terms {
            expires_at: Some(at(time)),
            ..Terms::default()
        };
        let open = vec![
            opened_on("b", terms(2)),
            opened_on("a", terms(1)),
            opened_on("c", terms(3)),
        ];
        execute_all(store, vec![create("r", "h"), drive("r", 1, 1, open)]);
        let mut filter = OverdueFilter {
            run_id: None,
            now: at(9),
            except: HashSet::new(),
            limit: 1,
        };
        for expected in ["a", "b", "c"] {
            let row = store.overdue(&filter).unwrap().remove(0);
            assert_eq!(&*row.requirement_id, expected);
            filter.except.insert(row);
        }
        assert_eq!(store.overdue(&filter), Ok(Vec::new()));
    });
}
