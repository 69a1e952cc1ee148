//! Signals: each ends one wait for its event, whichever of the two comes first, and is kept until it does.

use std::sync::mpsc::channel;
use std::time::Duration;

use haltpoint_engine::journal::{Entry, Event};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::store::signals::{KEPT_FOR, LARGEST_PAYLOAD};
use haltpoint_engine::store::{
    Author, Committed, Erasure, ExternalRecord, Operation, PruneFilter, RunStatus, SignalFilter, Signalled, StoreError,
    WritableStore,
};
use haltpoint_engine::{Json, Text};

use crate::support::{
    PATIENCE, acquire, append, at, awaiting, cancel, completed_entry, confirmed, continued, create, drive, execute,
    execute_all, expired, kinds, on_each_backend, on_each_blocking_store, on_each_store, say, signalled, stop,
    stop_until,
};

fn paid(key: &str) -> Event {
    Event {
        name: "paid".into(),
        key: Some(key.into()),
    }
}

/// A run that has paused, and waits for the event.
fn waits(run_id: &str, event: &Event) -> Vec<Operation> {
    vec![
        create(run_id, "a"),
        drive(run_id, 1, 1, vec![awaiting("wait", event, None)]),
        stop_until(run_id, 2, 0),
    ]
}

fn signal(store: &mut dyn WritableStore, id: &str, event: &Event, payload: &str) -> Signalled {
    match execute(store, signalled(id, event, payload, 5)) {
        Ok(Committed::Signalled(signalled)) => signalled,
        other => panic!("{other:?}"),
    }
}

/// It came now, and that run has taken it, if one has.
fn new(run_id: Option<&str>) -> Signalled {
    Signalled {
        run_id: run_id.map(Text::from),
        is_taken: run_id.is_some(),
        is_new: true,
    }
}

/// The ids of the signals that are kept.
fn kept(store: &mut dyn WritableStore) -> Vec<Text> {
    let filter = SignalFilter {
        limit: 9,
        ..SignalFilter::default()
    };
    let found = store.signals(&filter).unwrap();
    found.into_iter().map(|kept| kept.signal.id).collect()
}

