//! A process that cannot renew its leases stops by itself before another one can take them over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::holder::{Holder, Liveness};
use haltpoint_engine::store::{Committed, StoreError};
use haltpoint_postgres::{PostgresOptions, open};

use crate::proxy::Proxy;
use crate::runs::{acquire, create, step};
use crate::server::Database;

const LEASE: Duration = Duration::from_millis(1500);

/// Another machine: nothing can be seen from here, and no clock is shared.
struct Elsewhere;

impl Liveness for Elsewhere {
    fn is_alive(&self, _: &Holder) -> Option<bool> {
        None
    }
}

fn opened(url: &str) -> StoreHandle {
    let options = PostgresOptions {
        lease: LEASE,
        liveness: Arc::new(Elsewhere),
        ..PostgresOptions::default()
    };
    open(url, options).unwrap()
}

/// Takes the run as soon as it can be taken.
fn taken(handle: &StoreHandle, run_id: &str) -> (u64, Instant) {
    let deadline = Instant::now() + 20 * LEASE;
    loop {
        match acquire(handle, run_id) {
            Ok((epoch, _)) => return (epoch, Instant::now()),
            Err(StoreError::Busy { .. }) => assert!(Instant::now() < deadline, "it is never free"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_was_written_before_the_link_was_cut_counts_no_more_when_its_answer_comes_after_the_lease() {
    let Some(database) = Database::new() else { return };
    let proxy = Proxy::new(&database);
    let (cut_off, other) = (opened(&proxy.url()), opened(&database.url()));
    create(&cut_off, "r").unwrap();
    let (sender, outcome) = channel();
    proxy.faults.swallows_answers.store(true, Ordering::SeqCst);
    cut_off.submit(
        step(&cut_off, "r", 1, 1),
        Box::new(move |outcome| sender.send((outcome, Instant::now())).unwrap()),
    );
    let (epoch, free_at) = taken(&other, "r");
    assert_eq!(epoch, 2);
    // It was told before that, or is told afterwards that it has lost the run: it never starts what it was about to.
    proxy.faults.swallows_answers.store(false, Ordering::SeqCst);
    let (outcome, told_at) = outcome.recv_timeout(20 * LEASE).unwrap();
    match outcome {
        Err(StoreError::LeaseLost { .. } | StoreError::Unreachable { .. }) => {}
        Ok(written) => panic!(
            "{written:?} {:?} after it was taken over",
            told_at.saturating_duration_since(free_at)
        ),
        Err(error) => panic!("{error}"),
    }
    other.close();
    cut_off.close();
}

#[test]
fn a_process_that_lives_keeps_its_runs_for_longer_than_a_lease() {
    let Some(database) = Database::new() else { return };
    let (driver, other) = (opened(&database.url()), opened(&database.url()));
    create(&driver, "r").unwrap();
    let end = Instant::now() + 3 * LEASE;
    let mut entries = 1;
    while Instant::now() < end {
        assert!(matches!(acquire(&other, "r"), Err(StoreError::Busy { .. })));
        let outcome = driver.execute(step(&driver, "r", 1, entries));
        assert_eq!(outcome, Ok(Committed::Appended { seq: entries + 1 }));
        entries += 1;
    }
    driver.close();
    // It gave the run back.
    assert_eq!(acquire(&other, "r").unwrap().0, 2);
    other.close();
}

#[test]
fn of_many_who_want_a_run_one_gets_it() {
    let Some(database) = Database::new() else { return };
    let url = database.url();
    let first = opened(&url);
    create(&first, "r").unwrap();
    first.close();
    let handles: Vec<_> = (0..6).map(|_| opened(&url)).collect();
    let granted: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = handles
            .iter()
            .map(|handle| scope.spawn(|| acquire(handle, "r").is_ok()))
            .collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert_eq!(granted.iter().filter(|granted| **granted).count(), 1);
    handles.iter().for_each(StoreHandle::close);
}
