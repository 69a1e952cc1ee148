//! What runs rely on, through their sessions, on each backend: its clock alone counts, and who reads does not wait for who reads long.

use std::collections::HashSet;
use std::sync::mpsc::channel;
use std::time::Instant;

use haltpoint_engine::journal::{CancelRequested, Entry, RunStarted, Terms};
use haltpoint_engine::session::{self, EngineError, Opened};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{DueFilter, NewRun, Operation, RunStatus, StoreError};
use haltpoint_engine::{Text, Timestamp};

use crate::support::{PATIENCE, TestFile, create_in_session, on_each_backend, opened_on, tool_started};
use crate::toy::AHEAD;

const MINUTE: i64 = 60_000_000;

/// What a call of the session comes to.
fn waited<T: Send + 'static>(
    begin: impl FnOnce(Box<dyn FnOnce(Result<T, EngineError>) + Send>),
) -> Result<T, EngineError> {
    let (sender, receiver) = channel();
    begin(Box::new(move |outcome| sender.send(outcome).unwrap()));
    receiver.recv_timeout(PATIENCE).unwrap()
}

fn started(run_id: &str) -> RunStarted {
    let Operation::Create(NewRun { mut entries, .. }) = create_in_session(run_id, "a", Some("s")) else {
        panic!("not a run");
    };
    match entries.remove(0) {
        Entry::RunStarted(started) => *started,
        other => panic!("not a start: {other:?}"),
    }
}

fn due(handle: &StoreHandle) -> Vec<Text> {
    let filter = DueFilter {
        agent_names: vec!["clerk".into()],
        now: handle.now(),
        limit: 9,
        ..DueFilter::default()
    };
    let rows = handle.read_blocking(move |store| store.due(&filter)).unwrap();
    rows.into_iter().map(|row| row.run_id).collect()
}

fn take(handle: &StoreHandle, run_id: &str) -> Result<Opened, EngineError> {
    waited(|then| session::take(handle, run_id.into(), None, 3, handle.now(), then))
}

#[test]
fn a_claimed_run_is_taken_under_the_epoch_of_its_claim_or_given_back() {
    on_each_backend(|handle, _| {
        let claim = || {
            let filter = DueFilter {
                agent_names: vec!["clerk".into()],
                now: handle.now(),
                limit: 9,
                ..DueFilter::default()
            };
            let claimed = waited(|then| session::claim_due(handle, filter, then)).unwrap();
            claimed.into_iter().map(|run| run.epoch).collect::<Vec<_>>()
        };
        waited(|then| session::submit(handle, started("r"), None, None, handle.now(), then)).unwrap();
        assert_eq!(claim(), [Some(2)]);
        assert_eq!(claim(), []);
        let opened = waited(|then| session::take(handle, "r".into(), Some(2), 3, handle.now(), then));
        let Ok(Opened::Session(session)) = opened else {
            panic!("nothing to drive");
        };
        assert_eq!(session.epoch(), 2);
        session::give_back(handle, "r".into(), 2);
        // Nobody waits until it is given back.
        let deadline = Instant::now() + PATIENCE;
        let mut again = claim();
        while again.is_empty() {
            assert!(Instant::now() < deadline, "it was not given back");
            again = claim();
        }
        assert_eq!(again, [Some(3)]);
    });
}

#[test]
fn a_second_start_under_the_id_of_a_run_finds_the_first_or_is_refused() {
    on_each_backend(|handle, _| {
        let submit = |started| waited(|then| session::submit(handle, started, None, None, handle.now(), then));
        submit(started("r")).unwrap();
        submit(started("r")).unwrap();
        let other = RunStarted {
            description: "something else".into(),
            ..started("r")
        };
        let refused = StoreError::OtherRun {
            run_id: "r".into(),
            differing: vec!["description"],
        };
        assert_eq!(submit(other), Err(EngineError::Store(refused)));
        assert_eq!(due(handle), ["r".into()]);
    });
}