/// The signals that have ended waits of a run, with what they say.
fn taken(store: &mut dyn WritableStore, run_id: &str) -> Vec<(Text, String)> {
    let records = store.load(run_id).unwrap().records;
    let decisions = records.into_iter().filter_map(|record| match record.entry {
        Entry::RequirementDecided(decided) => Some((record.outsider, decided)),
        _ => None,
    });
    decisions
        .filter_map(|(outsider, decided)| match decided.decision {
            Decision::Signal { signal_id, payload, .. } => {
                assert!(outsider);
                assert_eq!(decided.by.as_deref(), Some("bank"));
                Some((signal_id, payload.get().to_owned()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_signal_ends_the_wait_that_stands() {
    on_each_store(|store, _| {
        execute_all(store, waits("r", &paid("A")));
        assert_eq!(signal(store, "s", &paid("A"), r#"{"euros": 5}"#), new(Some("r")));
        assert_eq!(taken(store, "r"), [("s".into(), r#"{"euros": 5}"#.to_owned())]);
        assert_eq!(kept(store), [] as [Text; 0]);
        assert_eq!(store.raw("r").unwrap().open_requirements, 0);
    });
}

#[test]
fn a_wait_takes_the_signal_that_is_kept_with_the_append_that_opens_it() {
    on_each_store(|store, _| {
        assert_eq!(signal(store, "s", &paid("A"), "1"), new(None));
        assert_eq!(kept(store), ["s".into()]);
        let open = drive("r", 1, 1, vec![awaiting("wait", &paid("A"), None)]);
        execute_all(store, vec![create("r", "a")]);
        assert_eq!(execute(store, open), Ok(Committed::Delivered { seq: 2 }));
        assert_eq!(taken(store, "r"), [("s".into(), "1".to_owned())]);
        assert_eq!(kept(store), [] as [Text; 0]);
        // The driver goes on where it was: what stands behind its own entries is not its own.
        execute_all(store, vec![stop("r", 1, 2, RunStatus::Paused)]);
        assert_eq!(
            kinds(&store.load("r").unwrap()),
            [
                "tool_started",
                "requirement_opened",
                "requirement_decided",
                "run_paused"
            ]
        );
    });
}

#[test]
fn only_a_signal_of_the_same_name_and_key_ends_a_wait() {
    on_each_store(|store, _| {
        execute_all(store, waits("r", &paid("A")));
        let others = [
            paid("B"),
            Event {
                name: "paid".into(),
                key: None,
            },
            Event {
                name: "paidA".into(),
                key: None,
            },
            Event {
                name: "sent".into(),
                key: Some("A".into()),
            },
        ];
        for (number, other) in others.iter().enumerate() {
            assert_eq!(signal(store, &format!("s{number}"), other, "1"), new(None));
        }
        assert_eq!(taken(store, "r"), []);
        let filter = SignalFilter {
            name: Some("paid".into()),
            key: Some("B".into()),
            limit: 9,
            ..SignalFilter::default()
        };
        let found = store.signals(&filter).unwrap();
        assert_eq!(found.iter().map(|kept| &*kept.signal.id).collect::<Vec<_>>(), ["s0"]);
    });
}

#[test]
fn each_signal_goes_to_one_wait_and_the_oldest_goes_first() {
    on_each_store(|store, _| {
        execute_all(store, waits("r1", &paid("A")));
        execute_all(store, waits("r2", &paid("A")));
        assert_eq!(signal(store, "s1", &paid("A"), "1"), new(Some("r1")));
        assert_eq!(signal(store, "s2", &paid("A"), "2"), new(Some("r2")));
        assert_eq!(signal(store, "s3", &paid("A"), "3"), new(None));
        assert_eq!(signal(store, "s4", &paid("A"), "4"), new(None));
        execute_all(store, waits("r3", &paid("A")));
        assert_eq!(taken(store, "r3"), [("s3".into(), "3".to_owned())]);
        assert_eq!(kept(store), ["s4".into()]);
    });
}

#[test]
fn two_waits_of_one_append_take_two_signals() {
    on_each_store(|store, _| {
        for id in ["s1", "s2", "s3"] {
            signal(store, id, &paid("A"), "1");
        }
        let both = vec![awaiting("w1", &paid("A"), None), awaiting("w2", &paid("A"), None)];
        execute_all(store, vec![create("r", "a"), drive("r", 1, 1, both)]);
        let ids: Vec<Text> = taken(store, "r").into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["s1".into(), "s2".into()]);
        assert_eq!(kept(store), ["s3".into()]);
    });
}

#[test]
fn the_same_id_is_the_same_signal() {
    on_each_store(|store, _| {
        signal(store, "s", &paid("A"), r#"{"a": 1, "b": 2}"#);
        let again = |is_taken: bool| Signalled {
            run_id: is_taken.then(|| "r".into()),
            is_taken,
            is_new: false,
        };
        assert_eq!(signal(store, "s", &paid("A"), r#"{"b":2,"a":1}"#), again(false));
        execute_all(store, waits("r", &paid("A")));
        execute_all(store, waits("later", &paid("A")));
        assert_eq!(signal(store, "s", &paid("A"), r#"{"a": 1, "b": 2}"#), again(true));
        assert_eq!(taken(store, "later"), []);
        for (event, payload) in [(paid("A"), r#"{"a": 1}"#), (paid("B"), r#"{"a": 1, "b": 2}"#)] {
            let other = execute(store, signalled("s", &event, payload, 5));
            assert_eq!(other, Err(StoreError::OtherSignal { id: "s".into() }));
        }
    });
}

#[test]
fn no_run_that_is_stopped_takes_a_signal_until_it_goes_on() {
    on_each_store(|store, _| {
        let stopped = |run_id: &str, status| {
            vec![
                create(run_id, "a"),
                drive(run_id, 1, 1, vec![awaiting("wait", &paid("A"), None)]),
                stop(run_id, 1, 2, status),
            ]
        };
        execute_all(store, stopped("cancelled", RunStatus::Cancelled));
        execute_all(store, stopped("failed", RunStatus::Error));
        execute_all(store, waits("other", &paid("A")));
        assert_eq!(signal(store, "s1", &paid("A"), "1"), new(Some("other")));
        assert_eq!(signal(store, "s2", &paid("A"), "2"), new(None));
        let go_on = append(
            "cancelled",
            Author::Driver {
                epoch: 2,
                driver_entries: 3,
            },
            vec![continued()],
            None,
        );
        execute_all(store, vec![acquire("cancelled", "b", 6)]);
        assert_eq!(execute(store, go_on), Ok(Committed::Delivered { seq: 4 }));
        assert_eq!(taken(store, "cancelled"), [("s2".into(), "2".to_owned())]);
        assert_eq!(taken(store, "failed"), []);
    });
}

#[test]
fn a_wait_that_was_ended_takes_none() {
    on_each_store(|store, _| {
        execute_all(store, waits("woken", &paid("A")));
        execute_all(store, vec![say("woken", confirmed("wait"))]);
        let late = vec![
            create("late", "a"),
            drive("late", 1, 1, vec![awaiting("wait", &paid("A"), Some(5))]),
        ];
        execute_all(store, late);
        assert_eq!(signal(store, "s", &paid("A"), "1"), new(None));
        execute_all(store, vec![say("late", expired("wait"))]);
        let in_time = vec![
            create("in-time", "a"),
            drive("in-time", 1, 1, vec![awaiting("wait", &paid("A"), Some(6))]),
        ];
        execute_all(store, in_time);
        assert_eq!(taken(store, "in-time").len(), 1);
    });
}

#[test]
fn a_run_that_is_wanted_cancelled_and_ends_so_leaves_the_signal() {
    on_each_store(|store, _| {
        signal(store, "s", &paid("A"), "1");
        execute_all(store, vec![create("r", "a"), say("r", cancel())]);
        let ends = drive("r", 1, 1, vec![awaiting("wait", &paid("B"), None)]);
        execute_all(store, vec![ends, stop("r", 1, 2, RunStatus::Cancelled)]);
        assert_eq!(kept(store), ["s".into()]);
    });
}

#[test]
fn what_can_not_be_kept_is_refused_whole() {
    on_each_store(|store, _| {
        let long = "x".repeat(513);
        let large = format!("\"{}\"", "x".repeat(LARGEST_PAYLOAD));
        let key = |key: &str| Event {
            name: "paid".into(),
            key: Some(key.into()),
        };
        let name = |name: &str| Event {
            name: name.into(),
            key: None,
        };
        let refused = [
            ("", paid("A"), "1"),
            (" ", paid("A"), "1"),
            (&*long, paid("A"), "1"),
            ("s", name(""), "1"),
            ("s", name("a\0"), "1"),
            ("s", key(&long), "1"),
            ("s", paid("A"), &*large),
        ];
        for (id, event, payload) in refused {
            let outcome = execute(store, signalled(id, &event, payload, 5));
            assert!(matches!(outcome, Err(StoreError::Unusable { .. })), "{outcome:?}");
        }
        assert_eq!(kept(store), [] as [Text; 0]);
    });
}

#[test]
fn signals_are_kept_for_thirty_days() {
    on_each_store(|store, _| {
        signal(store, "s", &paid("A"), "1");
        let late = 6 + KEPT_FOR;
        let Operation::Append(opens) = drive("r", 1, 1, vec![awaiting("wait", &paid("A"), None)]) else {
            panic!("no append");
        };
        let opens = Operation::Append(haltpoint_engine::store::Append { at: at(late), ..opens });
        execute_all(store, vec![create("r", "a"), opens]);
        assert_eq!(taken(store, "r"), []);
        // Its id is new by then.
        let outcome = execute(store, signalled("s", &paid("B"), "2", late));
        assert_eq!(outcome, Ok(Committed::Signalled(new(None))));
        assert_eq!(store.forget_signals(at(late), PATIENCE), Ok(1));
        assert_eq!(kept(store), [] as [Text; 0]);
    });
}

#[test]
fn erasing_the_run_leaves_an_id_and_nothing_of_what_the_signal_said() {
    on_each_store(|store, _| {
        execute_all(store, waits("r", &paid("A")));
        signal(store, "s", &paid("A"), "1");
        execute_all(store, vec![acquire("r", "b", 6)]);
        execute_all(store, vec![stop("r", 2, 3, RunStatus::Cancelled)]);
        let erasure = Erasure {
            run_id: "r".into(),
            by: None,
            reason: None,
            at: at(7),
        };
        assert_eq!(store.erase(&erasure), Ok(true));
        // Whatever is said under this id now, it was given: there is nothing left to compare it with.
        let known = signal(store, "s", &paid("B"), "2");
        assert_eq!(
            (known.is_new, known.is_taken, known.run_id),
            (false, true, Some("r".into()))
        );
    });
}

#[test]
fn an_id_outlasts_the_run_that_took_its_signal() {
    on_each_blocking_store(|store, _| {
        execute_all(store, waits("r", &paid("A")));
        signal(store, "s", &paid("A"), "1");
        execute_all(store, vec![acquire("r", "b", 6)]);
        let author = Author::Driver {
            epoch: 2,
            driver_entries: 3,
        };
        let ends = haltpoint_engine::store::Finish::as_told(RunStatus::Completed);
        execute_all(store, vec![append("r", author, vec![completed_entry()], Some(ends))]);
        let filter = PruneFilter {
            statuses: vec![RunStatus::Completed],
            before: at(9),
            after: 0,
            is_dry: false,
            patience: Duration::from_secs(9),
        };
        assert_eq!(store.prune(&filter).unwrap().runs, 1);
        let known = signal(store, "s", &paid("A"), "1");
        assert_eq!((known.is_new, known.is_taken, known.run_id), (false, true, None));
    });
}

#[test]
fn who_drives_the_run_hears_of_the_signal() {
    on_each_backend(|store, _| {
        let execute = |operation| store.execute(operation).unwrap();
        for is_kept in [true, false] {
            let run_id = if is_kept { "kept" } else { "comes" };
            execute(create(run_id, "a"));
            let (sender, heard) = channel();
            let sender = std::sync::Mutex::new(sender);
            let subscription = store.subscribe(
                run_id.into(),
                std::sync::Arc::new(move |notice: &ExternalRecord| {
                    let _ = sender.lock().unwrap().send(notice.record.entry.kind());
                }),
            );
            let comes = signalled(run_id, &paid("A"), "1", 5);
            let opens = drive(run_id, 1, 1, vec![awaiting("wait", &paid("A"), None)]);
            let both = if is_kept { [comes, opens] } else { [opens, comes] };
            both.into_iter().for_each(|operation| drop(execute(operation)));
            assert_eq!(heard.recv_timeout(PATIENCE), Ok("requirement_decided"));
            drop(subscription);
        }
    });
}

#[test]
fn a_payload_stays_as_it_was_written() {
    on_each_store(|store, _| {
        let payload = r#"{"z": 1.10, "a": [null, "é\u0000", 18446744073709551615]}"#;
        signal(store, "s", &paid("A"), payload);
        execute_all(store, waits("r", &paid("A")));
        assert_eq!(taken(store, "r"), [("s".into(), payload.to_owned())]);
        assert!(Json::parse(payload.to_owned()).is_ok());
    });
}
