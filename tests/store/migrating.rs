//! Files of earlier schemas are brought to the present one and keep what they hold.

use haltpoint_engine::requirement::Decision;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{OverdueFilter, RequirementFilter, RunStatus, Store};

use crate::support::{TestFile, appended, at, beside, decided_by, execute, kinds, say};

/// What the release of each schema wrote: the schema, and a run that waits for a confirmation.
const FIRST: &str = include_str!("schemas/1.sql");

fn file_of(schema: &str) -> TestFile {
    let file = TestFile::new();
    beside(&file.path()).execute_batch(schema).unwrap();
    file
}

fn open(file: &TestFile) -> SqliteStore {
    SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap()
}

#[test]
fn a_file_of_the_first_schema_keeps_its_runs() {
    let file = file_of(FIRST);
    let mut store = open(&file);
    let run_id = store.run_ids(None, 9).unwrap().remove(0);
    let run = store.load(&run_id).unwrap();
    assert_eq!(run.row.status, RunStatus::Paused);
    assert_eq!(
        kinds(&run),
        ["run_started", "model_replied", "requirement_opened", "run_paused"]
    );
    assert_eq!(store.check().unwrap(), [""; 0]);
    let version: i64 = beside(&file.path())
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 3);
}

#[test]
fn what_a_run_of_the_first_schema_waits_for_never_expires_and_needs_one_person() {
    let file = file_of(FIRST);
    let mut store = open(&file);
    let filter = RequirementFilter {
        open_only: true,
        limit: 9,
        ..RequirementFilter::default()
    };
    let open = store.requirements(&filter).unwrap().remove(0);
    let due = OverdueFilter {
        run_id: None,
        now: at(i64::MAX),
        limit: 9,
    };
    assert_eq!(store.overdue(&due).unwrap(), []);
    let approval = decided_by(&open.requirement_id, Decision::confirm(), "ann");
    assert_eq!(execute(&mut store, say(&open.run_id, approval)), appended(5));
    assert_eq!(store.requirements(&filter).unwrap(), []);
}

#[test]
fn a_file_is_brought_up_once_however_often_it_is_opened() {
    let file = file_of(FIRST);
    let (mut first, mut second) = (open(&file), open(&file));
    assert_eq!(first.run_ids(None, 9), second.run_ids(None, 9));
    drop((first, second));
    assert_eq!(open(&file).run_ids(None, 9).unwrap().len(), 1);
}
