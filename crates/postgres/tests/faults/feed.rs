//! Who follows the feed, or the outbox, misses nothing, however long other transactions last.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{Committed, ExternalRecord, Operation, OutboxClaim, Position};

use crate::runs::{cancel, create, opened, step};
use crate::server::Database;
use crate::sql::Beside;

fn follow(handle: &StoreHandle, after: Position) -> (Vec<ExternalRecord>, Position) {
    let changes = handle.read_blocking(move |store| store.changes(after)).unwrap();
    (changes.records, changes.end)
}

#[test]
fn a_foreign_transaction_that_stays_open_delays_nothing() {
    let Some(database) = Database::new() else { return };
    let (handle, beside) = (opened(&database.url()), Beside::new(&database.url()));
    beside.run("CREATE TABLE foreign_table (x int); BEGIN; INSERT INTO foreign_table VALUES (1)");
    create(&handle, "r").unwrap();
    let after = handle.read_blocking(|store| store.position()).unwrap();
    handle.execute(cancel(&handle, "r", "ann")).unwrap();
    let (records, end) = follow(&handle, after);
    assert_eq!(records.len(), 1);
    beside.run("COMMIT");
    assert_eq!(follow(&handle, end).0, []);
    handle.close();
}

#[test]
fn followers_miss_nothing_while_several_processes_write() {
    const WORDS: usize = 40;
    let Some(database) = Database::new() else { return };
    let url = database.url();
    let handle = opened(&url);
    for run in 0..4 {
        create(&handle, &format!("r{run}")).unwrap();
    }
    let mut after = handle.read_blocking(|store| store.position()).unwrap();
    let mut found = HashSet::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let url = &url;
            scope.spawn(move || {
                let handle = opened(url);
                for number in 0..WORDS {
                    let run_id = format!("r{}", (writer + number) % 4);
                    handle
                        .execute(cancel(&handle, &run_id, &format!("{writer}.{number}")))
                        .unwrap();
                }
                handle.close();
            });
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while found.len() < 4 * WORDS {
            assert!(Instant::now() < deadline, "{} of {}", found.len(), 4 * WORDS);
            let (records, end) = follow(&handle, after);
            after = end;
            for record in records {
                assert!(
                    found.insert((record.run_id.clone(), record.record.seq)),
                    "twice: {record:?}"
                );
            }
        }
    });
    handle.close();
}

#[test]
fn a_word_is_heard_on_another_connection_within_a_tenth_of_a_second() {
    let Some(database) = Database::new() else { return };
    let url = database.url();
    let (driver, other) = (opened(&url), opened(&url));
    create(&driver, "r").unwrap();
    let (sender, heard) = channel();
    let _subscription = driver.subscribe(
        "r".into(),
        Arc::new(move |_: &ExternalRecord| sender.send(Instant::now()).unwrap()),
    );
    // The listener connects in its own time.
    let beside = Beside::new(&url);
    let deadline = Instant::now() + Duration::from_secs(20);
    while beside
        .run("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'")
        .is_empty()
    {
        assert!(Instant::now() < deadline, "nobody listens");
    }
    let mut times = Vec::new();
    for number in 0..9 {
        let begun = Instant::now();
        other.execute(cancel(&other, "r", &format!("{number}"))).unwrap();
        times.push(
            heard
                .recv_timeout(Duration::from_secs(20))
                .unwrap()
                .saturating_duration_since(begun),
        );
    }
    times.sort_unstable();
    assert!(times[times.len() / 2] < Duration::from_millis(100), "{times:?}");
    driver.close();
    other.close();
}

#[test]
fn the_outbox_gives_each_entry_out_once_and_in_order_while_several_processes_write() {
    const STEPS: u64 = 30;
    let Some(database) = Database::new() else { return };
    let url = database.url();
    let handle = opened(&url);
    let now = handle.now();
    let claim = OutboxClaim {
        name: "hook".into(),
        claimant: "me".into(),
        holder: handle.holder(),
        now,
        until: handle.lease_expiry(now),
    };
    let claimed = handle.execute(Operation::ClaimOutbox(claim)).unwrap();
    assert_eq!(claimed, Committed::OutboxClaimed(Some(0)));
    let (mut place, mut found) = (0, Vec::new());
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let url = &url;
            scope.spawn(move || {
                let (handle, run_id) = (opened(url), format!("r{writer}"));
                create(&handle, &run_id).unwrap();
                for number in 1..=STEPS {
                    handle.execute(step(&handle, &run_id, 1, number)).unwrap();
                }
                handle.close();
            });
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while (found.len() as u64) < 4 * (STEPS + 1) {
            assert!(Instant::now() < deadline, "{}", found.len());
            let rows = handle.read_blocking(move |store| store.outbox_after(place, 7)).unwrap();
            for row in rows {
                assert!(row.place > place);
                place = row.place;
                found.push((row.run_id, row.seq));
            }
        }
    });
    for writer in 0..4 {
        let own = found.iter().filter(|(run_id, _)| **run_id == *format!("r{writer}"));
        let expected: Vec<u64> = (1..=STEPS + 1).collect();
        assert_eq!(own.map(|(_, seq)| *seq).collect::<Vec<_>>(), expected);
    }
    handle.close();
}
