//! The write-ahead log: how long it is, and when it is emptied into the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// After how many further pages the log is emptied; SQLite's own number.
const PAGES: u32 = 1_000;

/// Empties the log when its owner says so, instead of in the midst of a commit that somebody waits for.
#[derive(Debug)]
pub(super) struct Log {
    /// Pages in the log, as of the last commit here.
    length: Arc<AtomicU32>,
    /// How many of them were in it when it was last emptied. It starts over only once nobody reads it any more.
    emptied: u32,
}

impl Log {
    /// Takes the log over from SQLite.
    pub(super) fn take_over(connection: &mut Connection) -> rusqlite::Result<Self> {
        let length = Arc::new(AtomicU32::new(0));
        let noted = Arc::clone(&length);
        connection.wal_hook(Some(move |_: &mut Wal, pages: i32| {
            noted.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { length, emptied: 0 })
    }

    /// Whether the log is long enough to be emptied.
    pub(super) fn is_due(&mut self) -> bool {
        let length = self.length.load(Ordering::Relaxed);
        if length < self.emptied {
            self.emptied = 0;
        }
        length >= self.emptied + PAGES
    }

    /// Empties the log as far as readers allow, and waits for the disk.
    pub(super) fn empty(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.emptied = self.length.load(Ordering::Relaxed);
        connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
            .query_row([], |_| Ok(()))
    }
}
