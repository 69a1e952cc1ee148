//! The shared handle: group commit, sharing, closing, heartbeats.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use haltpoint_engine::Timestamp;
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};
use haltpoint_engine::store::{Committed, LeaseGrant, NewRun, Operation, RunStatus, Store, StoreError};

use crate::support::{
    PATIENCE, TestFile, acquire, appended, at, beside, create, drive, execute, granted, message, on_each_backend,
    tool_finished, tool_started,
};

pub(crate) fn open(file: &TestFile) -> StoreHandle {
    StoreHandle::open_sqlite(&file.path(), SqliteOptions::default()).unwrap()
}

fn on_each_handle(test: impl Fn(&StoreHandle)) {
    on_each_backend(|handle, _| test(handle));
}

/// A run that the handle itself holds.
fn create_held(handle: &StoreHandle, run_id: &str, now: Timestamp) -> Operation {
    Operation::Create(NewRun {
        run_id: run_id.into(),
        agent_name: None,
        session_id: None,
        user_id: None,
        holder: handle.holder(),
        expires: handle.lease_expiry(now),
        at: now,
        entries: vec![tool_started("first")],
    })
}

/// Submits, and returns where the outcome arrives.
fn submit(handle: &StoreHandle, operation: Operation) -> Receiver<Result<Committed, StoreError>> {
    let (sender, receiver) = channel();
    handle.submit(operation, Box::new(move |outcome| sender.send(outcome).unwrap()));
    receiver
}

#[test]
fn operations_are_carried_out_in_the_order_in_which_they_were_submitted() {
    on_each_handle(|handle| {
        handle.execute(create("r", "a")).unwrap();
        let submit_one = |place| submit(handle, drive("r", 1, place, vec![tool_started("x")]));
        let outcomes: Vec<_> = (1..=200).map(submit_one).collect();
        for (place, outcome) in (2..).zip(outcomes) {
            assert_eq!(outcome.recv_timeout(PATIENCE).unwrap(), appended(place));
        }
        assert_eq!(handle.load_blocking("r".into()).unwrap().records.len(), 201);
    });
}

#[test]
fn in_memory_an_operation_is_done_before_the_call_returns() {
    let handle = StoreHandle::in_memory();
    assert_eq!(submit(&handle, create("r", "a")).try_recv().unwrap(), appended(1));
}

#[test]
fn a_completion_may_submit_and_a_read_job_too() {
    on_each_handle(|handle| {
        let (sender, receiver) = channel();
        let (outer, inner) = (handle.clone(), handle.clone());
        let after_append = Box::new(move |outcome| sender.send(outcome).unwrap());
        handle.submit(
            create("r", "a"),
            Box::new(move |_| {
                outer.read(Box::new(move |store| {
                    let driver_entries = store.unwrap().load("r").unwrap().records.len() as u64;
                    inner.submit(drive("r", 1, driver_entries, vec![tool_started("x")]), after_append);
                }));
            }),
        );
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), appended(2));
    });
}

#[test]
fn a_read_sees_what_was_committed_before_it() {
    on_each_handle(|handle| {
        for place in 0..20 {
            handle.execute(create(&format!("r{place}"), "a")).unwrap();
            let row = handle
                .read_blocking(move |store| store.row(&format!("r{place}")))
                .unwrap();
            assert_eq!(row.status, RunStatus::Running);
        }
    });
}

