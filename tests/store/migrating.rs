//! Files of earlier schemas are brought to the present one and keep what they hold. Their journals are of the first format: they can be
//! looked at, verified and exported, and nothing is written to them.

use std::collections::HashSet;

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::AuditKey;
use haltpoint_engine::requirement::{Decision, RememberScope};
use haltpoint_engine::session::{check, export, verify};
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{
    ApprovalFilter, ApprovalQuery, Committed, DueFilter, LeaseGrant, Operation, OverdueFilter, RequirementFilter,
    RequirementSet, RunStatus, Store, StoreError, UnsupportedJournal,
};

use crate::support::{
    TestFile, acquire, at, beside, cancel, create, decided_by, execute, execute_all, kinds, remembered, revoked, say,
};

/// What the release of each schema wrote: the schema, and runs.
const FIRST: &str = include_str!("schemas/1.sql");
const THIRD: &str = include_str!("schemas/3.sql");
const FIFTH: &str = include_str!("schemas/5.sql");
const KEY: &[u8] = b"a key of more than sixteen bytes";

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
    assert_eq!(version, 10);
}

#[test]
fn a_file_is_brought_up_once_however_often_it_is_opened() {
    let file = file_of(FIRST);
    let (mut first, mut second) = (open(&file), open(&file));
    assert_eq!(first.run_ids(None, 9), second.run_ids(None, 9));
    drop((first, second));
    assert_eq!(open(&file).run_ids(None, 9).unwrap().len(), 1);
}

fn of_earlier_format<T>(run_id: &str) -> Result<T, StoreError> {
    Err(StoreError::UnsupportedJournal {
        run_id: run_id.into(),
        problem: UnsupportedJournal::EarlierFormat(1),
    })
}

fn waiting(store: &mut dyn Store) -> haltpoint_engine::store::RequirementRow {
    let filter = RequirementFilter {
        set: RequirementSet::Open,
        limit: 9,
        ..RequirementFilter::default()
    };
    let [found] = <[_; 1]>::try_from(store.requirements(&filter).unwrap()).unwrap();
    found
}

#[test]
fn nothing_is_written_to_a_run_of_the_first_format() {
    for schema in [FIRST, THIRD, FIFTH] {
        let file = file_of(schema);
        let mut store = open(&file);
        let waiting = waiting(&mut store);
        let run_id = &*waiting.run_id;
        let before = store.load(run_id).unwrap();
        for operation in [
            acquire(run_id, "b", i64::MAX / 2),
            say(run_id, decided_by(&waiting.requirement_id, Decision::confirm(), "bob")),
            say(run_id, remembered(&waiting.requirement_id, RememberScope::Session, "k")),
            say(run_id, revoked(&waiting.requirement_id)),
            say(run_id, cancel()),
        ] {
            assert_eq!(execute(&mut store, operation), of_earlier_format(run_id));
        }
        let refusal = of_earlier_format::<()>(run_id).unwrap_err().to_string();
        assert!(
            refusal.contains("bring the run to its end with the release that began it"),
            "{refusal}"
        );
        assert_eq!(store.load(run_id).unwrap(), before);
        assert_eq!(
            check(&mut store).unwrap().len(),
            usize::from(schema == FIFTH),
            "the key of one is not given"
        );
    }
}

#[test]
fn what_is_done_by_itself_leaves_runs_of_the_first_format_alone() {
    let file = file_of(FIFTH);
    let mut store = open(&file);
    let due = DueFilter {
        agent_names: vec!["clerk".into()],
        now: Timestamp(i64::MAX),
        limit: 9,
        ..DueFilter::default()
    };
    assert_eq!(store.due(&due).unwrap(), []);
    beside(&file.path())
        .execute_batch("UPDATE requirements SET expires_at = 1")
        .unwrap();
    let overdue = OverdueFilter {
        run_id: None,
        now: at(i64::MAX),
        except: HashSet::new(),
        limit: 9,
    };
    assert_eq!(store.overdue(&overdue).unwrap(), []);
    execute_all(&mut store, vec![create("new", "a")]);
    assert_eq!(store.due(&due).unwrap().len(), 1);
}

#[test]
fn an_approval_that_nobody_could_revoke_answers_no_calls() {
    let file = file_of(FIFTH);
    let mut store = open(&file);
    let any = ApprovalFilter {
        limit: 9,
        ..ApprovalFilter::default()
    };
    assert_eq!(store.approvals(&any).unwrap(), []);
    let key: String = beside(&file.path())
        .query_row("SELECT key FROM remembered", [], |row| row.get(0))
        .unwrap();
    let query = ApprovalQuery {
        run_id: "new".into(),
        session_id: Some("shop".into()),
        key: key.into(),
    };
    assert_eq!(store.approvals_for(&query).unwrap(), []);
}

#[test]
fn a_completed_run_of_the_first_format_is_handed_out_as_one_that_is_done() {
    let file = file_of(FIFTH);
    let mut store = open(&file);
    let run_id = store.completed_runs("shop").unwrap().remove(0);
    let outcome = execute(&mut store, acquire(&run_id, "b", 9));
    assert!(
        matches!(outcome, Ok(Committed::Lease(LeaseGrant::Completed { .. }))),
        "{outcome:?}"
    );
    let release = Operation::Release {
        run_id: run_id.into(),
        epoch: 1,
    };
    execute_all(&mut store, vec![release]);
}

#[test]
fn runs_of_the_first_format_are_verified_and_exported_with_and_without_their_key() {
    let file = file_of(FIFTH);
    for key in [None, Some(AuditKey::new(KEY).unwrap())] {
        let options = SqliteOptions {
            audit_key: key.clone(),
            ..SqliteOptions::default()
        };
        let mut store = SqliteStore::open(&file.path(), &options).unwrap();
        for run_id in store.run_ids(None, 9).unwrap() {
            let row = store.row(&run_id).unwrap();
            assert_eq!(row.format, 1);
            let found = verify(&mut store, &run_id, None).unwrap();
            assert_eq!(found.ok, key.is_some() == row.audit_key_id.is_some(), "{found:?}");
            let text = export(&mut store, &run_id).unwrap();
            assert!(text.starts_with("{\"haltpoint_journal\":1,"), "{text}");
            assert!(!text.contains("salt"), "{text}");
        }
    }
}

#[test]
fn a_run_of_the_first_format_that_was_changed_is_found() {
    for change in [
        "UPDATE entries SET payload = replace(payload, 'ann', 'eve') WHERE actor IS NULL AND kind = 'requirement_decided'",
        "UPDATE entries SET salt = zeroblob(16) WHERE kind = 'run_paused'",
        "UPDATE entries SET actor = 'ann' WHERE kind = 'requirement_decided'",
        "UPDATE entries SET payload = NULL WHERE kind = 'run_paused'",
        "UPDATE runs SET format = 2",
    ] {
        let file = file_of(FIFTH);
        let mut store = open(&file);
        let run_id = store.run_ids(None, 9).unwrap().remove(1);
        assert!(verify(&mut store, &run_id, None).unwrap().ok);
        beside(&file.path()).execute_batch(change).unwrap();
        assert!(!verify(&mut store, &run_id, None).unwrap().ok, "{change}");
        assert!(store.load(&run_id).is_err(), "{change}");
    }
}
