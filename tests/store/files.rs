//! Which files are opened, how they look on disk, and which are refused untouched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use haltpoint_engine::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use haltpoint_engine::store::{Store, StoreError, WritableStore};

use crate::support::{
    TestFile, beside, create, drive, execute, execute_all, message, release, tool_finished, tool_started,
};

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, &SqliteOptions::default())
}

fn pragma<T: rusqlite::types::FromSql>(path: &Path, name: &str) -> T {
    beside(path).pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

/// What the directory holds: names and bytes.
fn snapshot(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |entry: fs::DirEntry| {
        (
            entry.file_name().into_string().unwrap(),
            fs::read(entry.path()).unwrap(),
        )
    };
    let mut found: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| read(entry.unwrap()))
        .collect();
    found.sort();
    found
}

/// Checks that the file is refused with that message, and that nothing in its directory changes.
fn assert_refused_untouched(path: &Path, expected: &str) {
    let before = snapshot(path.parent().unwrap());
    let text = message(open(path));
    assert!(text.contains(expected), "{text}");
    assert!(text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
    assert!(
        snapshot(path.parent().unwrap()) == before,
        "the refused file was touched"
    );
}

#[test]
fn a_new_file_and_those_beside_it_are_for_their_owner_only() {
    let file = TestFile::new();
    let mut store = file.store();
    execute_all(&mut store, vec![create("r", "a")]);
    let directory = file.path().parent().unwrap().to_owned();
    let mode = |entry: &fs::DirEntry| entry.metadata().unwrap().permissions().mode() & 0o777;
    let modes: Vec<u32> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| mode(&entry.unwrap()))
        .collect();
    assert_eq!(modes, [0o600; 3]);
}

#[test]
fn an_empty_file_becomes_a_database_for_its_owner_only() {
    let file = TestFile::new();
    fs::write(file.path(), b"").unwrap();
    fs::set_permissions(file.path(), PermissionsExt::from_mode(0o644)).unwrap();
    execute_all(&mut file.store(), vec![create("r", "a")]);
    assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_database_says_whose_it_is_and_uses_a_write_ahead_log() {
    let file = TestFile::new();
    drop(file.store());
    assert_eq!(pragma::<i32>(&file.path(), "application_id").to_be_bytes(), *b"halt");
    assert_eq!(pragma::<i64>(&file.path(), "user_version"), 10);
    assert_eq!(pragma::<String>(&file.path(), "journal_mode"), "wal");
}

#[test]
fn all_tables_are_strict() {
    let file = TestFile::new();
    drop(file.store());
    let sql = "SELECT count(*), total(strict) FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let counts = beside(&file.path()).query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)));
    assert_eq!(counts.unwrap(), (13, 13.0));
}

#[test]
fn people_can_read_journals_through_a_view() {
    let file = TestFile::new();
    execute_all(
        &mut file.store(),
        vec![create("r", "a"), drive("r", 1, 1, vec![tool_finished("c", "x")])],
    );
    let sql = "SELECT group_concat(run_id || seq || kind) FROM journal ORDER BY seq";
    let found: String = beside(&file.path()).query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(found, "r1tool_started,r2tool_finished");
}

#[test]
fn both_durabilities_keep_what_was_committed() {
    for durability in [Durability::Full, Durability::Normal] {
        let file = TestFile::new();
        let options = SqliteOptions {
            durability,
            ..SqliteOptions::default()
        };
        execute_all(
            &mut SqliteStore::open(&file.path(), &options).unwrap(),
            vec![create("r", "a")],
        );
        assert_eq!(file.store().load("r").unwrap().records.len(), 1);
    }
}

#[test]
fn a_missing_directory_is_to_be_created() {
    let file = TestFile::new();
    let text = message(open(&file.path().with_file_name("missing").join("runs.db")));
    assert!(text.contains("its directory does not exist; create it first"), "{text}");
}

#[test]
fn a_directory_is_no_database() {
    let file = TestFile::new();
    let text = message(open(file.path().parent().unwrap()));
    assert!(text.contains("it is a directory"), "{text}");
}

#[test]
fn names_that_mean_memory_to_sqlite_are_refused() {
    for name in ["", ":memory:"] {
        let text = message(open(Path::new(name)));
        assert!(text.contains("use the in-memory store"), "{text}");
    }
    assert!(!Path::new(":memory:").exists());
}

#[test]
fn names_with_special_characters_are_opened_literally() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a b?mode=ro#x.db", "%41.db", "é.db"] {
        let path = directory.path().join(name);
        execute_all(&mut open(&path).unwrap(), vec![create("r", "a")]);
        assert!(path.exists(), "{name}");
        assert!(open(&path).unwrap().load("r").is_ok(), "{name}");
    }
}

