//! As `reading_on`, where it is about files.

use crate::support::{TestFile, beside, drive, execute, execute_all, message, release, tool_started};
use haltpoint_engine::store::Store;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};

#[allow(unused_imports, reason = "what both need")]
use crate::reading_on::*;

#[test]
fn a_row_that_does_not_follow_upon_what_is_known_is_found() {
    let file = TestFile::new();
    let mut store = SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap();
    let end = begun(&mut store);
    execute_all(
        &mut store,
        vec![drive("r", 1, 2, vec![tool_started("c")]), release("r", 1)],
    );
    let changed = "UPDATE entries SET at = at + 1 WHERE id = (SELECT max(id) FROM entries)";
    beside(&file.path()).execute_batch(changed).unwrap();
    let problem = "does not fit together at entry 3";
    assert!(message(store.load_behind("r", end)).contains(problem));
    assert!(message(execute(&mut store, acquire_knowing(end))).contains(problem));
    assert_eq!(store.row("r").unwrap().holder, None);
}
