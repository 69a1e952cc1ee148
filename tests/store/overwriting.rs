//! A file that is changed in place while it is open, by something else than SQLite: the next commit says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{Committed, Store, StoreError};

use crate::support::{TestFile, beside, create, drive, execute, execute_all, message, tool_finished};

/// Enough for several pages in the file and in the log.
fn fill(store: &mut SqliteStore, first: u64, count: u64) {
    let result = |place: u64| drive("r", 1, place, vec![tool_finished("c", "x".repeat(3_000))]);
    execute_all(store, (first..first + count).map(result).collect());
}

/// A store with a run, of which a part is in the file and a part in the log only.
fn store_under_way(file: &TestFile) -> SqliteStore {
    let mut store = file.store();
    execute_all(&mut store, vec![create("r", "a")]);
    fill(&mut store, 1, 20);
    checkpoint(&file.path(), "PASSIVE");
    fill(&mut store, 21, 5);
    store
}

fn checkpoint(path: &Path, how: &str) {
    let done = beside(path).query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()));
    done.unwrap();
}

/// Another process does it: what this one closes would take the store's locks away.
fn shell(command: &str, path: &Path) {
    let status = Command::new("sh").arg("-c").arg(command).arg("sh").arg(path).status();
    assert!(status.unwrap().success(), "{command}");
}

fn assert_noticed(command: &str, prepare: impl FnOnce(&TestFile)) {
    let file = TestFile::new();
    prepare(&file);
    let mut store = store_under_way(&file);
    shell(command, &file.path());
    let text = message(execute(&mut store, drive("r", 1, 26, vec![tool_finished("c", "x")])));
    assert!(
        text.contains("was overwritten or cut off in place"),
        "{command}: {text}"
    );
    let again = message(execute(&mut store, drive("r", 1, 26, vec![tool_finished("c", "x")])));
    assert_eq!(again, text, "{command}: it stays so");
    assert_closing_writes_nothing(store, &file.path());
}

fn assert_closing_writes_nothing(store: SqliteStore, path: &Path) {
    let before = fs::read(path).unwrap();
    drop(store);
    assert!(fs::read(path).unwrap() == before, "closing wrote into the file");
}

fn old_copy(file: &TestFile) -> PathBuf {
    file.path().with_extension("db.old")
}

#[test]
fn a_file_or_log_that_is_cut_off_takes_no_more_writes() {
    for command in [
        ": > \"$1\"",
        "truncate -s 4096 \"$1\"",
        "truncate -s 100 \"$1\"",
        ": > \"$1-wal\"",
        "truncate -s 8000 \"$1-wal\"",
    ] {
        assert_noticed(command, |_| ());
    }
}

#[test]
fn a_file_or_log_that_is_written_over_takes_no_more_writes() {
    for command in [
        "cat \"$1.old\" > \"$1\"",
        "cp \"$1.old\" \"$1\"",
        "head -c 100000 /dev/zero > \"$1\"",
        "yes | head -c 1000000 > \"$1\"",
        "head -c 100000 /dev/zero > \"$1-wal\"",
        "yes | head -c 1000000 > \"$1-wal\"",
        "dd if=/dev/zero of=\"$1-wal\" bs=32 count=1 conv=notrunc 2>/dev/null",
    ] {
        assert_noticed(command, |file| {
            let mut store = file.store();
            execute_all(&mut store, vec![create("first", "b")]);
            store.backup(&old_copy(file)).unwrap();
        });
    }
}

#[test]
fn what_other_processes_may_do_to_the_file_is_no_trouble() {
    for how in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"] {
        let file = TestFile::new();
        let mut store = store_under_way(&file);
        for place in 26..40 {
            fill(&mut store, place, 1);
            checkpoint(&file.path(), how);
        }
        assert_eq!(store.load("r").unwrap().records.len(), 40, "{how}");
    }
}

#[test]
fn a_database_that_another_process_compacts_goes_on() {
    let file = TestFile::new();
    let mut store = store_under_way(&file);
    let other = beside(&file.path());
    other
        .execute_batch("CREATE TABLE large AS SELECT randomblob(4000000) AS x; DROP TABLE large; VACUUM")
        .unwrap();
    fill(&mut store, 26, 1);
    checkpoint(&file.path(), "TRUNCATE");
    fill(&mut store, 27, 1);
    assert_eq!(store.load("r").unwrap().records.len(), 28);
}

#[test]
fn two_stores_that_write_in_turn_do_not_take_each_other_for_strangers() {
    let file = TestFile::new();
    let mut one = store_under_way(&file);
    let mut other = file.store();
    for place in (26..60).step_by(2) {
        fill(&mut one, place, 1);
        checkpoint(&file.path(), "RESTART");
        fill(&mut other, place + 1, 1);
        checkpoint(&file.path(), "PASSIVE");
    }
    drop(other);
    fill(&mut one, 60, 1);
    assert_eq!(one.load("r").unwrap().records.len(), 61);
}

#[test]
fn a_file_that_a_newer_release_has_migrated_takes_no_more_writes() {
    let file = TestFile::new();
    let mut store = store_under_way(&file);
    beside(&file.path()).pragma_update(None, "user_version", 99).unwrap();
    let text = message(execute(&mut store, drive("r", 1, 26, vec![tool_finished("c", "x")])));
    assert!(text.contains("was written by a newer haltpoint (schema 99"), "{text}");
    let entries: i64 = beside(&file.path())
        .query_row("SELECT count(*) FROM entries", [], |row| row.get(0))
        .unwrap();
    assert_eq!(entries, 26);
}

