//! The store on SQLite: one file, any number of processes.

mod due;
mod entry_id;
mod fault;
mod file;
mod guard;
mod lease;
mod list;
mod maintain;
mod migrate;
mod open;
mod options;
mod outbox;
mod raw;
mod read;
mod requirements;
mod rows;
mod schema;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

pub(super) use file::locate;
pub(super) use guard::FileIdentity;
pub use options::{Clock, Durability, SqliteOptions};

use super::holder::{Holder, Liveness, ProcessLiveness};
use super::{
    Committed, DueFilter, Operation, OutboxClaim, OutboxRow, OutsiderRecord, OverdueFilter, RequirementFilter,
    RequirementRow, RunFilter, RunRow, Store, StoreError, StoredRun,
};
use crate::Timestamp;
use crate::journal::{AuditKey, Record};
use crate::store::raw::RawRun;
use fault::Fault;
use guard::Guard;

/// One connection to a database file.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    guard: Guard,
    liveness: Box<dyn Liveness>,
    key: Option<AuditKey>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a database file, or creates it, readable by its owner only.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file cannot be opened, or belongs to another application or a newer release;
    /// such a file is left as it is.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        Self::open_with_liveness(path, options, Box::new(ProcessLiveness::new()))
    }

    /// As [`SqliteStore::open`], with another way to tell whether a holder lives.
    ///
    /// # Errors
    /// As for [`SqliteStore::open`].
    pub fn open_with_liveness(
        path: &Path,
        options: &SqliteOptions,
        liveness: Box<dyn Liveness>,
    ) -> Result<Self, StoreError> {
        let path = locate(path)?;
        let connection = open::open(&path, options)?;
        let guard = Guard::new(&path)?;
        Ok(Self {
            connection,
            path,
            guard,
            liveness,
            key: options.audit_key.clone(),
        })
    }

    fn write<T>(
        &mut self,
        action: impl FnOnce(&Connection, Surroundings<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.guard.check()?;
        let surroundings = Surroundings {
            liveness: &*self.liveness,
            key: self.key.as_ref(),
        };
        let written = write_transaction(&mut self.connection, surroundings, action);
        let written = written.map_err(|fault| fault.describe("write to", &self.path))?;
        // Checked again before anybody is told: a file that went away meanwhile took the commit with it.
        self.guard.check()?;
        Ok(written)
    }

    fn read<T>(&mut self, action: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.read_with_key(|connection, _| action(connection))
    }

    fn read_with_key<T>(
        &mut self,
        action: impl FnOnce(&Connection, Option<&AuditKey>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.guard.check()?;
        let key = self.key.as_ref();
        let found = read_transaction(&mut self.connection, |connection| action(connection, key));
        found.map_err(|fault| fault.describe("read", &self.path))
    }
}

/// What a write must know beside the file.
#[derive(Clone, Copy)]
struct Surroundings<'a> {
    liveness: &'a dyn Liveness,
    key: Option<&'a AuditKey>,
}

fn write_transaction<T>(
    connection: &mut Connection,
    surroundings: Surroundings<'_>,
    action: impl FnOnce(&Connection, Surroundings<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let written = action(&transaction, surroundings)?;
    transaction.commit()?;
    Ok(written)
}

fn read_transaction<T>(
    connection: &mut Connection,
    action: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction()?;
    let found = action(&transaction)?;
    transaction.commit()?;
    Ok(found)
}

impl Store for SqliteStore {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        let committed = self.write(|connection, surroundings| {
            let outcome = |operation| match write::carry_out(connection, operation, surroundings) {
                Ok(committed) => Ok(Ok(committed)),
                Err(Fault::Refused(error)) => Ok(Err(error)),
                Err(fault) => Err(fault),
            };
            batch.iter().map(outcome).collect::<Result<Vec<_>, Fault>>()
        });
        committed.unwrap_or_else(|error| batch.iter().map(|_| Err(error.clone())).collect())
    }

    fn load(&mut self, run_id: &str) -> Result<StoredRun, StoreError> {
        self.read_with_key(|connection, key| read::stored_run(connection, run_id, key))
    }

    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError> {
        self.read(|connection| read::records_after(connection, run_id, after))
    }

    fn raw(&mut self, run_id: &str) -> Result<RawRun, StoreError> {
        self.read_with_key(|connection, key| raw::run(connection, run_id, key))
    }

    fn row(&mut self, run_id: &str) -> Result<RunRow, StoreError> {
        self.read(|connection| Ok(read::find_run(connection, run_id)?.row))
    }

    fn completed_runs(&mut self, session_id: &str) -> Result<Vec<String>, StoreError> {
        self.read(|connection| read::completed_runs(connection, session_id))
    }

    fn outsiders_after(&mut self, cursor: Option<i64>) -> Result<(Vec<OutsiderRecord>, i64), StoreError> {
        self.read_with_key(|connection, key| match cursor {
            Some(cursor) => read::outsiders_after(connection, cursor, key),
            None => Ok((Vec::new(), read::last_outsider(connection)?)),
        })
    }

    fn data_version(&mut self) -> Result<i64, StoreError> {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
        version.map_err(|error| Fault::from(error).describe("read", &self.path))
    }

    fn backup(&mut self, target: &Path) -> Result<(), StoreError> {
        self.guard.check()?;
        let written = maintain::backup(&self.connection, target);
        written.map_err(|fault| fault.describe("copy", &self.path))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        self.read(maintain::check)
    }

    fn runs(&mut self, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
        self.read(|connection| list::runs(connection, filter))
    }

    fn due(&mut self, filter: &DueFilter) -> Result<Vec<RunRow>, StoreError> {
        let Self {
            connection,
            guard,
            liveness,
            path,
            ..
        } = self;
        guard.check()?;
        let found = read_transaction(connection, |connection| due::due(connection, filter, &**liveness));
        found.map_err(|fault| fault.describe("read", path))
    }

    fn requirements(&mut self, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| list::requirements(connection, filter))
    }

    fn overdue(&mut self, filter: &OverdueFilter) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| list::overdue(connection, filter))
    }

    fn claim_outbox(&mut self, claim: &OutboxClaim, now: Timestamp) -> Result<Option<i64>, StoreError> {
        self.write(|connection, _| Ok(outbox::claim(connection, claim, now)?))
    }

    fn advance_outbox(&mut self, claim: &OutboxClaim, place: i64) -> Result<bool, StoreError> {
        self.write(|connection, _| Ok(outbox::advance(connection, claim, place)?))
    }

    fn outbox_after(&mut self, place: i64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.read(|connection| Ok(outbox::after(connection, place, limit)?))
    }

    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.read(|connection| maintain::run_ids(connection, after, limit))
    }

    fn heartbeat(&mut self, holder: &Holder, expires: Timestamp) -> Result<(), StoreError> {
        self.write(|connection, _| Ok(lease::prolong(connection, holder, expires).map(drop)?))
    }
}