#[test]
fn a_run_is_submitted_taken_cancelled_and_ended() {
    on_each_backend(|handle, _| {
        waited(|then| session::submit(handle, started("r"), None, None, handle.now(), then)).unwrap();
        assert_eq!(due(handle), ["r".into()]);
        let Opened::Session(session) = take(handle, "r").unwrap() else {
            panic!("nothing to drive");
        };
        // Who holds it keeps it from everybody else.
        assert_eq!(due(handle), [] as [Text; 0]);
        assert!(matches!(take(handle, "r"), Err(EngineError::Store(_))));
        drop(session);
        // It is given back without anybody waiting for that.
        let deadline = Instant::now() + PATIENCE;
        while due(handle) != ["r".into()] {
            assert!(Instant::now() < deadline, "it was not given back");
        }
        let cancel = CancelRequested {
            interrupt: false,
            by: Some("ada".into()),
            reason: None,
        };
        assert!(waited(|then| session::cancel(handle, "r".into(), cancel, handle.now(), then)).unwrap());
        let _ = take(handle, "r");
        let status = handle.load_blocking("r".into()).unwrap().row.status;
        assert_eq!(status, RunStatus::Cancelled);
    });
}

#[test]
fn entries_are_dated_by_the_clock_of_their_backend() {
    on_each_backend(|handle, _| {
        waited(|then| session::submit(handle, started("r"), None, None, handle.now(), then)).unwrap();
        let created = handle.load_blocking("r".into()).unwrap().row.created_at;
        assert!((handle.now().0 - created.0).abs() < MINUTE, "{created:?}");
    });
}

/// A run that asks for something until a time.
fn ask_until(handle: &StoreHandle, run_id: &str, until: Timestamp) {
    let create = Operation::Create(NewRun {
        run_id: run_id.into(),
        agent_name: Some("clerk".into()),
        session_id: None,
        user_id: None,
        holder: handle.holder(),
        expires: handle.lease_expiry(handle.now()),
        at: handle.now(),
        entries: vec![
            tool_started("first"),
            opened_on(
                &format!("of {run_id}"),
                Terms {
                    expires_at: Some(until),
                    ..Terms::default()
                },
            ),
        ],
    });
    handle.execute(create).unwrap();
}

#[test]
fn what_is_over_is_over_by_the_clock_of_the_backend() {
    on_each_backend(|handle, _| {
        ask_until(handle, "over", handle.now().plus_micros(-MINUTE));
        ask_until(handle, "not", handle.now().plus_micros(MINUTE));
        let now = handle.now();
        let found = handle.read_blocking(move |store| session::overdue(store, None, HashSet::new(), now));
        let found: Vec<_> = found.unwrap().into_iter().map(|row| row.run_id).collect();
        assert_eq!(found, ["over".into()]);
    });
}

#[test]
fn the_toy_has_a_clock_of_its_own() {
    let clocks = std::cell::RefCell::new(Vec::new());
    on_each_backend(|handle, _| clocks.borrow_mut().push(handle.now().0));
    let clocks = clocks.into_inner();
    let ahead = clocks[2] - clocks[0];
    assert!((ahead - AHEAD).abs() < MINUTE, "{clocks:?}");
}

#[test]
fn a_long_read_of_a_file_holds_up_no_other_read_and_no_write() {
    let file = TestFile::new();
    let handle = crate::handle::open(&file);
    let (go_on, wait) = channel::<()>();
    let (done, ended) = channel();
    let long = handle.clone();
    long.read_apart(Box::new(move |store| {
        wait.recv_timeout(PATIENCE).unwrap();
        done.send(store.unwrap().check().unwrap()).unwrap();
    }));
    waited(|then| session::submit(&handle, started("r"), None, None, handle.now(), then)).unwrap();
    assert_eq!(due(&handle), ["r".into()]);
    assert!(ended.try_recv().is_err());
    go_on.send(()).unwrap();
    assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), Vec::<String>::new());
    // One after the other on connections of their own.
    let problems = waited(|then| {
        handle.read_apart(Box::new(move |store| {
            then(store.map_err(EngineError::from).and_then(session::check))
        }));
    });
    assert_eq!(problems.unwrap(), Vec::<String>::new());
}