#[test]
fn appends_that_wait_share_one_transaction() {
    let file = TestFile::new();
    let handle = open(&file);
    handle.execute(create("r", "a")).unwrap();
    let log = file.path().with_file_name("runs.db-wal");
    let log_size = || std::fs::metadata(&log).unwrap().len();
    let blocker = beside(&file.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = log_size();
    let submit_one = |place| submit(&handle, drive("r", 1, place, vec![tool_started("x")]));
    let outcomes: Vec<_> = (1..=300).map(submit_one).collect();
    blocker.execute_batch("ROLLBACK").unwrap();
    for outcome in outcomes {
        outcome.recv_timeout(PATIENCE).unwrap().unwrap();
    }
    let pages = (log_size() - before) / 4_096;
    assert!(pages < 60, "300 appends that waited for one lock wrote {pages} pages");
}

#[test]
fn the_bytes_that_a_step_writes_do_not_grow_with_the_run() {
    let file = TestFile::new();
    let mut store = file.store();
    execute(&mut store, create("r", "a")).unwrap();
    // An open reader keeps the log from starting over, so that its size counts all that is written.
    let reader = beside(&file.path());
    reader.execute_batch("BEGIN; SELECT * FROM runs").unwrap();
    let log = file.path().with_file_name("runs.db-wal");
    let mut grown = Vec::new();
    for place in 1..=2_000_u64 {
        let before = std::fs::metadata(&log).unwrap().len();
        execute(
            &mut store,
            drive("r", 1, place, vec![tool_finished("c", "some result")]),
        )
        .unwrap();
        grown.push(std::fs::metadata(&log).unwrap().len() - before);
    }
    let total = |steps: &[u64]| steps.iter().sum::<u64>();
    let (early, late) = (total(&grown[100..200]), total(&grown[1_900..]));
    assert!(
        late < early + early / 2,
        "100 early steps wrote {early} bytes, 100 late ones {late}"
    );
}

#[test]
fn openings_of_one_file_share_their_holder_and_see_each_others_writes() {
    let file = TestFile::new();
    let (first, second) = (open(&file), open(&file));
    assert_eq!(first.holder(), second.holder());
    first.execute(create("r", "a")).unwrap();
    assert!(second.load_blocking("r".into()).is_ok());
}

#[test]
fn a_read_makes_no_new_file_where_the_open_one_was_deleted() {
    let file = TestFile::new();
    let handle = open(&file);
    handle.execute(create("r", "a")).unwrap();
    std::fs::remove_file(file.path()).unwrap();
    let error = handle.load_blocking("r".into()).unwrap_err();
    assert!(error.to_string().contains("was deleted, moved or replaced"), "{error}");
    assert!(!file.path().exists());
}

#[test]
fn a_link_to_an_open_file_shares_it_too() {
    let file = TestFile::new();
    let first = open(&file);
    let link = file.path().with_file_name("other-name.db");
    std::os::unix::fs::symlink(file.path(), &link).unwrap();
    let second = StoreHandle::open_sqlite(&link, SqliteOptions::default()).unwrap();
    assert_eq!(first.holder(), second.holder());
}

#[test]
fn an_open_file_cannot_be_opened_with_another_durability() {
    let file = TestFile::new();
    let first = open(&file);
    let relaxed = || SqliteOptions {
        durability: Durability::Normal,
        ..SqliteOptions::default()
    };
    assert!(message(StoreHandle::open_sqlite(&file.path(), relaxed())).contains("another durability"));
    first.execute(create("r", "a")).unwrap();
    first.close();
    StoreHandle::open_sqlite(&file.path(), relaxed())
        .unwrap()
        .load_blocking("r".into())
        .unwrap();
}

#[test]
fn closing_writes_what_waits_and_then_answers_closed() {
    let file = TestFile::new();
    let handle = open(&file);
    let outcomes: Vec<_> = (0..50)
        .map(|place| submit(&handle, create(&format!("r{place}"), "a")))
        .collect();
    handle.close();
    for outcome in outcomes {
        assert_eq!(outcome.try_recv().unwrap(), appended(1));
    }
    handle.close();
    assert_eq!(handle.execute(create("s", "a")), Err(StoreError::Closed));
    assert_eq!(handle.load_blocking("r1".into()), Err(StoreError::Closed));
    assert!(file.store().load("r49").is_ok());
}

#[test]
fn closing_removes_the_log_beside_the_file() {
    let file = TestFile::new();
    let handle = open(&file);
    handle.execute(create("r", "a")).unwrap();
    handle.load_blocking("r".into()).unwrap();
    handle.close();
    assert!(!file.path().with_file_name("runs.db-wal").exists());
}

#[test]
fn closing_one_opening_leaves_the_other_open() {
    let file = TestFile::new();
    let (first, second) = (open(&file), open(&file));
    first.close();
    assert_eq!(first.execute(create("r", "a")), Err(StoreError::Closed));
    assert_eq!(second.execute(create("r", "a")), appended(1));
}

#[test]
fn closing_a_clone_closes_all_clones() {
    let handle = StoreHandle::in_memory();
    handle.clone().close();
    assert_eq!(handle.execute(create("r", "a")), Err(StoreError::Closed));
}

#[test]
fn dropping_the_last_handle_inside_a_completion_closes_the_file() {
    let file = TestFile::new();
    let handle = open(&file);
    let last = Arc::new(Mutex::new(Some(handle.clone())));
    let (sender, receiver) = channel();
    handle.submit(
        create("r", "a"),
        Box::new(move |outcome| {
            drop(last.lock().unwrap().take());
            sender.send(outcome).unwrap();
        }),
    );
    drop(handle);
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), appended(1));
    assert!(open(&file).load_blocking("r".into()).is_ok());
}