#[test]
fn a_symbolic_link_leads_to_the_file() {
    let file = TestFile::new();
    execute_all(&mut file.store(), vec![create("r", "a")]);
    let link = file.path().with_file_name("link.db");
    symlink(file.path(), &link).unwrap();
    assert!(open(&link).unwrap().load("r").is_ok());
}

#[test]
fn a_file_with_two_names_is_refused_under_each_until_one_is_gone() {
    let file = TestFile::new();
    execute_all(&mut file.store(), vec![create("r", "a")]);
    let other = file.path().with_file_name("other.db");
    fs::hard_link(file.path(), &other).unwrap();
    assert_refused_untouched(&file.path(), "2 names (hard links)");
    assert_refused_untouched(&other, "remove the other links");
    fs::remove_file(&other).unwrap();
    assert!(open(&file.path()).unwrap().load("r").is_ok());
}

#[test]
fn a_file_that_gets_a_second_name_while_it_is_open_goes_on_under_the_first_only() {
    let file = TestFile::new();
    let mut store = file.store();
    let other = file.path().with_file_name("other.db");
    fs::hard_link(file.path(), &other).unwrap();
    execute_all(&mut store, vec![create("r", "a")]);
    assert!(message(open(&other)).contains("2 names"));
}

#[test]
fn a_log_or_lock_file_that_lies_elsewhere_is_refused() {
    for suffix in ["-wal", "-shm"] {
        for link in [symlink as fn(PathBuf, PathBuf) -> _, fs::hard_link] {
            let file = TestFile::new();
            execute_all(&mut file.store(), vec![create("r", "a")]);
            let elsewhere = file.path().with_file_name("elsewhere");
            fs::write(&elsewhere, b"").unwrap();
            let mut beside = file.path().into_os_string();
            beside.push(suffix);
            link(elsewhere, beside.into()).unwrap();
            assert_refused_untouched(&file.path(), "lie in one directory");
        }
    }
}

#[test]
fn a_directory_with_two_names_is_one_place() {
    let file = TestFile::new();
    execute_all(&mut file.store(), vec![create("r", "a")]);
    let other = tempfile::tempdir().unwrap();
    symlink(file.path().parent().unwrap(), other.path().join("data")).unwrap();
    assert!(open(&other.path().join("data/runs.db")).unwrap().load("r").is_ok());
}

#[test]
fn a_file_that_is_no_database_is_refused_untouched() {
    let file = TestFile::new();
    fs::write(file.path(), "these are somebody's notes\n".repeat(100)).unwrap();
    assert_refused_untouched(&file.path(), "is no SQLite database");
}

#[test]
fn a_short_file_that_is_no_database_is_refused_untouched() {
    let file = TestFile::new();
    fs::write(file.path(), "x").unwrap();
    assert_refused_untouched(&file.path(), "is no SQLite database");
}

#[test]
fn another_applications_database_is_refused_untouched() {
    for setup in ["", "PRAGMA journal_mode = WAL;", "PRAGMA application_id = 77;"] {
        let file = TestFile::new();
        let other = beside(&file.path());
        other
            .execute_batch(&format!(
                "{setup} CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('n');"
            ))
            .unwrap();
        drop(other);
        assert_refused_untouched(&file.path(), "is the database of another application");
    }
}

