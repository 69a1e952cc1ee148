//! Runs are moved and copied from each kind of database to each other one: whole, once, and never to be driven in two at once.

use std::cell::Cell;

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, RunArrived, RunMoved, decode};
use haltpoint_engine::session::{EngineError, Relocated, Route, verify};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::raw::RawRun;
use haltpoint_engine::store::{
    Append, Author, Committed, Erasure, Finish, Import, ImportedEntry, LeaseGrant, Operation, RunStatus, StoreError,
    Undelivered,
};

use crate::support::{confirmed, create_in_session, on_each_backend, opened, rejected, remembered};

/// Both are new for each pair.
fn on_each_pair(test: impl Fn(&StoreHandle, &StoreHandle)) {
    let count = Cell::new(0);
    on_each_backend(|_, _| count.set(count.get() + 1));
    for (from, to) in (0..count.get()).flat_map(|from| (0..count.get()).map(move |to| (from, to))) {
        on_nth(from, |source| on_nth(to, |target| test(source, target)));
    }
}

fn on_nth(wanted: usize, test: impl Fn(&StoreHandle)) {
    let place = Cell::new(0);
    on_each_backend(|handle, _| {
        if place.replace(place.get() + 1) == wanted {
            test(handle);
        }
    });
}

fn route(source: &StoreHandle, target: &StoreHandle) -> Route {
    Route {
        source: source.clone(),
        target: target.clone(),
        from: "here".into(),
        to: "there".into(),
        by: Some("ada".into()),
    }
}

fn back(source: &StoreHandle, target: &StoreHandle) -> Route {
    Route {
        from: "there".into(),
        to: "here".into(),
        ..route(target, source)
    }
}

/// A run held by the handle's own process, with one requirement `q`.
fn begun(store: &StoreHandle, run_id: &str) {
    let Operation::Create(mut new) = create_in_session(run_id, "a", Some("s")) else {
        panic!("not a run");
    };
    let now = store.now();
    (new.holder, new.at, new.expires) = (store.holder(), now, store.lease_expiry(now));
    store.execute(Operation::Create(new)).unwrap();
    let reply = r#"{"calls": [{"id": "call", "name": "pay", "args": {"to": "x"}, "asks": "confirmation",
        "tool": {"module": "m", "digest": "d"}}], "text": "t", "duration_us": 1, "attempt": 1}"#;
    drive(
        store,
        run_id,
        1,
        vec![decode("model_replied", reply).unwrap(), opened("q")],
        None,
    )
    .unwrap();
}

fn drive(
    store: &StoreHandle,
    run_id: &str,
    driver_entries: u64,
    entries: Vec<Entry>,
    finish: Option<RunStatus>,
) -> Result<Committed, StoreError> {
    let epoch = store.load_blocking(run_id.into()).unwrap().row.epoch;
    store.execute(Operation::Append(Append {
        run_id: run_id.into(),
        author: Author::Driver { epoch, driver_entries },
        at: store.now(),
        entries,
        finish: finish.map(Finish::as_told),
    }))
}

fn say(store: &StoreHandle, run_id: &str, entry: Entry) -> Result<Committed, StoreError> {
    store.execute(Operation::Append(Append {
        run_id: run_id.into(),
        author: Author::External,
        at: store.now(),
        entries: vec![entry],
        finish: None,
    }))
}

fn paused(store: &StoreHandle, run_id: &str) {
    begun(store, run_id);
    let entry = decode("run_paused", "{}").unwrap();
    drive(store, run_id, 3, vec![entry], Some(RunStatus::Paused)).unwrap();
}

