//! The stores and backends of the engine, each of which has to pass the same tests; crates with a backend of their own have their own list.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use haltpoint_engine::journal::AuditKey;
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::memory::{MemoryBackend, MemoryStore};
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{SaltSource, WritableStore};
use tempfile::TempDir;

use crate::support::Deaths;
use crate::through::Through;
use crate::toy::ToyBackend;

/// A database file in a directory of its own.
pub(crate) struct TestFile {
    directory: TempDir,
}

impl TestFile {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("runs.db")
    }

    pub(crate) fn store(&self) -> SqliteStore {
        self.store_with(Deaths::default())
    }

    pub(crate) fn store_with(&self, deaths: Deaths) -> SqliteStore {
        SqliteStore::open_with_liveness(&self.path(), &SqliteOptions::default(), Box::new(deaths)).unwrap()
    }
}

/// Runs a test on each kind of blocking store.
pub(crate) fn on_each_blocking_store(test: impl Fn(&mut dyn WritableStore, &Deaths)) {
    let deaths = Deaths::default();
    test(&mut MemoryStore::new(Box::new(deaths.clone())), &deaths);
    let (file, deaths) = (TestFile::new(), Deaths::default());
    test(&mut file.store_with(deaths.clone()), &deaths);
}

/// Runs a test on each kind of store, and on each backend.
pub(crate) fn on_each_store(test: impl Fn(&mut dyn WritableStore, &Deaths)) {
    on_each_blocking_store(&test);
    on_each_backend(|handle, deaths| test(&mut Through(handle.clone()), deaths));
}

/// Runs a test on a handle of each backend.
pub(crate) fn on_each_backend(test: impl Fn(&StoreHandle, &Deaths)) {
    let deaths = Deaths::default();
    let store = MemoryStore::new(Box::new(deaths.clone()));
    test(&StoreHandle::new(Arc::new(MemoryBackend::new(store))), &deaths);
    let (file, deaths) = (TestFile::new(), Deaths::default());
    let options = SqliteOptions {
        liveness: Arc::new(deaths.clone()),
        ..SqliteOptions::default()
    };
    test(&StoreHandle::open_sqlite(&file.path(), options).unwrap(), &deaths);
    let deaths = Deaths::default();
    test(
        &StoreHandle::new(Arc::new(ToyBackend::new(Box::new(deaths.clone())))),
        &deaths,
    );
}

/// A connection beside the store, as another program might have.
pub(crate) fn beside(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

/// What a play on a store comes to whose hashes can be foretold.
pub(crate) fn with_counting_salts(
    audit_key: Option<AuditKey>,
    deaths: &Deaths,
    play: impl FnOnce(&mut dyn WritableStore) -> usize,
) -> usize {
    let file = TestFile::new();
    let options = SqliteOptions {
        audit_key,
        salts: SaltSource::Counting,
        ..SqliteOptions::default()
    };
    play(&mut SqliteStore::open_with_liveness(&file.path(), &options, Box::new(deaths.clone())).unwrap())
}