#[test]
fn a_database_that_another_application_is_writing_is_refused_and_stays_whole() {
    let file = TestFile::new();
    let other = beside(&file.path());
    other
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT); BEGIN IMMEDIATE;")
        .unwrap();
    other.execute("INSERT INTO notes VALUES ('n')", []).unwrap();
    assert!(message(open(&file.path())).contains("is the database of another application"));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(
        other
            .query_row("SELECT count(*) FROM notes", [], |row| row.get::<_, i64>(0))
            .unwrap(),
        1
    );
}

#[test]
fn a_database_of_a_newer_release_is_refused_untouched() {
    let file = TestFile::new();
    drop(file.store());
    beside(&file.path()).pragma_update(None, "user_version", 11).unwrap();
    assert_refused_untouched(
        &file.path(),
        "was written by a newer haltpoint (schema 11, this one knows 10)",
    );
}

#[test]
fn an_empty_sqlite_database_with_a_journal_beside_it_becomes_ours() {
    let file = TestFile::new();
    let other = beside(&file.path());
    other
        .execute_batch("PRAGMA journal_mode = PERSIST; CREATE TABLE t (x); DROP TABLE t; VACUUM;")
        .unwrap();
    drop(other);
    execute_all(&mut file.store(), vec![create("r", "a")]);
    assert_eq!(file.store().load("r").unwrap().records.len(), 1);
}

#[test]
fn a_deleted_file_takes_no_more_writes() {
    let file = TestFile::new();
    let mut store = file.store();
    execute_all(&mut store, vec![create("r", "a")]);
    fs::remove_file(file.path()).unwrap();
    let outcomes = store.commit(&[drive("r", 1, 1, vec![tool_started("x")]), release("r", 1)]);
    for outcome in outcomes {
        assert!(message(outcome).contains("was deleted, moved or replaced while it was open"));
    }
    assert!(message(store.load("r")).contains("was deleted"));
}

#[test]
fn a_replaced_file_takes_no_more_writes() {
    let file = TestFile::new();
    let mut store = file.store();
    fs::rename(file.path(), file.path().with_file_name("moved.db")).unwrap();
    fs::write(file.path(), b"").unwrap();
    let text = message(execute(&mut store, create("r", "a")));
    assert!(text.contains("another file stands in its place"), "{text}");
    assert_eq!(fs::metadata(file.path()).unwrap().len(), 0);
}

#[test]
fn a_deleted_log_takes_no_more_writes() {
    let file = TestFile::new();
    let mut store = file.store();
    execute_all(&mut store, vec![create("r", "a")]);
    fs::remove_file(file.path().with_file_name("runs.db-wal")).unwrap();
    let text = message(execute(&mut store, release("r", 1)));
    assert!(text.contains("runs.db-wal was deleted"), "{text}");
}

#[test]
fn a_locked_database_fails_with_advice_after_the_timeout_and_writes_nothing() {
    let file = TestFile::new();
    let options = SqliteOptions {
        busy_timeout: std::time::Duration::from_millis(10),
        ..SqliteOptions::default()
    };
    let mut store = SqliteStore::open(&file.path(), &options).unwrap();
    let other = beside(&file.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcomes = store.commit(&[create("r", "a"), create("s", "a")]);
    for outcome in outcomes {
        assert!(message(outcome).contains("another process keeps it locked"));
    }
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.load("r"), Err(StoreError::RunNotFound { run_id: "r".into() }));
    execute_all(&mut store, vec![create("r", "a")]);
}

#[test]
fn a_read_only_file_is_named_as_such() {
    let file = TestFile::new();
    drop(file.store());
    fs::set_permissions(file.path(), PermissionsExt::from_mode(0o400)).unwrap();
    // The administrator may write everywhere, so that nothing can be seen there.
    if fs::OpenOptions::new().append(true).open(file.path()).is_err() {
        assert!(message(open(&file.path())).contains("read-only"));
    }
}

/// A copy of a page would hold payloads where no erasure finds them, and the rest of a large commit would go through it.
#[test]
fn no_page_that_may_have_to_be_restored_is_copied_to_a_temporary_file() {
    let file = TestFile::new();
    drop(file.store());
    let connection = beside(&file.path());
    let mut statement = connection.prepare("PRAGMA compile_options").unwrap();
    let options: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(options.contains(&"STMTJRNL_SPILL=-1".to_owned()), "{options:?}");
}