fn completed(store: &StoreHandle, run_id: &str) {
    begun(store, run_id);
    say(
        store,
        run_id,
        remembered("q", haltpoint_engine::requirement::RememberScope::Session, "k"),
    )
    .unwrap();
    let entries = vec![
        decode("tool_started", r#"{"call_id": "call", "attempt": 1, "holder": "a"}"#).unwrap(),
        decode(
            "tool_finished",
            r#"{"call_id": "call", "content": "paid", "duration_us": 1}"#,
        )
        .unwrap(),
        decode("run_completed", r#"{"output": "done"}"#).unwrap(),
    ];
    drive(store, run_id, 3, entries, Some(RunStatus::Completed)).unwrap();
}

fn acquire(store: &StoreHandle, run_id: &str) -> Result<Committed, StoreError> {
    let now = store.now();
    store.execute(Operation::Acquire {
        run_id: run_id.into(),
        holder: store.holder(),
        now,
        expires: store.lease_expiry(now),
        known: None,
    })
}

fn raw(store: &StoreHandle, run_id: &str) -> RawRun {
    let run_id = run_id.to_owned();
    store.read_blocking(move |store| store.raw(&run_id)).unwrap()
}

fn hashes(store: &StoreHandle, run_id: &str) -> Vec<Vec<u8>> {
    let entries = raw(store, run_id).entries.into_iter();
    entries.map(|entry| entry.content.unwrap().hash).collect()
}

fn status(store: &StoreHandle, run_id: &str) -> RunStatus {
    raw(store, run_id).row.unwrap().status
}

fn check(store: &StoreHandle, run_id: &str) {
    let run_id = run_id.to_owned();
    let found = store.read_blocking(move |store| Ok(verify(store, &run_id, None).unwrap().first_bad));
    assert_eq!(found, Ok(None));
}

fn moved<T>(run_id: &str, to: &str) -> Result<T, StoreError> {
    let (run_id, to) = (run_id.into(), Some(to.into()));
    Err(StoreError::RunMoved { run_id, to })
}

#[test]
fn a_paused_run_goes_on_in_the_other_database_and_in_no_other() {
    on_each_pair(|source, target| {
        paused(source, "r");
        let before = hashes(source, "r");
        let run_id: Text = "r".into();
        assert_eq!(route(source, target).move_run(&run_id), Ok(Relocated::Now));
        assert_eq!(route(source, target).move_run(&run_id), Ok(Relocated::Before));
        let (here, there) = (hashes(source, "r"), hashes(target, "r"));
        assert_eq!((&here[..before.len()], here.len()), (&before[..], before.len() + 1));
        assert_eq!((&there[..here.len()], there.len()), (&here[..], here.len() + 1));
        check(source, "r");
        check(target, "r");
        assert_eq!(
            (status(source, "r"), status(target, "r")),
            (RunStatus::Moved, RunStatus::Paused)
        );
        assert_eq!(raw(source, "r").requirements, raw(target, "r").requirements);

        assert_eq!(acquire(source, "r"), moved("r", "there"));
        assert_eq!(say(source, "r", confirmed("q")), moved("r", "there"));
        assert_eq!(drive(source, "r", 5, vec![opened("p")], None), moved("r", "there"));

        say(target, "r", confirmed("q")).unwrap();
        assert!(matches!(
            acquire(target, "r"),
            Ok(Committed::Lease(LeaseGrant::Granted { .. }))
        ));
        check(target, "r");
    });
}

#[test]
fn a_run_comes_back_with_what_was_decided_on_both_sides() {
    on_each_pair(|source, target| {
        begun(source, "r");
        drive(
            source,
            "r",
            3,
            vec![decode("run_paused", "{}").unwrap()],
            Some(RunStatus::Paused),
        )
        .unwrap();
        route(source, target).move_run(&"r".into()).unwrap();
        say(target, "r", rejected("q")).unwrap();
        assert_eq!(back(source, target).move_run(&"r".into()), Ok(Relocated::Now));
        assert_eq!(
            (status(source, "r"), status(target, "r")),
            (RunStatus::Paused, RunStatus::Moved)
        );
        assert_eq!(acquire(target, "r"), moved("r", "here"));
        check(source, "r");
        check(target, "r");
        assert_eq!(say(source, "r", rejected("q")), Ok(Committed::AlreadyDecided));
        assert!(matches!(
            acquire(source, "r"),
            Ok(Committed::Lease(LeaseGrant::Granted { .. }))
        ));
        // And once more there: both have the same beginning.
        let release = Operation::Release {
            run_id: "r".into(),
            epoch: raw(source, "r").row.unwrap().epoch,
        };
        source.execute(release).unwrap();
        assert_eq!(route(source, target).move_run(&"r".into()), Ok(Relocated::Now));
        check(target, "r");
        assert_eq!(status(target, "r"), RunStatus::Paused);
    });
}

#[test]
fn finished_and_erased_runs_move_as_they_are() {
    on_each_pair(|source, target| {
        completed(source, "done");
        completed(source, "erased");
        let erasure = Erasure {
            run_id: "erased".into(),
            by: Some("dpo".into()),
            reason: None,
            at: source.now(),
        };
        let (sender, receiver) = std::sync::mpsc::channel();
        source.maintain(Box::new(move |store| {
            sender.send(store.unwrap().erase(&erasure)).unwrap()
        }));
        assert_eq!(receiver.recv().unwrap(), Ok(true));
        for run_id in ["done", "erased"] {
            assert_eq!(
                route(source, target).move_run(&run_id.into()),
                Ok(Relocated::Now),
                "{run_id}"
            );
            check(source, run_id);
            check(target, run_id);
            assert_eq!(status(target, run_id), RunStatus::Completed);
            assert_eq!(status(source, run_id), RunStatus::Moved);
            assert_eq!(
                back(source, target).move_run(&run_id.into()),
                Ok(Relocated::Now),
                "{run_id}"
            );
            check(source, run_id);
            assert_eq!(status(source, run_id), RunStatus::Completed);
        }
        assert!(raw(target, "erased").row.unwrap().is_erased);
        let left = raw(target, "erased")
            .entries
            .into_iter()
            .next()
            .unwrap()
            .content
            .unwrap();
        assert_eq!((left.payload, left.salt), (None, None));
    });
}

#[test]
fn a_driven_run_stays_where_it_is() {
    on_each_pair(|source, target| {
        begun(source, "r");
        let before = hashes(source, "r");
        let refused = route(source, target).move_run(&"r".into());
        assert!(
            matches!(refused, Err(EngineError::Store(StoreError::Busy { .. }))),
            "{refused:?}"
        );
        assert_eq!(hashes(source, "r"), before);
        let missing = target.load_blocking("r".into()).map(drop);
        assert_eq!(missing, Err(StoreError::RunNotFound { run_id: "r".into() }));
    });
}

#[test]
fn only_what_nobody_can_go_on_with_is_copied() {
    on_each_pair(|source, target| {
        paused(source, "open");
        let refused = route(source, target).copy_run(&"open".into());
        assert!(
            matches!(refused, Err(EngineError::Store(StoreError::NotStopped { .. }))),
            "{refused:?}"
        );
        completed(source, "r");
        assert_eq!(route(source, target).copy_run(&"r".into()), Ok(Relocated::Now));
        assert_eq!(route(source, target).copy_run(&"r".into()), Ok(Relocated::Before));
        assert_eq!(hashes(source, "r"), hashes(target, "r"));
        assert_eq!(raw(source, "r").requirements, raw(target, "r").requirements);
        check(target, "r");
        // A copy is in nobody's way.
        assert_eq!(route(source, target).move_run(&"r".into()), Ok(Relocated::Now));
        check(target, "r");
        assert_eq!(
            (status(source, "r"), status(target, "r")),
            (RunStatus::Moved, RunStatus::Completed)
        );
        let gone = route(source, target).copy_run(&"r".into());
        assert_eq!(gone, moved("r", "there").map_err(EngineError::from));
    });
}

#[test]
fn another_run_of_the_same_id_is_left_alone() {
    on_each_pair(|source, target| {
        paused(source, "r");
        completed(target, "r");
        let before = (hashes(source, "r"), hashes(target, "r"));
        for refused in [
            route(source, target).move_run(&"r".into()),
            back(source, target).copy_run(&"r".into()),
        ] {
            assert!(
                matches!(refused, Err(EngineError::Store(StoreError::OtherJournal { .. }))),
                "{refused:?}"
            );
        }
        assert_eq!((hashes(source, "r"), hashes(target, "r")), before);
    });
}

fn append_moved(store: &StoreHandle, run_id: &str, entry: Entry, driver_entries: u64) -> Result<Committed, StoreError> {
    store.execute(Operation::Append(Append {
        run_id: run_id.into(),
        author: Author::Mover { driver_entries },
        at: store.now(),
        entries: vec![entry],
        finish: None,
    }))
}

fn arrived(status: RunStatus) -> Entry {
    let (from, by) = ("here".into(), None);
    Entry::RunArrived(RunArrived { from, status, by })
}

#[test]
fn a_copy_on_its_way_cannot_be_driven_and_is_opened_once() {
    on_each_pair(|source, target| {
        paused(source, "r");
        let entry = Entry::RunMoved(RunMoved {
            to: "there".into(),
            by: None,
        });
        append_moved(source, "r", entry, 4).unwrap();
        let run = raw(source, "r");
        let import = Import {
            row: run.row.unwrap(),
            entries: run.entries.into_iter().map(imported).collect(),
            requirements: run.requirements.into_iter().map(Result::unwrap).collect(),
            goes_on_with: 0,
            known: None,
            undelivered: Undelivered::default(),
        };
        let write = |import: &Import| {
            let (import, (sender, receiver)) = (import.clone(), std::sync::mpsc::channel());
            target.maintain(Box::new(move |store| {
                sender.send(store.unwrap().import(&import)).unwrap()
            }));
            receiver.recv().unwrap()
        };
        assert_eq!(write(&import), Ok(()));
        assert_eq!(write(&import), Err(StoreError::RunExists { run_id: "r".into() }));
        check(target, "r");
        assert_eq!(acquire(target, "r"), moved("r", "there"));
        assert_eq!(say(target, "r", confirmed("q")), moved("r", "there"));

        let lost = Err(StoreError::LeaseLost { run_id: "r".into() });
        assert_eq!(append_moved(target, "r", arrived(RunStatus::Paused), 4), lost);
        append_moved(target, "r", arrived(RunStatus::Paused), 5).unwrap();
        let again = append_moved(target, "r", arrived(RunStatus::Paused), 5);
        assert_eq!(again, Err(StoreError::LeaseLost { run_id: "r".into() }));
        assert_eq!(route(source, target).move_run(&"r".into()), Ok(Relocated::Before));
    });
}

fn imported(entry: haltpoint_engine::store::raw::RawEntry) -> ImportedEntry {
    let content = entry.content.unwrap();
    ImportedEntry {
        seq: entry.seq,
        hash: content.hash.as_slice().try_into().unwrap(),
        content,
    }
}

#[test]
fn a_run_that_went_elsewhere_is_not_taken_from_what_is_left_of_it() {
    on_each_pair(|source, target| {
        paused(source, "r");
        let entry = Entry::RunMoved(RunMoved {
            to: "elsewhere".into(),
            by: None,
        });
        append_moved(source, "r", entry, 4).unwrap();
        let refused = route(source, target).move_run(&"r".into());
        assert_eq!(refused, moved("r", "elsewhere").map_err(EngineError::from));
    });
}
