//! What every store does with leases, appends and decisions.

use haltpoint_engine::requirement::Decision;
use haltpoint_engine::store::{Changes, Committed, LeaseGrant, OutboxClaim, RunStatus, StoreError};

use crate::support::{
    acquire, appended, at, cancel, claim_outbox, confirmed, continued, create, create_in_session, decided, drive,
    execute, execute_all, granted, holder, kinds, on_each_blocking_store, on_each_store, opened, release, say, stop,
    tool_finished, tool_started,
};

#[test]
fn a_created_run_is_running_and_held_by_its_creator() {
    on_each_store(|store, _| {
        assert_eq!(execute(store, create("r", "a")), appended(1));
        let run = store.load("r").unwrap();
        assert_eq!(run.row.status, RunStatus::Running);
        assert_eq!(run.row.epoch, 1);
        assert_eq!(run.row.holder, Some(holder("a")));
        assert_eq!(run.row.agent_name.as_deref(), Some("clerk"));
        assert_eq!(store.row("r").unwrap(), run.row);
        assert_eq!(kinds(&run), ["tool_started"]);
    });
}

#[test]
fn a_driver_appends_and_stops_the_run() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        assert_eq!(
            execute(
                store,
                drive("r", 1, 1, vec![tool_finished("c", "x"), tool_started("d")])
            ),
            appended(3)
        );
        assert_eq!(execute(store, stop("r", 1, 3, RunStatus::Paused)), appended(4));
        let run = store.load("r").unwrap();
        assert_eq!(
            kinds(&run),
            ["tool_started", "tool_finished", "tool_started", "run_paused"]
        );
        assert_eq!(
            (run.row.status, run.row.holder, run.row.updated_at),
            (RunStatus::Paused, None, at(5))
        );
    });
}

#[test]
fn records_are_numbered_and_chained() {
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![
                create("r", "a"),
                drive("r", 1, 1, vec![tool_started("b"), tool_started("b")]),
            ],
        );
        let records = store.load("r").unwrap().records;
        assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_ne!(records[1].hash, records[2].hash);
    });
}

#[test]
fn a_released_run_can_be_acquired_by_anybody_under_a_higher_epoch() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        assert_eq!(execute(store, release("r", 1)), Ok(Committed::Released));
        let (epoch, run) = granted(execute(store, acquire("r", "b", 10)));
        assert_eq!((epoch, run.row.epoch, run.row.holder), (2, 2, Some(holder("b"))));
        assert_eq!(run.records.len(), 1);
    });
}

#[test]
fn a_release_under_an_old_epoch_changes_nothing() {
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![
                create("r", "a"),
                release("r", 1),
                acquire("r", "b", 10),
                release("r", 1),
            ],
        );
        assert_eq!(store.row("r").unwrap().holder, Some(holder("b")));
    });
}

#[test]
fn a_stopped_run_runs_again_when_its_new_driver_says_so_and_not_before() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), stop("r", 1, 1, RunStatus::Error)]);
        let (_, run) = granted(execute(store, acquire("r", "b", 70)));
        assert_eq!((run.row.status, run.row.updated_at), (RunStatus::Error, at(5)));
        execute_all(store, vec![drive("r", 2, 2, vec![continued()])]);
        assert_eq!(store.row("r").unwrap().status, RunStatus::Running);
        assert_eq!(store.row("r").unwrap().holder, Some(holder("b")));
    });
}

#[test]
fn a_live_holder_keeps_its_lease_until_it_expires() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        let refused = execute(store, acquire("r", "b", 999));
        let busy = StoreError::Busy {
            run_id: "r".into(),
            holder: Box::new(holder("a")),
            since: at(0),
            left: None,
        };
        assert_eq!(refused, Err(busy));
        assert_eq!(granted(execute(store, acquire("r", "b", 1_000))).0, 2);
    });
}

#[test]
fn a_heartbeat_prolongs_all_leases_of_its_holder() {
    on_each_blocking_store(|store, _| {
        execute_all(store, vec![create("r", "a"), create("s", "a")]);
        store.heartbeat(&holder("a"), at(8_000), at(9_000)).unwrap();
        for run_id in ["r", "s"] {
            assert!(matches!(
                execute(store, acquire(run_id, "b", 8_999)),
                Err(StoreError::Busy { .. })
            ));
            assert_eq!(granted(execute(store, acquire(run_id, "b", 9_000))).0, 2);
        }
    });
}

