//! Opens a connection and makes sure that it behaves as the durability rules need.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};

use super::fault::{Fault, is_busy};
use super::file::refuse_foreign;
use super::migrate::{Header, Standing, migrate};
use super::options::SqliteOptions;
use super::shrink;
use crate::store::StoreError;
use crate::store::rules::unusable;

/// Older ones can lose commits when the write-ahead log starts over.
const OLDEST_SQLITE: i32 = 3_051_003;

/// The log is cut back to this size, in bytes, after something large went through it.
const LOG_SIZE_LIMIT: i64 = 16 << 20;

const STATEMENTS_KEPT: usize = 48;

/// Opens the file at `path`, which exists.
pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    refuse_old_sqlite()?;
    refuse_early_clock()?;
    refuse_foreign(path)?;
    connect(path, options).map_err(|fault| fault.describe("open", path))
}

fn refuse_old_sqlite() -> Result<(), StoreError> {
    if rusqlite::version_number() >= OLDEST_SQLITE {
        return Ok(());
    }
    let version = rusqlite::version();
    Err(unusable(format!(
        "SQLite {version} can lose commits; build haltpoint with SQLite 3.51.3 or newer"
    )))
}

/// Ids and times count from 1970.
fn refuse_early_clock() -> Result<(), StoreError> {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(_) => Ok(()),
        Err(_) => Err(unusable(
            "the clock of this machine shows a time before 1970; set it, then open the database again".to_owned(),
        )),
    }
}

fn connect(path: &Path, options: &SqliteOptions) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    if connection.is_readonly("main")? {
        return Err(unusable(format!(
            "the database {} is read-only; make it writable for this user",
            path.display()
        ))
        .into());
    }
    // Before anything is changed in the file.
    if Header::read(&mut connection)?.standing(path)? == Standing::Behind(0) {
        // Only before the first page is written; one that has tables already gets it when it is compacted.
        shrink::give_pages_back(&connection)?;
    }
    use_write_ahead_log(&connection, options.busy_timeout)?;
    set(&connection, "synchronous", options.durability.synchronous())?;
    set(&connection, "journal_size_limit", LOG_SIZE_LIMIT)?;
    // What is freed within a page is overwritten at once: else what a run said would be left where it stood before its page was divided,
    // and no erasure would find it.
    overwrite_freed(&connection)?;
    // A table that is made anew is for a moment one that others refer to and that is not there.
    set(&connection, "foreign_keys", 0)?;
    // The tables go through the log, too, which takes fewer waits for the disk; and the log is begun here, not in the first run's commit.
    migrate(&mut connection, path)?;
    set(&connection, "foreign_keys", 1)?;
    // SQLite makes the log's file when it first reads in this mode; from here on the file is expected to be there.
    Header::read(&mut connection)?.standing(path)?;
    Ok(connection)
}

/// Switching needs the file for a moment to itself, and SQLite does not wait for that on its own.
fn use_write_ahead_log(connection: &Connection, patience: Duration) -> Result<(), Fault> {
    let deadline = Instant::now() + patience;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(refused("journal_mode", "wal", &mode).into()),
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// In the way that writes no page for that alone.
fn overwrite_freed(connection: &Connection) -> Result<(), Fault> {
    let found: i64 = connection.query_row("PRAGMA secure_delete = FAST", [], |row| row.get(0))?;
    match found {
        2 => Ok(()),
        _ => Err(refused("secure_delete", "FAST", &found.to_string()).into()),
    }
}

/// A setting that SQLite does not take is ignored silently, so it is read back.
fn set(connection: &Connection, name: &str, value: i64) -> Result<(), Fault> {
    connection.pragma_update(None, name, value)?;
    let found: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
    if found == value {
        Ok(())
    } else {
        Err(refused(name, &value.to_string(), &found.to_string()).into())
    }
}

fn refused(name: &str, wanted: &str, found: &str) -> StoreError {
    unusable(format!(
        "SQLite keeps {name} at {found} where {wanted} is needed to keep runs safe; \
         put the database on a local file system"
    ))
}
