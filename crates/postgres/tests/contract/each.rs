//! What the engine's tests run on here: the blocking store and the backend, each on a database of its own.

use std::sync::Arc;

use haltpoint_engine::journal::AuditKey;
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{SaltSource, WritableStore};
use haltpoint_postgres::{PostgresOptions, PostgresStore, open};

use crate::server::Database;
use crate::support::Deaths;
use crate::through::Through;

fn options(deaths: &Deaths) -> PostgresOptions {
    PostgresOptions {
        liveness: Arc::new(deaths.clone()),
        ..PostgresOptions::default()
    }
}

/// Runs a test on the blocking store.
pub(crate) fn on_each_blocking_store(test: impl Fn(&mut dyn WritableStore, &Deaths)) {
    let Some(database) = Database::new() else { return };
    let deaths = Deaths::default();
    test(
        &mut PostgresStore::open(&database.url(), &options(&deaths)).unwrap(),
        &deaths,
    );
}

/// Runs a test on the blocking store, and on the backend.
pub(crate) fn on_each_store(test: impl Fn(&mut dyn WritableStore, &Deaths)) {
    on_each_blocking_store(&test);
    on_each_backend(|handle, deaths| test(&mut Through(handle.clone()), deaths));
}

/// Runs a test on a handle of the backend.
pub(crate) fn on_each_backend(test: impl Fn(&StoreHandle, &Deaths)) {
    let Some(database) = Database::new() else { return };
    let deaths = Deaths::default();
    let handle = open(&database.url(), options(&deaths)).unwrap();
    test(&handle, &deaths);
    handle.close();
}

/// What a play on a store comes to whose hashes can be foretold.
pub(crate) fn with_counting_salts(
    audit_key: Option<AuditKey>,
    deaths: &Deaths,
    play: impl FnOnce(&mut dyn WritableStore) -> usize,
) -> usize {
    // Without a server there is nothing that could differ.
    let Some(database) = Database::new() else {
        return usize::MAX;
    };
    let options = PostgresOptions {
        audit_key,
        salts: SaltSource::Counting,
        ..options(deaths)
    };
    play(&mut PostgresStore::open(&database.url(), &options).unwrap())
}