/// The next entry of a store that is under way.
fn go_on(store: &mut SqliteStore) -> Result<Committed, StoreError> {
    execute(store, drive("r", 1, 26, vec![tool_finished("c", "x")]))
}

#[test]
fn memory_about_the_log_that_goes_away_takes_no_more_writes() {
    for command in [
        "rm \"$1-shm\"",
        "cp \"$1-shm\" \"$1-copy\" && mv \"$1-copy\" \"$1-shm\"",
    ] {
        let file = TestFile::new();
        let mut store = store_under_way(&file);
        shell(command, &file.path());
        let text = message(go_on(&mut store));
        assert!(
            text.contains("-shm was deleted, moved or replaced"),
            "{command}: {text}"
        );
        assert!(
            message(store.load("r").map(|_| Committed::Released)).contains("-shm"),
            "{command}"
        );
        assert_closing_writes_nothing(store, &file.path());
    }
}

#[test]
fn a_log_that_is_written_over_behind_its_header_takes_no_more_writes() {
    for command in [
        // The first frame's header.
        "dd if=/dev/zero of=\"$1-wal\" bs=1 seek=32 count=24 conv=notrunc 2>/dev/null",
        // Of the last frame: its header, a part of its page, its last byte.
        "dd if=/dev/zero of=\"$1-wal\" bs=1 seek=$(($(stat -c %s \"$1-wal\") - 4120)) count=24 conv=notrunc 2>/dev/null",
        "yes | dd of=\"$1-wal\" bs=1 seek=$(($(stat -c %s \"$1-wal\") - 2000)) count=1000 conv=notrunc 2>/dev/null",
        "truncate -s -1 \"$1-wal\"",
    ] {
        let file = TestFile::new();
        let mut store = file.store();
        execute_all(&mut store, vec![create("r", "a")]);
        fill(&mut store, 1, 25);
        shell(command, &file.path());
        let text = message(go_on(&mut store));
        assert!(
            text.contains("was overwritten or cut off in place"),
            "{command}: {text}"
        );
        assert_closing_writes_nothing(store, &file.path());
    }
}

#[test]
fn an_older_state_of_all_its_files_is_noticed() {
    for restore in [
        "for f in \"\" -wal -shm; do cp \"$1.old$f\" \"$1$f\"; done",
        "for f in \"\" -wal -shm; do dd if=\"$1.old$f\" of=\"$1$f\" conv=notrunc 2>/dev/null; done",
    ] {
        let file = TestFile::new();
        let mut store = store_under_way(&file);
        shell(
            "for f in \"\" -wal -shm; do cp \"$1$f\" \"$1.old$f\"; done",
            &file.path(),
        );
        fill(&mut store, 26, 1);
        shell(restore, &file.path());
        // The older state takes the same entry once more.
        let text = message(go_on(&mut store));
        assert!(
            text.contains("was overwritten or cut off in place"),
            "{restore}: {text}"
        );
    }
}

#[test]
fn an_older_state_from_before_the_log_was_started_over_is_noticed() {
    let file = TestFile::new();
    let mut store = store_under_way(&file);
    shell(
        "for f in \"\" -wal -shm; do cp \"$1$f\" \"$1.old$f\"; done",
        &file.path(),
    );
    fill(&mut store, 26, 1);
    checkpoint(&file.path(), "RESTART");
    fill(&mut store, 27, 1);
    shell(
        "for f in -wal -shm; do dd if=\"$1.old$f\" of=\"$1$f\" conv=notrunc 2>/dev/null; done",
        &file.path(),
    );
    let text = message(go_on(&mut store));
    assert!(text.contains("was overwritten or cut off in place"), "{text}");
}

#[test]
fn a_run_that_somebody_removed_is_not_missed_when_the_log_is_started_over() {
    let file = TestFile::new();
    let mut store = store_under_way(&file);
    execute_all(&mut store, vec![create("s", "a")]);
    let removed = "DELETE FROM entries WHERE id >> 32 = 2; DELETE FROM runs WHERE run = 2";
    beside(&file.path()).execute_batch(removed).unwrap();
    checkpoint(&file.path(), "RESTART");
    beside(&file.path())
        .execute_batch("CREATE TABLE mine (x); DROP TABLE mine")
        .unwrap();
    fill(&mut store, 26, 1);
    assert_eq!(store.load("r").unwrap().records.len(), 27);
}

#[test]
fn a_database_that_was_emptied_is_not_opened_once_more_and_keeps_its_log() {
    let file = TestFile::new();
    let handle = StoreHandle::open_sqlite(&file.path(), SqliteOptions::default()).unwrap();
    handle.execute(create("r", "a")).unwrap();
    shell(": > \"$1\"", &file.path());
    let text = message(handle.load_blocking("r".into()));
    assert!(text.contains("was overwritten or cut off in place"), "{text}");
    assert!(fs::metadata(file.path().with_extension("db-wal")).unwrap().len() > 0);
    let text = message(handle.execute(drive("r", 1, 1, vec![tool_finished("c", "x")])));
    assert!(text.contains("was overwritten or cut off in place"), "{text}");
}
