//! The write-ahead log: how long it is, and when it is emptied into the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// After how many further pages the log is emptied; SQLite's own number.
const PAGES: u32 = 1_000;

/// Counts the pages in the log; and empties it when its owner says so, instead of in the midst of a commit that somebody waits for.
#[derive(Debug)]
pub(super) struct Log {
    /// Pages in the log, as of the last commit here.
    length: Arc<AtomicU32>,
    /// The same, until somebody asks for it.
    written: Arc<AtomicU32>,
    /// Whether its owner empties the log. Else each commit does that when it is time, as SQLite would.
    is_taken_over: Arc<AtomicBool>,
    /// How many of them were in it when it was last emptied. It starts over only once nobody reads it any more.
    emptied: u32,
}

impl Log {
    /// Watches the log from now on.
    pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<Self> {
        let (length, written) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let is_taken_over = Arc::new(AtomicBool::new(false));
        let log = Self {
            length: Arc::clone(&length),
            written: Arc::clone(&written),
            is_taken_over: Arc::clone(&is_taken_over),
            emptied: 0,
        };
        connection.wal_hook(Some(move |wal: &mut Wal, pages: i32| {
            let pages = pages.unsigned_abs();
            length.store(pages, Ordering::Relaxed);
            written.store(pages, Ordering::Relaxed);
            if pages >= PAGES && !is_taken_over.load(Ordering::Relaxed) {
                // What is in the way now is not in the way of the commit, which is made.
                let _ = wal.checkpoint();
            }
            Ok(())
        }))?;
        Ok(log)
    }

    /// From now on the log is emptied by [`Log::empty`] only.
    pub(super) fn take_over(&self) {
        self.is_taken_over.store(true, Ordering::Relaxed);
    }

    /// How many pages are in the log, up to the end of the last commit here; `None` where none was made since this was last asked.
    pub(super) fn take_written(&self) -> Option<u32> {
        Some(self.written.swap(0, Ordering::Relaxed)).filter(|pages| *pages > 0)
    }

    /// Whether it is for the owner to empty the log, and time to.
    pub(super) fn is_due(&mut self) -> bool {
        let length = self.length.load(Ordering::Relaxed);
        if length < self.emptied {
            self.emptied = 0;
        }
        self.is_taken_over.load(Ordering::Relaxed) && length >= self.emptied + PAGES
    }

    /// Empties the log as far as readers allow, and waits for the disk.
    pub(super) fn empty(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.emptied = self.length.load(Ordering::Relaxed);
        connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
            .query_row([], |_| Ok(()))
    }
}
