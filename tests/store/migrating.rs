//! Files of earlier schemas are brought to the present one and keep what they hold.

use std::collections::HashSet;

use haltpoint_engine::requirement::{Decision, RememberScope};
use haltpoint_engine::session::verify;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{
    ApprovalFilter, OverdueFilter, RequirementFilter, RequirementSet, RunStatus, Store, StoreError,
};

use crate::support::{TestFile, appended, at, beside, decided_by, execute, kinds, remembered, revoked, say};

/// What the release of each schema wrote: the schema, and a run that waits for a confirmation; of the third also one that is done.
const FIRST: &str = include_str!("schemas/1.sql");
const THIRD: &str = include_str!("schemas/3.sql");

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
    assert_eq!(version, 5);
}

#[test]
fn what_a_run_of_the_first_schema_waits_for_never_expires_and_needs_one_person() {
    let file = file_of(FIRST);
    let mut store = open(&file);
    let filter = RequirementFilter {
        set: RequirementSet::Open,
        limit: 9,
        ..RequirementFilter::default()
    };
    let open = store.requirements(&filter).unwrap().remove(0);
    let due = OverdueFilter {
        run_id: None,
        now: at(i64::MAX),
        except: HashSet::new(),
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

#[test]
fn approvals_can_be_remembered_in_a_file_of_the_third_schema() {
    let file = file_of(THIRD);
    let mut store = open(&file);
    let any = ApprovalFilter {
        limit: 9,
        ..ApprovalFilter::default()
    };
    assert_eq!(store.approvals(&any).unwrap(), []);
    let filter = RequirementFilter {
        limit: 9,
        ..RequirementFilter::default()
    };
    let [waiting, decided] = <[_; 2]>::try_from(store.requirements(&filter).unwrap()).unwrap();
    assert!(matches!(
        execute(&mut store, say(&decided.run_id, revoked(&decided.requirement_id))),
        Err(StoreError::NotRemembered { .. })
    ));
    let approval = remembered(&waiting.requirement_id, RememberScope::Session, "k");
    assert_eq!(execute(&mut store, say(&waiting.run_id, approval)), appended(5));
    assert_eq!(store.approvals(&any).unwrap(), [waiting]);
    for run_id in store.run_ids(None, 9).unwrap() {
        assert_eq!(verify(&mut store, &run_id, None).unwrap().first_bad, None);
    }
}
