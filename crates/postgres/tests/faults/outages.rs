//! Sessions that end, answers that never come, servers that restart.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{Committed, Operation};

use crate::proxy::Proxy;
use crate::runs::{askers, cancel, create, opened, step};
use crate::server::{Database, server};
use crate::sql::Beside;

const STEPS: u64 = 20;

const DRIVERS: u64 = 4;

fn drive(handle: &StoreHandle, run_id: &str, steps: u64, mut disturb: impl FnMut(u64)) {
    create(handle, run_id).unwrap();
    for number in 1..=steps {
        disturb(number);
        let outcome = handle.execute(step(handle, run_id, 1, number));
        assert_eq!(outcome, Ok(Committed::Appended { seq: number + 1 }), "step {number}");
    }
    // What is read is looked up again a few times only, by itself.
    let stored = (0..50).find_map(|_| handle.load_blocking(run_id.into()).ok()).unwrap();
    assert_eq!(stored.records.len() as u64, steps + 1);
}

#[test]
fn a_commit_whose_answer_is_lost_is_written_once() {
    let Some(database) = Database::new() else { return };
    let proxy = Proxy::new(&database);
    let handle = opened(&proxy.url());
    drive(&handle, "r", STEPS, |_| {
        proxy.faults.cuts_at_answer.store(true, Ordering::SeqCst)
    });
    // Those of people, too: none is lost, and none is there twice.
    for number in 0..STEPS {
        proxy.faults.cuts_at_answer.store(true, Ordering::SeqCst);
        handle.execute(cancel(&handle, "r", &format!("p{number}"))).unwrap();
    }
    let expected: Vec<String> = (0..STEPS).map(|number| format!("p{number}")).collect();
    let found = askers(&handle, "r");
    assert_eq!(found.iter().map(|by| by.to_string()).collect::<Vec<_>>(), expected);
    handle.close();
}

#[test]
fn a_run_that_is_created_as_the_answer_is_lost_exists_once() {
    let Some(database) = Database::new() else { return };
    let proxy = Proxy::new(&database);
    let handle = opened(&proxy.url());
    for number in 0..STEPS {
        proxy.faults.cuts_at_answer.store(true, Ordering::SeqCst);
        create(&handle, &format!("r{number}")).unwrap();
    }
    let ids = handle.read_blocking(|store| store.run_ids(None, 99)).unwrap();
    assert_eq!(ids.len() as u64, STEPS);
    handle.close();
}

#[test]
fn sessions_that_end_while_nothing_is_asked_are_replaced_without_an_error() {
    let Some(database) = Database::new() else { return };
    let (handle, beside) = (opened(&database.url()), Beside::new(&database.url()));
    drive(&handle, "r", STEPS, |_| {
        beside.terminate_all();
        handle.load_blocking("r".into()).unwrap();
    });
    handle.close();
}

#[test]
fn sessions_that_are_ended_at_random_lose_and_repeat_nothing() {
    let Some(database) = Database::new() else { return };
    let url = database.url();
    let (is_over, begun) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let beside = Beside::new(&url);
            let mut seen = 0;
            while !is_over.load(Ordering::SeqCst) {
                // On a busy machine, no run would make progress between two ends.
                let now = begun.load(Ordering::SeqCst);
                if now >= seen + DRIVERS {
                    seen = now;
                    beside.terminate_all();
                }
                thread::sleep(Duration::from_millis(60));
            }
        });
        let driving: Vec<_> = (0..DRIVERS)
            .map(|number| {
                let (url, begun) = (&url, &begun);
                scope.spawn(move || {
                    let handle = opened_soon(url);
                    drive(&handle, &format!("r{number}"), 60, |_| {
                        begun.fetch_add(1, Ordering::SeqCst);
                    });
                    handle.close();
                })
            })
            .collect();
        let driven: Vec<_> = driving.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        driven.into_iter().for_each(|driven| driven.unwrap());
    });
}

/// Opening says at once that it failed: it is tried again.
fn opened_soon(url: &str) -> StoreHandle {
    loop {
        if let Ok(handle) = haltpoint_postgres::open(url, haltpoint_postgres::PostgresOptions::default()) {
            return handle;
        }
    }
}

#[test]
fn a_server_that_is_killed_and_started_again_loses_nothing_that_was_acknowledged() {
    let Some(database) = Database::new() else { return };
    let handle = opened(&database.url());
    drive(&handle, "r", STEPS, |number| {
        if number % 8 == 0 {
            server().unwrap().restart();
        }
    });
    handle.close();
}

#[test]
fn many_writers_of_one_run_are_written_one_after_the_other() {
    let Some(database) = Database::new() else { return };
    let url = database.url();
    let first = opened(&url);
    create(&first, "r").unwrap();
    thread::scope(|scope| {
        for writer in 0..6 {
            let url = &url;
            scope.spawn(move || {
                let handle = opened(url);
                for number in 0..STEPS {
                    handle
                        .execute(cancel(&handle, "r", &format!("{writer}.{number}")))
                        .unwrap();
                }
                handle.close();
            });
        }
        // Its driver goes on meanwhile: who does not drive never disturbs it.
        for number in 1..=STEPS {
            first.execute(step(&first, "r", 1, number)).unwrap();
        }
    });
    let found = askers(&first, "r");
    assert_eq!(found.len() as u64, 6 * STEPS);
    for writer in 0..6 {
        let own = found.iter().filter(|by| by.starts_with(&format!("{writer}.")));
        let expected: Vec<String> = (0..STEPS).map(|number| format!("{writer}.{number}")).collect();
        assert_eq!(own.map(|by| by.to_string()).collect::<Vec<_>>(), expected);
    }
    assert_eq!(
        first.read_blocking(|store| store.check()).unwrap(),
        Vec::<String>::new()
    );
    first.close();
}

#[test]
fn batches_that_meet_on_the_same_runs_in_any_order_end() {
    let Some(database) = Database::new() else { return };
    let url = database.url();
    let first = opened(&url);
    for run in 0..8 {
        create(&first, &format!("r{run}")).unwrap();
    }
    thread::scope(|scope| {
        for writer in 0..4_usize {
            let url = &url;
            scope.spawn(move || {
                let handle = opened(url);
                let (sender, outcomes) = std::sync::mpsc::channel();
                for number in 0..40_usize {
                    let run = (number * (2 * writer + 1)) % 8;
                    let sender = sender.clone();
                    let operation: Operation = cancel(&handle, &format!("r{run}"), &format!("{writer}.{number}"));
                    handle.submit(operation, Box::new(move |outcome| sender.send(outcome).unwrap()));
                }
                for _ in 0..40 {
                    outcomes.recv().unwrap().unwrap();
                }
                handle.close();
            });
        }
    });
    let all: usize = (0..8).map(|run| askers(&first, &format!("r{run}")).len()).sum();
    assert_eq!(all, 160);
    first.close();
}
