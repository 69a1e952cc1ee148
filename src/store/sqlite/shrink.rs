//! Making the file smaller: freed pages are given back a few at a time, or the whole file is written anew.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Surroundings;
use super::fault::Fault;
use super::rows::{SELECT_RUNS, numbered_run};
use crate::Text;
use crate::store::StoreError;
use crate::store::rules::{Lease, unusable};

/// SQLite's number for files whose freed pages can be given back without writing the whole file anew.
const INCREMENTAL: i64 = 2;

/// How many pages are given back between two looks at the clock.
const AT_ONCE: &str = "PRAGMA incremental_vacuum(16)";

/// Lets freed pages be given back: of a file that is still empty; else from the next [`rewrite`] on.
pub(super) fn give_pages_back(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)
}

/// Whether there are pages to be given back.
pub(super) fn is_possible(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(is_incremental(connection)? && free_pages(connection)? > 0)
}

/// Gives freed pages back, as many as the time allows, and says whether there are more.
pub(super) fn shrink(connection: &Connection, patience: Duration) -> rusqlite::Result<bool> {
    let (begun, before) = (Instant::now(), free_pages(connection)?);
    let (mut free, mut goes_on) = (before, true);
    while goes_on {
        give_back_some(connection)?;
        let left = free_pages(connection)?;
        goes_on = left > 0 && left < free && begun.elapsed() < patience;
        free = left;
    }
    if free < before {
        tell_others(connection)?;
    }
    Ok(free > 0 && free < before)
}

/// SQLite gives one page back for each row that is asked for.
fn give_back_some(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(AT_ONCE)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Changes the schema cookie, as writing the whole file anew does. By that the guard of each opening, in whichever process, tells a file that
/// has become smaller from one that somebody cut off or wrote an older copy over.
fn tell_others(connection: &Connection) -> rusqlite::Result<()> {
    let cookie: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    connection.pragma_update(None, "schema_version", cookie + 1)
}

fn is_incremental(connection: &Connection) -> rusqlite::Result<bool> {
    let found: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    Ok(found == INCREMENTAL)
}

fn free_pages(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA freelist_count")?
        .query_row([], |row| row.get(0))
}

/// Writes the whole file anew, without free pages and without what is left of rows in unused parts of pages. Nobody else writes meanwhile.
pub(super) fn rewrite(connection: &Connection) -> rusqlite::Result<()> {
    if !is_incremental(connection)? {
        give_pages_back(connection)?;
    }
    connection.execute_batch("VACUUM")
}

/// A run whose holder is alive. Other processes have the file open, and are found by that.
pub(super) fn driven_run(connection: &Connection, surroundings: Surroundings<'_>) -> Result<Option<Text>, Fault> {
    let mut statement = connection.prepare(&format!("{SELECT_RUNS} WHERE r.holder IS NOT NULL"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let run = numbered_run(row)?;
        let is_driven = |lease: Lease| surroundings.liveness.is_alive(&lease.holder) == Some(true);
        if run.lease.is_some_and(is_driven) {
            return Ok(Some(run.row.run_id));
        }
    }
    Ok(None)
}

/// Another process would be held up for as long as the file is written anew.
pub(super) fn opened_by(pid: i32, path: &Path) -> StoreError {
    let who = match pid {
        0 => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    unusable(format!(
        "cannot compact the database {}: {who} has it open, and could not write meanwhile; nothing was changed. End all other processes \
         that use the database, then compact it",
        path.display()
    ))
}

/// A run of this process would be held up.
pub(super) fn driven(run_id: &str, path: &Path) -> StoreError {
    unusable(format!(
        "cannot compact the database {}: run {run_id} is being driven, and would have to wait; nothing was changed. Compact it when no run \
         is driven",
        path.display()
    ))
}

/// The file is written anew, and the log is not emptied.
pub(super) fn log_is_read(path: &Path) -> StoreError {
    unusable(format!(
        "the database {} is compacted, but something reads from its log, which may hold copies of what was erased, and the file has its old \
         size until the log is emptied. Compact it once more when nothing else reads it",
        path.display()
    ))
}
