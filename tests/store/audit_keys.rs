//! Keyed runs: who has the key writes to them, everybody can look at them.

use haltpoint_engine::journal::{AuditKey, Chain, encode};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{RunStatus, Store, StoreError};

use crate::support::{
    Deaths, TestFile, acquire, cancel, confirmed, create, drive, execute, execute_all, granted, message, opened,
    release, say, stop, tool_finished,
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
fn on_each_store(test: impl Fn(&mut dyn FnMut(Option<AuditKey>, &mut dyn FnMut(&mut dyn Store)))) {
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

fn make_runs(store: &mut dyn Store) {
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
                    wanted: key("right").id().clone(),
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
fn a_run_keeps_the_chain_that_it_began_with() {
    on_each_store(|with| {
        with(None, &mut |store| execute_all(store, vec![create("plain", "a")]));
        with(Some(key("k")), &mut |store| {
            execute_all(
                store,
                vec![
                    drive("plain", 1, 1, vec![tool_finished("first", "x")]),
                    create("keyed", "a"),
                    drive("keyed", 1, 1, vec![tool_finished("first", "x")]),
                ],
            );
            for (run_id, chain) in [("plain", Chain::Plain), ("keyed", Chain::Keyed(key("k")))] {
                let mut hash = chain.genesis(run_id);
                for record in store.load(run_id).unwrap().records {
                    let payload = encode(&record.entry).unwrap();
                    hash = chain.next(
                        &hash,
                        record.seq,
                        record.at,
                        record.outsider,
                        record.entry.kind(),
                        &payload,
                    );
                    assert_eq!(record.hash, hash, "{run_id}");
                }
            }
        });
    });
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
