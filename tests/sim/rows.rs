//! Rows beside the journals that somebody deletes or sets back who can write the file.

use haltpoint_engine::store::SaltSource;
use haltpoint_engine::store::WritableStore;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::liveness::Lives;
use crate::random::Random;

/// What is done to all rows at once. Journals stay as they are, and so do leases, which no journal knows.
const RESETS: [&str; 11] = [
    "UPDATE requirements SET decided = NULL",
    "UPDATE requirements SET decided = NULL, approvals_needed = 1",
    "UPDATE requirements SET decided = NULL, expires_at = NULL",
    "UPDATE requirements SET decided = opened",
    "UPDATE requirements SET kind = 'confirmation', expires_at = 1",
    "DELETE FROM requirements WHERE place % 2 = 0",
    "DELETE FROM approvals",
    "DELETE FROM remembered",
    "UPDATE remembered SET revoked = NULL",
    "UPDATE runs SET open_requirements = 0",
    "UPDATE runs SET status = 'PAUSED'",
];

/// A database file, and a way to its rows that is not the store's.
pub(crate) struct Rows {
    beside: rusqlite::Connection,
    _directory: TempDir,
}

/// A store on a file of its own.
pub(crate) fn on_file(lives: &Lives) -> (Box<dyn WritableStore>, Option<Rows>) {
    // Nothing of it has to survive, so memory will do where files can be had in it.
    let directory = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    let path = directory.path().join("runs.db");
    let options = SqliteOptions {
        durability: Durability::Normal,
        salts: SaltSource::Counting,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open_with_liveness(&path, &options, Box::new(lives.clone())).unwrap();
    let beside = rusqlite::Connection::open(&path).unwrap();
    beside
        .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF")
        .unwrap();
    let rows = Rows {
        beside,
        _directory: directory,
    };
    (Box::new(store), Some(rows))
}

impl Rows {
    /// Sets some back; which ones follows from the seed.
    pub(crate) fn reset(&self, seed: u64) -> &'static str {
        let reset = Random::new(seed).one_of(&RESETS);
        self.beside.execute_batch(reset).unwrap();
        reset
    }
}