#[test]
fn a_dead_holder_loses_its_lease_at_once() {
    on_each_store(|store, deaths| {
        execute_all(store, vec![create("r", "a")]);
        deaths.kill(&holder("a"));
        assert_eq!(granted(execute(store, acquire("r", "b", 1))).0, 2);
    });
}

#[test]
fn a_process_cannot_take_a_run_from_itself_even_when_its_lease_expired() {
    on_each_store(|store, deaths| {
        execute_all(store, vec![create("r", "a")]);
        deaths.kill(&holder("a"));
        assert!(matches!(
            execute(store, acquire("r", "a", 5_000)),
            Err(StoreError::Busy { .. })
        ));
    });
}

#[test]
fn a_fenced_driver_writes_nothing_more() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), release("r", 1), acquire("r", "b", 1)]);
        let lost = Err(StoreError::LeaseLost { run_id: "r".into() });
        assert_eq!(execute(store, drive("r", 1, 1, vec![tool_started("x")])), lost);
        assert_eq!(execute(store, stop("r", 1, 1, RunStatus::Completed)), lost);
        assert_eq!(store.load("r").unwrap().records.len(), 1);
        assert_eq!(store.row("r").unwrap().status, RunStatus::Running);
    });
}

#[test]
fn a_driver_that_stopped_the_run_or_miscounts_writes_nothing_more() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        let lost = Err(StoreError::LeaseLost { run_id: "r".into() });
        assert_eq!(execute(store, drive("r", 1, 2, vec![tool_started("x")])), lost);
        execute_all(store, vec![stop("r", 1, 1, RunStatus::Paused)]);
        assert_eq!(execute(store, drive("r", 1, 2, vec![tool_started("x")])), lost);
    });
}

#[test]
fn a_completed_run_is_handed_out_but_not_granted() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), stop("r", 1, 1, RunStatus::Completed)]);
        let Ok(Committed::Lease(LeaseGrant::Completed { run })) = execute(store, acquire("r", "b", 1)) else {
            panic!("a completed run was granted")
        };
        assert_eq!(*run, store.load("r").unwrap());
        assert_eq!((run.row.epoch, run.row.status), (1, RunStatus::Completed));
    });
}

#[test]
fn entries_of_outsiders_do_not_disturb_the_driver() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), drive("r", 1, 1, vec![opened("q")])]);
        assert_eq!(execute(store, say("r", confirmed("q"))), appended(3));
        assert_eq!(execute(store, say("r", cancel())), appended(4));
        assert_eq!(execute(store, drive("r", 1, 2, vec![tool_started("x")])), appended(5));
        let outsiders: Vec<bool> = store
            .load("r")
            .unwrap()
            .records
            .iter()
            .map(|record| record.outsider)
            .collect();
        assert_eq!(outsiders, [false, false, true, true, false]);
    });
}

#[test]
fn the_same_decision_twice_is_written_once() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), drive("r", 1, 1, vec![opened("q")])]);
        let values = [
            ("amount".into(), serde_json::json!(0.1)),
            ("who".into(), serde_json::json!({"b": 1, "a": 2})),
        ];
        let decision = Decision::Input {
            values: values.into_iter().collect(),
            shown: None,
            unchecked: false,
        };
        assert_eq!(execute(store, say("r", decided("q", decision.clone()))), appended(3));
        assert_eq!(
            execute(store, say("r", decided("q", decision))),
            Ok(Committed::AlreadyDecided)
        );
        assert_eq!(store.load("r").unwrap().records.len(), 3);
    });
}

#[test]
fn two_decisions_in_one_batch_are_ordered_like_any_others() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), drive("r", 1, 1, vec![opened("q")])]);
        let outcomes = store.commit(&[say("r", confirmed("q")), say("r", crate::support::rejected("q"))]);
        assert_eq!(outcomes[0], appended(3));
        assert!(matches!(outcomes[1], Err(StoreError::Decided { .. })));
    });
}

