//! What a look over a database finds that was changed beside its journals.

use haltpoint_engine::requirement::Decision;
use haltpoint_engine::session::{check, verify};
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{RequirementFilter, RequirementRow, RequirementSet, Store};

use crate::support::{TestFile, beside, decided, execute_all, message, say};

/// A completed run, and one that waits.
const RUNS: &str = include_str!("schemas/7.sql");

/// A store with a completed run, and one with a large entry: the fifth, by an outsider.
fn store_of(file: &TestFile) -> SqliteStore {
    beside(&file.path()).execute_batch(RUNS).unwrap();
    let mut store = file.store();
    let waiting = waiting(&mut store);
    let large = Decision::Reject {
        note: Some("x".repeat(70_000).into()),
    };
    let decided = decided(&waiting.requirement_id, large);
    execute_all(&mut store, vec![say(&waiting.run_id, decided)]);
    store
}

fn waiting(store: &mut SqliteStore) -> RequirementRow {
    let filter = RequirementFilter {
        set: RequirementSet::Open,
        limit: 1,
        ..RequirementFilter::default()
    };
    store.requirements(&filter).unwrap().remove(0)
}

/// What the look finds after this was done to the file.
fn found_after(sql: &str) -> String {
    let file = TestFile::new();
    let mut store = store_of(&file);
    beside(&file.path())
        .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
        .unwrap();
    check(&mut store).unwrap().join("\n")
}

#[track_caller]
fn assert_found(sql: &str, expected: &str) {
    let found = found_after(sql);
    assert!(found.contains(expected), "{sql}: {found:?}");
}

#[test]
fn what_was_not_touched_is_sound() {
    assert_eq!(found_after(""), "");
    assert_eq!(
        found_after("CREATE VIEW mine AS SELECT 1; ANALYZE"),
        "",
        "views and numbers of one's own are no trouble"
    );
}

#[test]
fn an_outline_that_is_not_that_of_its_entry_is_found() {
    assert_found(
        "UPDATE outlines SET payload = replace(payload, 'xxxx', 'good')",
        "entry 5: its outline, which lists show in its place, is not that of its content",
    );
    assert_found(
        "INSERT INTO outlines SELECT min(id), payload FROM entries",
        "its outline",
    );
    assert_eq!(found_after("DELETE FROM outlines"), "", "lists show the entry itself");
    let file = TestFile::new();
    let mut store = store_of(&file);
    beside(&file.path())
        .execute("UPDATE outlines SET payload = '{'", [])
        .unwrap();
    let run_ids = store.run_ids(None, 9).unwrap();
    let is_sound = |run_id: &String| verify(&mut store, run_id, None).unwrap().ok;
    assert_eq!(run_ids.iter().map(is_sound).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_completed_run_that_counts_what_waits_is_found() {
    assert_found(
        "UPDATE runs SET open_requirements = 3 WHERE status = 'COMPLETED'",
        "the run's row counts 3 open requirements, where its journal has 0",
    );
}

#[test]
fn what_other_processes_would_notice_by_mistake_is_found() {
    let list = "is in the list by which other processes notice it";
    assert_found(
        "INSERT INTO outsiders (entry) SELECT min(id) FROM entries",
        &format!("entry 1 of run number 1 {list} although no outsider appended it"),
    );
    assert_found(
        "INSERT INTO outsiders (entry) SELECT entry FROM outsiders",
        &format!("entry 5 of run number 2 {list} 2 times"),
    );
}

#[test]
fn a_schema_that_is_not_that_of_this_release_is_found() {
    for (sql, expected) in [
        (
            "DROP TRIGGER requirement_closes",
            "the trigger requirement_closes is missing",
        ),
        ("DROP INDEX requirements_open", "the index requirements_open is missing"),
        (
            "DROP INDEX requirements_open; CREATE INDEX requirements_open ON requirements (place) WHERE decided IS NOT NULL",
            "the index requirements_open was changed",
        ),
        (
            "CREATE TRIGGER evil AFTER INSERT ON entries BEGIN DELETE FROM entries WHERE id = NEW.id - 1; END",
            "the trigger evil was added",
        ),
        (
            "DROP VIEW journal; CREATE VIEW journal AS SELECT 1",
            "the view journal was changed",
        ),
        ("ALTER TABLE runs ADD COLUMN mine TEXT", "the table runs was changed"),
    ] {
        assert_found(sql, expected);
    }
}

#[test]
fn a_number_of_the_schema_that_was_put_back_is_refused_with_advice() {
    for (version, said) in [(0, "schema 0"), (2, "schema 2")] {
        let file = TestFile::new();
        drop(store_of(&file));
        beside(&file.path())
            .pragma_update(None, "user_version", version)
            .unwrap();
        let refusal = message(SqliteStore::open(&file.path(), &SqliteOptions::default()));
        assert!(refusal.contains(said), "{refusal}");
        assert!(refusal.contains("Restore it from a backup"), "{refusal}");
        beside(&file.path()).pragma_update(None, "user_version", 10).unwrap();
        assert_eq!(file.store().run_ids(None, 9).unwrap().len(), 2);
    }
}
