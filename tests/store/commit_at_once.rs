//! Which commits are made by whoever submits them, instead of by the writing thread.

use std::sync::mpsc::channel;
use std::thread::{self, ThreadId};

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};
use haltpoint_engine::store::{NewRun, Operation};
use haltpoint_engine::{Text, Timestamp};

use crate::support::{PATIENCE, TestFile, appended, beside, drive, tool_finished, tool_started};

/// How often a test tries: the writing thread is busy with itself now and then.
const TRIES: u64 = 100;

fn open(file: &TestFile, durability: Durability) -> StoreHandle {
    let options = SqliteOptions {
        durability,
        ..SqliteOptions::default()
    };
    StoreHandle::open_sqlite(&file.path(), options).unwrap()
}

fn create(handle: &StoreHandle, run_id: &str) {
    let now = Timestamp(1);
    let new = NewRun {
        run_id: run_id.into(),
        agent_name: None,
        session_id: None,
        user_id: None,
        holder: handle.holder(),
        expires: handle.lease_expiry(now),
        at: now,
        entries: vec![tool_started("first")],
    };
    handle.execute(Operation::Create(new)).unwrap();
}

/// The thread on which an operation's outcome comes.
fn committed_on(handle: &StoreHandle, operation: Operation) -> ThreadId {
    let (sender, receiver) = channel();
    handle.submit(
        operation,
        Box::new(move |outcome| sender.send(outcome.map(|_| thread::current().id())).unwrap()),
    );
    receiver.recv_timeout(PATIENCE).unwrap().unwrap()
}

/// How many of `TRIES` results of tools are committed in the call.
fn committed_in_the_call(handle: &StoreHandle, content: &str) -> usize {
    let finish = |place| drive("r", 1, place, vec![tool_finished("first", content)]);
    let threads = (1..=TRIES).map(|place| committed_on(handle, finish(place)));
    threads.filter(|thread| *thread == thread::current().id()).count()
}

#[test]
fn with_durability_normal_a_commit_of_the_only_run_needs_no_other_thread() {
    let file = TestFile::new();
    let handle = open(&file, Durability::Normal);
    create(&handle, "r");
    assert!(committed_in_the_call(&handle, "some result") > 0);
}

#[test]
fn what_waits_for_the_disk_is_left_to_the_writing_thread() {
    let file = TestFile::new();
    let handle = open(&file, Durability::Full);
    create(&handle, "r");
    assert_eq!(committed_in_the_call(&handle, "some result"), 0);
}

#[test]
fn what_others_could_share_is_left_to_the_writing_thread() {
    let file = TestFile::new();
    let handle = open(&file, Durability::Normal);
    create(&handle, "r");
    create(&handle, "other");
    assert_eq!(committed_in_the_call(&handle, "some result"), 0);
}

#[test]
fn what_takes_long_to_hash_is_left_to_the_writing_thread() {
    let file = TestFile::new();
    let handle = open(&file, Durability::Normal);
    create(&handle, "r");
    assert_eq!(committed_in_the_call(&handle, &"x".repeat(100_000)), 0);
}

#[test]
fn what_another_process_holds_up_is_left_to_the_writing_thread_in_order() {
    let file = TestFile::new();
    let handle = open(&file, Durability::Normal);
    create(&handle, "r");
    let blocker = beside(&file.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (sender, receiver) = channel();
    for place in 1..=20 {
        let sender = sender.clone();
        let operation = drive("r", 1, place, vec![tool_finished("first", "some result")]);
        let completion = Box::new(move |outcome| sender.send(outcome).unwrap());
        if place % 2 == 0 {
            handle.submit(operation, completion);
        } else {
            handle.submit_deferred(operation, completion);
        }
    }
    assert!(receiver.try_recv().is_err(), "nothing can be written yet");
    blocker.execute_batch("ROLLBACK").unwrap();
    for place in 2..=21 {
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), appended(place));
    }
}

#[test]
fn what_nobody_waits_for_is_committed_before_what_was_submitted_later() {
    let file = TestFile::new();
    let handle = open(&file, Durability::Normal);
    create(&handle, "r");
    let (sender, receiver) = channel();
    for place in 1..=TRIES {
        let sender = sender.clone();
        let patient = drive("r", 1, 2 * place - 1, vec![tool_finished("first", "some result")]);
        handle.submit_deferred(patient, Box::new(move |outcome| sender.send(outcome).unwrap()));
        committed_on(&handle, drive("r", 1, 2 * place, vec![tool_started("first")]));
        assert_eq!(receiver.try_recv().unwrap(), appended(2 * place));
    }
}

#[test]
fn the_log_is_emptied_while_a_run_goes_on() {
    let file = TestFile::new();
    let handle = open(&file, Durability::Normal);
    create(&handle, "r");
    for place in 1..=4_000 {
        committed_on(&handle, drive("r", 1, place, vec![tool_started("first")]));
    }
    let log = file.path().with_file_name("runs.db-wal");
    let pages = std::fs::metadata(log).unwrap().len() / 4_096;
    // Each commit adds several pages.
    assert!(pages < 4_000, "the log has grown to {pages} pages");
    handle.close();
    let run: Text = "r".into();
    assert_eq!(
        open(&file, Durability::Normal)
            .load_blocking(run)
            .unwrap()
            .records
            .len(),
        4_001
    );
}
