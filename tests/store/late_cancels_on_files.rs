//! As `late_cancels`, where it is about files.

use crate::support::{TestFile, appended, beside, cancel, create, execute, execute_all, say};
use haltpoint_engine::journal::AuditKey;
use haltpoint_engine::store::CancelFlag;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};

#[allow(unused_imports, reason = "what both need")]
use crate::late_cancels::*;

#[test]
fn a_cancel_that_anybody_could_have_written_does_not_end_a_keyed_run() {
    let file = TestFile::new();
    let options = SqliteOptions {
        audit_key: Some(AuditKey::new(b"a key of sixteen bytes or more").unwrap()),
        ..SqliteOptions::default()
    };
    let mut store = SqliteStore::open(&file.path(), &options).unwrap();
    execute_all(&mut store, vec![create("r", "a"), say("r", cancel())]);
    beside(&file.path())
        .execute(
            "UPDATE entries SET hash = zeroblob(32) WHERE kind = 'cancel_requested'",
            [],
        )
        .unwrap();
    assert_eq!(execute(&mut store, end(1, (0, 0), &CancelFlag::default())), appended(5));
}

#[test]
fn a_cancel_of_a_keyed_run_is_what_it_ends_with() {
    let file = TestFile::new();
    let options = SqliteOptions {
        audit_key: Some(AuditKey::new(b"a key of sixteen bytes or more").unwrap()),
        ..SqliteOptions::default()
    };
    let mut store = SqliteStore::open(&file.path(), &options).unwrap();
    execute_all(&mut store, vec![create("r", "a"), say("r", cancel())]);
    assert_eq!(
        execute(&mut store, end(1, (0, 0), &CancelFlag::default())),
        cancelled(4)
    );
}