#[test]
fn every_completion_is_called_once_when_closing_races_with_submitting() {
    let file = TestFile::new();
    for round in 0..20 {
        let handle = open(&file);
        let called = Arc::new(AtomicUsize::new(0));
        let submitting = std::thread::spawn({
            let (handle, called) = (handle.clone(), Arc::clone(&called));
            move || {
                for place in 0..50 {
                    let called = Arc::clone(&called);
                    let count = move |_| {
                        called.fetch_add(1, Ordering::SeqCst);
                    };
                    handle.submit(create(&format!("{round}-{place}"), "a"), Box::new(count));
                }
            }
        });
        handle.close();
        submitting.join().unwrap();
        assert_eq!(called.load(Ordering::SeqCst), 50);
    }
}

#[test]
fn closing_gives_the_leases_back() {
    let file = TestFile::new();
    let handle = open(&file);
    let now = at(1);
    handle.execute(create_held(&handle, "r", now)).unwrap();
    let mut other = file.store();
    assert!(matches!(
        execute(&mut other, acquire("r", "b", 2)),
        Err(StoreError::Busy { .. })
    ));
    handle.close();
    assert_eq!(granted(execute(&mut other, acquire("r", "b", 2))).0, 2);
}

#[test]
fn a_file_that_was_closed_and_opened_again_is_held_by_somebody_new() {
    let file = TestFile::new();
    let first = open(&file);
    first.execute(create_held(&first, "r", at(1))).unwrap();
    first.close();
    let second = open(&file);
    assert_ne!(first.holder(), second.holder());
    let again = Operation::Acquire {
        run_id: "r".into(),
        holder: second.holder(),
        now: at(2),
        expires: at(9),
        known: None,
    };
    assert!(matches!(
        second.execute(again),
        Ok(Committed::Lease(LeaseGrant::Granted { .. }))
    ));
}

#[test]
fn held_runs_are_kept_alive_together() {
    let file = TestFile::new();
    let time = Arc::new(Mutex::new(at(0)));
    let clock = Arc::clone(&time);
    let options = SqliteOptions {
        lease: Duration::from_millis(30),
        clock: Arc::new(move || *clock.lock().unwrap()),
        ..SqliteOptions::default()
    };
    let handle = StoreHandle::open_sqlite(&file.path(), options).unwrap();
    assert_eq!(handle.lease_expiry(at(5)), at(30_005));
    handle.execute(create_held(&handle, "r", at(0))).unwrap();
    handle.execute(create_held(&handle, "s", at(0))).unwrap();
    *time.lock().unwrap() = at(1_000_000);
    wait_until(|| expiry(&file) == 1_030_000);
}

fn expiry(file: &TestFile) -> i64 {
    beside(&file.path())
        .query_row("SELECT max(expires) FROM holders", [], |row| row.get(0))
        .unwrap()
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_refused_operation_reaches_its_own_completion_only() {
    on_each_handle(|handle| {
        handle.execute(create("r", "a")).unwrap();
        let refused = submit(handle, create("r", "a"));
        let accepted = submit(handle, create("s", "a"));
        let exists = StoreError::RunExists { run_id: "r".into() };
        assert_eq!(refused.recv_timeout(PATIENCE).unwrap(), Err(exists));
        assert_eq!(accepted.recv_timeout(PATIENCE).unwrap(), appended(1));
    });
}

#[test]
fn a_lease_that_could_not_be_given_back_is_given_back_before_the_next_write() {
    let file = TestFile::new();
    let options = SqliteOptions {
        busy_timeout: Duration::from_millis(10),
        ..SqliteOptions::default()
    };
    let handle = StoreHandle::open_sqlite(&file.path(), options).unwrap();
    handle.execute(create_held(&handle, "r", at(0))).unwrap();
    let other = beside(&file.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = Operation::Release {
        run_id: "r".into(),
        epoch: 1,
    };
    assert!(message(handle.execute(release)).contains("another process keeps it locked"));
    other.execute_batch("ROLLBACK").unwrap();
    let acquire = Operation::Acquire {
        run_id: "r".into(),
        holder: handle.holder(),
        now: at(1),
        expires: at(2),
        known: None,
    };
    assert_eq!(granted(handle.execute(acquire)).0, 2);
}