#[test]
fn an_outsider_may_send_a_decision_again_beside_a_new_one() {
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![create("r", "a"), drive("r", 1, 1, vec![opened("q"), opened("p")])],
        );
        execute_all(store, vec![say("r", confirmed("q"))]);
        let both = vec![confirmed("q"), confirmed("p")];
        let outsider = haltpoint_engine::store::Author::External;
        assert_eq!(
            execute(store, crate::support::append("r", outsider, both, None)),
            appended(5)
        );
        assert_eq!(store.load("r").unwrap().records.len(), 5);
    });
}

#[test]
fn a_paused_run_takes_decisions() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), drive("r", 1, 1, vec![opened("q")])]);
        execute_all(store, vec![stop("r", 1, 2, RunStatus::Paused)]);
        assert_eq!(execute(store, say("r", confirmed("q"))), appended(4));
    });
}

#[test]
fn a_sessions_completed_runs_come_in_the_order_of_their_creation() {
    on_each_store(|store, _| {
        for run_id in ["z", "a", "m"] {
            execute_all(store, vec![create_in_session(run_id, "h", Some("s"))]);
        }
        execute_all(
            store,
            vec![create_in_session("other", "h", Some("t")), create("none", "h")],
        );
        for run_id in ["a", "z", "other"] {
            execute_all(store, vec![stop(run_id, 1, 1, RunStatus::Completed)]);
        }
        assert_eq!(store.completed_runs("s").unwrap(), ["z", "a"]);
        assert_eq!(store.completed_runs("nobody").unwrap(), Vec::<String>::new());
    });
}

#[test]
fn records_of_outsiders_can_be_followed_from_any_position() {
    on_each_store(|store, _| {
        let start = store.position().unwrap();
        assert!(store.changes(start).unwrap().records.is_empty());
        execute_all(
            store,
            vec![create("r", "a"), create("s", "a"), drive("s", 1, 1, vec![opened("q")])],
        );
        execute_all(store, vec![say("r", cancel()), say("s", confirmed("q"))]);
        let Changes { records, end: middle } = store.changes(start).unwrap();
        let found: Vec<_> = records.iter().map(|found| (&*found.run_id, found.record.seq)).collect();
        assert_eq!(found, [("r", 2), ("s", 3)]);
        assert_ne!(start, middle);
        let nothing = Changes {
            records: Vec::new(),
            end: middle,
        };
        assert_eq!(store.changes(middle).unwrap(), nothing);
        assert_eq!(store.position().unwrap(), middle);
        execute_all(store, vec![say("r", cancel())]);
        let later = store.changes(middle).unwrap().records;
        assert_eq!(later[0].record, store.load("r").unwrap().records[2]);
    });
}

#[test]
fn each_commit_moves_the_end_of_the_feed() {
    on_each_store(|store, _| {
        for operation in [
            create("r", "a"),
            drive("r", 1, 1, vec![tool_started("x")]),
            release("r", 1),
        ] {
            let before = store.position().unwrap();
            execute_all(store, vec![operation]);
            assert_ne!(store.position().unwrap(), before);
            assert_ne!(store.changes(before).unwrap().end, before);
        }
    });
}

#[test]
fn a_claim_of_an_outbox_is_recognised_whatever_the_name() {
    on_each_store(|store, _| {
        for (name, claimant) in [("plain", "a"), ("mark", "a\u{f8ff}b"), ("zero", "a\u{f8ff}0\"\\\u{7f}")] {
            let claim = OutboxClaim {
                name: name.into(),
                claimant: claimant.into(),
                holder: holder("a"),
                now: at(0),
                until: at(1_000_000),
            };
            match claim_outbox(store, &claim) {
                Err(StoreError::Unusable { message }) if message.contains("in memory has no outbox") => return,
                claimed => assert!(claimed.unwrap().is_some()),
            }
            assert!(
                claim_outbox(store, &claim).unwrap().is_some(),
                "{name}: one's own claim"
            );
            let others = OutboxClaim {
                claimant: "b".into(),
                ..claim
            };
            assert_eq!(
                claim_outbox(store, &others),
                Ok(None),
                "{name}: the claim of another one"
            );
        }
    });
}
