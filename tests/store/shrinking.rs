//! A file becomes smaller after runs were removed, bit by bit or as a whole, and nobody who has it open takes that for damage.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{Author, Finish, PruneFilter, RunStatus, Store, WritableStore};

use crate::support::{
    Deaths, TestFile, append, at, beside, completed_entry, create, drive, execute, execute_all, holder, message,
    tool_finished,
};

const LONG: Duration = Duration::from_secs(30);

/// Runs that are over, each of several pages.
fn fill(store: &mut SqliteStore, runs: u32) {
    for number in 0..runs {
        let run_id = format!("r{number}");
        let author = Author::Driver {
            epoch: 1,
            driver_entries: 2,
        };
        let finish = Some(Finish::as_told(RunStatus::Completed));
        execute_all(
            store,
            vec![
                create(&run_id, "a"),
                drive(&run_id, 1, 1, vec![tool_finished("c", "x".repeat(30_000))]),
                append(&run_id, author, vec![completed_entry()], finish),
            ],
        );
    }
}

fn prune(store: &mut SqliteStore) {
    let filter = PruneFilter {
        statuses: vec![RunStatus::Completed],
        before: at(i64::MAX),
        after: 0,
        is_dry: false,
        patience: LONG,
    };
    store.prune(&filter).unwrap();
}

