//! Keyed runs: who has the key writes to them, everybody can look at them.

use haltpoint_engine::journal::{AuditKey, Chain, Format};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{Position, RunStatus, Store, StoreError, WritableStore};

use crate::support::{
    Deaths, TestFile, acquire, beside, cancel, check_hashes, confirmed, create, drive, execute, execute_all, granted,
    message, opened, release, say, stop, tool_finished,
};

fn key(name: &str) -> AuditKey {
    AuditKey::new(format!("the audit key called {name}").as_bytes()).unwrap()
}

fn options(key: Option<AuditKey>) -> SqliteOptions {
    SqliteOptions {
        audit_key: key,
        ..SqliteOptions::default()
    }
}

/// Runs a test on each kind of store, which is given another key whenever the test says so.
fn on_each_store(test: impl Fn(&mut dyn FnMut(Option<AuditKey>, &mut dyn FnMut(&mut dyn WritableStore)))) {
    let mut memory = Some(MemoryStore::new(Box::new(Deaths::default())));
    test(&mut |key, step| {
        let mut store = memory.take().unwrap().with_audit_key(key);
        step(&mut store);
        memory = Some(store);
    });
    let file = TestFile::new();
    test(&mut |key, step| {
        let deaths = Box::new(Deaths::default());
        step(&mut SqliteStore::open_with_liveness(&file.path(), &options(key), deaths).unwrap());
    });
}

fn make_runs(store: &mut dyn WritableStore) {
    execute_all(
        store,
        vec![
            create("running", "a"),
            create("paused", "a"),
            drive("paused", 1, 1, vec![opened("q")]),
            stop("paused", 1, 2, RunStatus::Paused),
            create("completed", "a"),
            stop("completed", 1, 1, RunStatus::Completed),
        ],
    );
}

#[test]
fn a_keyed_run_is_looked_at_by_everybody_and_written_to_with_its_key_only() {
    for other in [None, Some(key("other"))] {
        on_each_store(|with| {
            with(Some(key("right")), &mut make_runs);
            with(other.clone(), &mut |store| {
                let refused = |run_id: &str| StoreError::AuditKey {
                    run_id: run_id.into(),
                    wanted: Some(key("right").id().clone()),
                    given: other.as_ref().map(|key| key.id().clone()),
                };
                assert_eq!(store.load("paused").unwrap().records.len(), 3);
                assert_eq!(
                    store.row("paused").unwrap().audit_key_id.as_ref(),
                    Some(key("right").id())
                );
                for operation in [acquire("paused", "b", 9), say("paused", confirmed("q"))] {
                    assert_eq!(execute(store, operation), Err(refused("paused")));
                }
                for operation in [
                    say("running", cancel()),
                    drive("running", 1, 1, vec![tool_finished("c", "x")]),
                ] {
                    assert_eq!(execute(store, operation), Err(refused("running")));
                }
                let completed = execute(store, acquire("completed", "b", 9)).unwrap();
                assert!(format!("{completed:?}").starts_with("Lease(Completed"));
                execute(store, release("running", 1)).unwrap();
            });
            with(Some(key("right")), &mut |store| {
                let (_, run) = granted(execute(store, acquire("paused", "c", 9)));
                assert_eq!(run.records.len(), 3);
                execute(store, say("paused", confirmed("q"))).unwrap();
            });
        });
    }
}

#[test]
fn who_has_a_key_does_not_write_to_a_run_that_anybody_could_have_written() {
    on_each_store(|with| {
        with(None, &mut make_runs);
        with(Some(key("k")), &mut |store| {
            let refused = StoreError::AuditKey {
                run_id: "paused".into(),
                wanted: None,
                given: Some(key("k").id().clone()),
            };
            assert!(refused.to_string().contains("open the database without an audit key"));
            assert_eq!(store.load("paused").unwrap().records.len(), 3);
            for operation in [acquire("paused", "b", 9), say("paused", confirmed("q"))] {
                assert_eq!(execute(store, operation), Err(refused.clone()));
            }
        });
        with(None, &mut |store| {
            execute(store, say("paused", confirmed("q"))).unwrap();
        });
    });
}

#[test]
fn each_row_of_a_keyed_run_has_the_hash_of_its_chain() {
    on_each_store(|with| {
        with(Some(key("k")), &mut |store| {
            make_runs(store);
            execute(store, say("paused", confirmed("q"))).unwrap();
            check_hashes(store, "paused", &Chain::new(Format::Second, Some(&key("k"))));
        });
    });
}

fn notices(file: &TestFile, key: Option<AuditKey>) -> Vec<bool> {
    let mut store = SqliteStore::open(&file.path(), &options(key)).unwrap();
    let found = store.changes(Position::default()).unwrap().records;
    found.iter().map(|notice| notice.authentic).collect()
}

#[test]
fn a_notice_of_a_row_that_somebody_without_the_key_wrote_is_not_authentic() {
    let file = TestFile::new();
    let mut store = SqliteStore::open(&file.path(), &options(Some(key("k")))).unwrap();
    make_runs(&mut store);
    execute(&mut store, say("paused", confirmed("q"))).unwrap();
    assert_eq!(notices(&file, Some(key("k"))), [true]);
    beside(&file.path())
        .execute_batch(
            "INSERT INTO entries SELECT id + 1, driver_entries, outsider, at, kind, hash, requires, action, actor, requirement_id, salt,
                 commitment, payload FROM entries WHERE kind = 'requirement_decided';
             INSERT INTO outsiders (entry) SELECT max(id) FROM entries WHERE kind = 'requirement_decided';",
        )
        .unwrap();
    assert_eq!(notices(&file, Some(key("k"))), [true, false]);
    assert_eq!(notices(&file, Some(key("other"))), [false, false]);
    assert_eq!(notices(&file, None), [true, true], "nothing tells them apart");
    beside(&file.path())
        .execute_batch("UPDATE runs SET audit_key_id = NULL")
        .unwrap();
    assert_eq!(notices(&file, Some(key("k"))), [false, false]);
}

#[test]
fn openings_of_one_file_in_one_process_have_one_key() {
    let file = TestFile::new();
    let open = |key| StoreHandle::open_sqlite(&file.path(), options(key));
    let first = open(Some(key("k"))).unwrap();
    assert!(open(Some(key("k"))).is_ok());
    for other in [None, Some(key("other"))] {
        assert!(message(open(other)).contains("another durability, lease or audit key"));
    }
    first.close();
    assert!(open(None).is_ok());
}
