//! The change feed: who follows it misses nothing, whoever commits and in whatever order commits become visible.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use haltpoint_engine::store::handle::{StoreHandle, Subscription};
use haltpoint_engine::store::{ExternalRecord, Position, StoreError};

use crate::support::{PATIENCE, cancel, create, on_each_backend, say, tool_started};

pub(crate) fn watch(handle: &StoreHandle) -> (Subscription, Receiver<Result<Position, StoreError>>) {
    let (sender, receiver) = channel();
    let watcher = move |told: Result<Position, &StoreError>| {
        // A test that has what it wants stops watching.
        let _ = sender.send(told.map_err(Clone::clone));
    };
    (handle.watch(Arc::new(watcher)), receiver)
}

pub(crate) fn position(handle: &StoreHandle) -> Position {
    handle.read_blocking(|store| store.position()).unwrap()
}

/// Waits until the feed ends elsewhere than it did.
pub(crate) fn moved(receiver: &Receiver<Result<Position, StoreError>>, from: Position) {
    while receiver.recv_timeout(PATIENCE).unwrap().unwrap() == from {}
}

#[test]
fn a_follower_gets_each_record_once_and_those_of_a_run_in_order_while_many_write() {
    const RUNS: usize = 6;
    const WORDS: usize = 30;
    on_each_backend(|handle, _| {
        for run in 0..RUNS {
            handle.execute(create(&format!("r{run}"), "a")).unwrap();
        }
        let mut after = position(handle);
        let (_subscription, told) = watch(handle);
        for _ in 0..WORDS {
            for run in 0..RUNS {
                handle.submit(
                    say(&format!("r{run}"), cancel()),
                    Box::new(|outcome| drop(outcome.unwrap())),
                );
            }
        }
        let mut found: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        while found.values().map(Vec::len).sum::<usize>() < RUNS * WORDS {
            told.recv_timeout(PATIENCE).unwrap().unwrap();
            let changes = handle.read_blocking(move |store| store.changes(after)).unwrap();
            after = changes.end;
            for ExternalRecord { run_id, record, .. } in changes.records {
                found.entry(run_id).or_default().push(record.seq);
            }
        }
        let expected: Vec<u64> = (2..).take(WORDS).collect();
        assert!(found.values().all(|seqs| *seqs == expected), "{found:?}");
    });
}

#[test]
fn a_watcher_hears_of_each_kind_of_commit() {
    on_each_backend(|handle, _| {
        let (_subscription, told) = watch(handle);
        let commits = [
            create("r", "a"),
            crate::support::drive("r", 1, 1, vec![tool_started("x")]),
            say("r", cancel()),
            crate::support::release("r", 1),
            crate::support::acquire("r", "b", 5),
        ];
        for operation in commits {
            let before = position(handle);
            handle.execute(operation).unwrap();
            moved(&told, before);
            assert_ne!(position(handle), before);
        }
    });
}

#[test]
fn nothing_changes_where_nobody_commits() {
    on_each_backend(|handle, _| {
        handle.execute(create("r", "a")).unwrap();
        let before = position(handle);
        handle.load_blocking("r".into()).unwrap();
        assert_eq!(position(handle), before);
    });
}

#[test]
fn a_watcher_that_is_gone_hears_nothing() {
    on_each_backend(|handle, _| {
        let (subscription, told) = watch(handle);
        drop(subscription);
        handle.execute(create("r", "a")).unwrap();
        // It may have been told before, or at that moment; then nobody is left who could tell it anything.
        let last = loop {
            if let Err(end) = told.recv_timeout(PATIENCE) {
                break end;
            }
        };
        assert_eq!(last, RecvTimeoutError::Disconnected);
    });
}

#[test]
fn a_watcher_hears_that_its_store_is_closed() {
    on_each_backend(|handle, _| {
        let (_subscription, told) = watch(handle);
        handle.close();
        while told.recv_timeout(PATIENCE).unwrap() != Err(StoreError::Closed) {}
        let (_another, told) = watch(handle);
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Err(StoreError::Closed));
    });
}