fn number(path: &Path, pragma: &str) -> i64 {
    beside(path).pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// As files were made before freed pages could be given back.
fn old_file() -> TestFile {
    let file = TestFile::new();
    drop(file.store());
    let other = beside(&file.path());
    other.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    drop(other);
    assert_eq!(number(&file.path(), "auto_vacuum"), 0);
    file
}

#[test]
fn a_new_file_gives_freed_pages_back() {
    let file = TestFile::new();
    let mut store = file.store();
    assert_eq!(number(&file.path(), "auto_vacuum"), 2);
    assert_eq!(store.shrink(LONG), Ok(false), "there is nothing to give back");
    fill(&mut store, 40);
    execute_all(&mut store, vec![create("running", "a")]);
    prune(&mut store);
    assert!(number(&file.path(), "freelist_count") > 200);
    assert_eq!(store.shrink(LONG), Ok(false));
    assert_eq!(number(&file.path(), "freelist_count"), 0);
    assert!(size(&file.path()) < 200_000, "{}", size(&file.path()));
    assert_eq!(store.load("running").unwrap().records.len(), 1);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

#[test]
fn pages_are_given_back_in_portions() {
    let file = TestFile::new();
    let mut store = file.store();
    fill(&mut store, 10);
    prune(&mut store);
    let mut free = number(&file.path(), "freelist_count");
    let mut portions = 0;
    while store.shrink(Duration::ZERO).unwrap() {
        let left = number(&file.path(), "freelist_count");
        assert_eq!(free - left, 16);
        (free, portions) = (left, portions + 1);
    }
    assert!(portions > 3, "{portions}");
}

#[test]
fn an_old_file_keeps_its_free_pages_until_it_is_compacted() {
    let file = old_file();
    let mut store = file.store();
    fill(&mut store, 10);
    prune(&mut store);
    assert_eq!(store.shrink(LONG), Ok(false));
    assert!(number(&file.path(), "freelist_count") > 0);
    store.compact().unwrap();
    assert_eq!(number(&file.path(), "auto_vacuum"), 2);
    assert_eq!(number(&file.path(), "freelist_count"), 0);
    assert!(size(&file.path()) < 200_000, "{}", size(&file.path()));
    fill(&mut store, 3);
    prune(&mut store);
    assert_eq!(store.shrink(LONG), Ok(false));
    assert_eq!(number(&file.path(), "freelist_count"), 0);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

/// Empties the log after each portion, so that the other store sees each state of the file.
#[test]
fn a_file_that_another_opening_makes_smaller_is_no_trouble() {
    for how in ["PASSIVE", "TRUNCATE"] {
        let file = TestFile::new();
        let (mut one, mut other) = (file.store(), file.store());
        fill(&mut one, 20);
        execute_all(&mut other, vec![create("running", "b")]);
        prune(&mut one);
        let mut steps = 1;
        while one.shrink(Duration::ZERO).unwrap() {
            let sql = format!("PRAGMA wal_checkpoint({how})");
            beside(&file.path()).query_row(&sql, [], |_| Ok(())).unwrap();
            execute(&mut other, drive("running", 1, steps, vec![tool_finished("c", "x")])).unwrap();
            steps += 1;
        }
        assert!(steps > 5, "{steps}");
        one.compact().unwrap_err();
        assert_eq!(other.load("running").unwrap().records.len() as u64, steps);
        assert_eq!(one.check().unwrap(), [""; 0]);
    }
}

#[test]
fn a_file_is_cut_off_long_after_it_has_fewer_pages_where_somebody_reads() {
    let file = TestFile::new();
    let (mut one, mut other) = (file.store(), file.store());
    fill(&mut one, 20);
    execute_all(&mut other, vec![create("running", "b")]);
    let checkpoint = |how: &str| {
        let sql = format!("PRAGMA wal_checkpoint({how})");
        beside(&file.path()).query_row(&sql, [], |_| Ok(())).unwrap();
    };
    checkpoint("TRUNCATE");
    prune(&mut one);
    assert_eq!(one.shrink(Duration::ZERO), Ok(true));
    let reader = beside(&file.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM runs").unwrap();
    execute(&mut one, create("later", "a")).unwrap();
    let before = size(&file.path());
    checkpoint("PASSIVE");
    assert_eq!(
        size(&file.path()),
        before,
        "the first page is written, and the file is not cut off"
    );
    execute(&mut other, drive("running", 1, 1, vec![tool_finished("c", "x")])).unwrap();
    reader.execute_batch("COMMIT").unwrap();
    checkpoint("TRUNCATE");
    assert!(size(&file.path()) < before);
    execute(&mut other, drive("running", 1, 2, vec![tool_finished("c", "x")])).unwrap();
    assert_eq!(one.load("running").unwrap().records.len(), 3);
}

#[test]
fn a_file_that_is_cut_off_after_it_became_smaller_takes_no_more_writes() {
    let file = TestFile::new();
    let mut store = file.store();
    fill(&mut store, 20);
    prune(&mut store);
    while store.shrink(Duration::ZERO).unwrap() {}
    fill(&mut store, 5);
    store.load("r0").unwrap();
    // Another process does it: what this one closes would take the store's locks away.
    let status = Command::new("truncate").args(["-s", "-4096"]).arg(file.path()).status();
    assert!(status.unwrap().success());
    let text = message(execute(&mut store, create("more", "a")));
    assert!(text.contains("was overwritten or cut off in place"), "{text}");
}

#[test]
fn a_database_is_not_compacted_while_a_run_is_driven() {
    let file = TestFile::new();
    let deaths = Deaths::default();
    let mut store = file.store_with(deaths.clone());
    execute_all(&mut store, vec![create("running", "a")]);
    let text = message(store.compact());
    assert!(text.contains("run running is being driven"), "{text}");
    deaths.kill(&holder("a"));
    store.compact().unwrap();
    assert_eq!(store.load("running").unwrap().records.len(), 1);
}

#[test]
fn a_database_goes_on_after_it_was_compacted() {
    let file = TestFile::new();
    let (mut one, mut other) = (file.store(), file.store());
    fill(&mut one, 10);
    fill_behind(&mut other);
    prune(&mut one);
    one.compact().unwrap();
    assert_eq!(size(&file.path().with_file_name("runs.db-wal")), 0);
    fill(&mut one, 3);
    fill_behind(&mut other);
    assert_eq!(one.load("r2").unwrap().records.len(), 3);
}

fn fill_behind(store: &mut SqliteStore) {
    let run_id = format!("behind {}", store.run_ids(None, 99).unwrap().len());
    let author = Author::Driver {
        epoch: 1,
        driver_entries: 1,
    };
    let finish = Some(Finish::as_told(RunStatus::Completed));
    let end = append(&run_id, author, vec![completed_entry()], finish);
    execute_all(store, vec![create(&run_id, "a"), end]);
}

#[test]
fn a_handle_compacts_what_it_has_open() {
    let file = TestFile::new();
    let handle = StoreHandle::open_sqlite(&file.path(), SqliteOptions::default()).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    handle.maintain(Box::new(move |store| {
        sender.send(store.and_then(|store| store.compact())).unwrap();
    }));
    assert_eq!(receiver.recv().unwrap(), Ok(()));
    handle.execute(create("after", "a")).unwrap();
}

#[test]
fn memory_has_nothing_to_give_back() {
    let mut store = MemoryStore::new(Box::new(Deaths::default()));
    assert_eq!(store.shrink(LONG), Ok(false));
    assert_eq!(store.compact(), Ok(()));
}
