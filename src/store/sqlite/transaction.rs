//! One transaction on a connection: begun, and committed or rolled back whatever happens in it.

use rusqlite::Connection;

use super::fault::Fault;

/// Runs `action` with the right to write, which no other connection has meanwhile.
pub(super) fn write<T>(
    connection: &Connection,
    action: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    Transaction::begin(connection, "BEGIN IMMEDIATE")?.run(action)
}

/// Runs `action` on one state of the database, whatever others write meanwhile.
pub(super) fn read<T>(
    connection: &Connection,
    action: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    Transaction::begin(connection, "BEGIN DEFERRED")?.run(action)
}

/// What rusqlite has for this compiles its statements anew each time.
struct Transaction<'a> {
    connection: &'a Connection,
}

impl<'a> Transaction<'a> {
    fn begin(connection: &'a Connection, how: &str) -> rusqlite::Result<Self> {
        execute(connection, how)?;
        Ok(Self { connection })
    }

    fn run<T>(self, action: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let done = action(self.connection)?;
        execute(self.connection, "COMMIT")?;
        Ok(done)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // What cannot be rolled back now is so when the connection closes.
            let _ = execute(self.connection, "ROLLBACK");
        }
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
