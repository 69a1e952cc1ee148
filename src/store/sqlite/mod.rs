//! The store on SQLite: one file, any number of processes.

mod backend;
mod due;
mod entry_id;
mod erase;
mod fault;
mod file;
mod first_page;
pub mod fork_guard;
mod guard;
mod import;
mod kept_file;
mod lease;
mod list;
mod lock_wait;
mod log;
mod log_content;
mod maintain;
mod migrate;
mod names;
mod open;
mod options;
mod outbox;
mod outline;
mod prune;
mod raw;
mod read;
mod remembered_approvals;
mod requirements;
mod rows;
mod schema;
mod shrink;
mod signals;
mod transaction;
mod write;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use file::locate;
use guard::FileIdentity;
pub use options::{Durability, SqliteOptions};

use super::holder::{Expiry, Holder, Liveness, now_for};
use super::{
    ApprovalFilter, ApprovalQuery, Changes, Committed, DueFilter, Erasure, Import, KeptSignal, Operation, OutboxRow,
    OverdueFilter, Position, PruneFilter, Pruned, RequirementFilter, RequirementRow, RunFilter, RunRow, SignalFilter,
    Store, StoreError, StoredRun, Undelivered, WritableStore,
};
use crate::journal::{AuditKey, JournalEnd, Record};
use crate::store::raw::RawRun;
use crate::store::salts::Salts;
use crate::{Text, Timestamp};
use fault::Fault;
use fork_guard::Inside;
use guard::Guard;
use kept_file::KeptFile;
use lock_wait::LockWait;
use log::Log;

/// One connection to a database file.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    guard: Guard,
    liveness: Arc<dyn Liveness>,
    key: Option<AuditKey>,
    salts: Salts,
    lock_wait: LockWait,
    log: Log,
    /// How often this connection itself has committed, counted from a number that no other connection starts from.
    commits: u64,
    /// The last field to be dropped: closing the connection is done inside of SQLite, too.
    closing: Option<Inside>,
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
        let _inside = fork_guard::enter();
        Self::connect(locate(path)?, options, Arc::clone(&options.liveness))
    }

    /// Opens a file that this process has open already, and no other that stands in its place by now.
    pub(super) fn open_again(path: &Path, identity: FileIdentity, options: &SqliteOptions) -> Result<Self, StoreError> {
        let _inside = fork_guard::enter();
        guard::check_identity(path, identity)?;
        let store = Self::connect(path.to_owned(), options, Arc::clone(&options.liveness))?;
        guard::check_identity(path, identity)?;
        Ok(store)
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
        let _inside = fork_guard::enter();
        Self::connect(locate(path)?, options, Arc::from(liveness))
    }

    fn connect(path: PathBuf, options: &SqliteOptions, liveness: Arc<dyn Liveness>) -> Result<Self, StoreError> {
        let kept = KeptFile::open(&path);
        let mut connection = open::open(&path, options)?;
        let cannot_open = |error| Fault::from(error).describe("open", &path);
        let log = Log::watch(&mut connection).map_err(cannot_open)?;
        let guard = Guard::new(&path, kept, &connection)?;
        let lock_wait = LockWait::install(&mut connection, options.busy_timeout).map_err(cannot_open)?;
        Ok(Self {
            connection,
            path,
            guard,
            liveness,
            key: options.audit_key.clone(),
            salts: Salts::new(options.salts),
            lock_wait,
            log,
            commits: first_version(),
            closing: None,
        })
    }

    /// From now on the log is emptied by [`SqliteStore::tidy_up`] only, so that no commit waits for it.
    pub(super) fn take_over_log(&mut self) -> Result<(), StoreError> {
        self.log.take_over();
        Ok(())
    }

    /// Whether the log is long enough to be emptied.
    pub(super) fn is_untidy(&mut self) -> bool {
        self.log.is_due()
    }

    /// Empties the log into the database, and waits for the disk.
    pub(super) fn tidy_up(&mut self) -> Result<(), StoreError> {
        let _inside = fork_guard::enter();
        self.check_files()?;
        self.log
            .empty(&self.connection)
            .map_err(|error| Fault::from(error).describe("write to", &self.path))
    }

    /// As [`WritableStore::commit`], unless another process is writing at this moment, or this one forks: then `None`, and nothing is written.
    pub(super) fn commit_at_once(&mut self, batch: &[Operation]) -> Option<Vec<Result<Committed, StoreError>>> {
        let _inside = fork_guard::enter_at_once()?;
        let written = self.lock_wait.without(|| self.write_batch(batch));
        match written {
            Err(fault) if fault.is_busy() => None,
            written => Some(to_each(batch, self.checked_batch(batch, written))),
        }
    }

    fn write<T>(
        &mut self,
        action: impl FnOnce(&Connection, Surroundings<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let _inside = fork_guard::enter();
        self.check_files()?;
        let written = self.write_unchecked(action);
        self.checked(written)
    }

    /// Writes to files that are looked at afterwards, and only to those that were well when they were last looked at.
    fn write_unchecked<T>(
        &self,
        action: impl FnOnce(&Connection, Surroundings<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.guard.check_known()?;
        let surroundings = self.surroundings();
        transaction::write(&self.connection, |connection| {
            migrate::refuse_newer(connection, &self.path)?;
            let done = action(connection, surroundings)?;
            self.guard.check_shared_memory()?;
            Ok(done)
        })
    }

    fn write_batch(&self, batch: &[Operation]) -> Result<Vec<Result<Committed, StoreError>>, Fault> {
        self.write_unchecked(|connection, surroundings| carry_out(connection, batch, surroundings))
    }

    /// Checked before anybody is told: a file that went away meanwhile took the commit with it.
    fn checked<T>(&mut self, written: Result<T, Fault>) -> Result<T, StoreError> {
        // Before SQLite's word on what it met in them.
        self.guard.check_written(&self.connection, &self.log)?;
        let written = written.map_err(|fault| fault.describe("write to", &self.path))?;
        self.commits += 1;
        Ok(written)
    }

    /// As [`SqliteStore::checked`]; from now on the last entry that was written is expected to be there.
    fn checked_batch(
        &mut self,
        batch: &[Operation],
        written: Result<Vec<Result<Committed, StoreError>>, Fault>,
    ) -> Result<Vec<Result<Committed, StoreError>>, StoreError> {
        let outcomes = written.iter().flatten();
        let entries = std::iter::zip(batch, outcomes).filter_map(|(operation, outcome)| last_entry(operation, outcome));
        if let Some((run_id, seq)) = entries.last() {
            self.guard.remember(run_id, seq);
        }
        self.checked(written)
    }

    fn check_files(&mut self) -> Result<(), StoreError> {
        self.guard.check(&self.connection, &self.log)
    }

    fn read<T>(&mut self, action: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.read_in(|connection, _| action(connection))
    }

    fn read_in<T>(
        &mut self,
        action: impl FnOnce(&Connection, Surroundings<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let _inside = fork_guard::enter();
        self.check_files()?;
        let surroundings = self.surroundings();
        let found = transaction::read(&self.connection, |connection| action(connection, surroundings));
        found.map_err(|fault| fault.describe("read", &self.path))
    }

    /// Whether SQLite looks after rows that refer to others.
    fn refer(&self, is_checked: bool) -> Result<(), StoreError> {
        let set = self.connection.pragma_update(None, "foreign_keys", is_checked);
        set.map_err(|error| Fault::from(error).describe("write to", &self.path))
    }

    /// A number that changes with each commit: SQLite counts those of other connections.
    fn version(&mut self) -> Result<u64, StoreError> {
        let _inside = fork_guard::enter();
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)));
        let version = version.map_err(|error| Fault::from(error).describe("read", &self.path))?;
        Ok(self.commits.wrapping_add(version.unsigned_abs()))
    }

    /// Empties the log. `false`: somebody reads from it.
    fn empty_log(&mut self) -> Result<bool, StoreError> {
        let _inside = fork_guard::enter();
        self.check_files()?;
        erase::empty_log(&self.connection).map_err(|error| Fault::from(error).describe("empty the log of", &self.path))
    }

    fn note_finished_erasures(&mut self) -> Result<(), StoreError> {
        if !self.read(|connection| Ok(erase::is_unfinished(connection)?))? {
            return Ok(());
        }
        self.write(|connection, _| Ok(erase::note_finished(connection)?))
    }

    /// Writes the whole file anew.
    fn rewrite(&mut self) -> Result<(), StoreError> {
        let _inside = fork_guard::enter();
        self.check_files()?;
        let rewritten =
            migrate::refuse_newer(&self.connection, &self.path).and_then(|()| Ok(shrink::rewrite(&self.connection)?));
        self.checked(rewritten)
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            liveness: &*self.liveness,
            key: self.key.as_ref(),
            salts: &self.salts,
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.closing = Some(fork_guard::enter());
        if self.check_files().is_err() {
            // SQLite would write the log into a file that is not the one it belongs to.
            let _ = self
                .connection
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}

/// Positions of different connections must not be taken for each other.
fn first_version() -> u64 {
    RandomState::new().hash_one(()) >> 16
}

/// What must be known beside the file.
#[derive(Clone, Copy)]
struct Surroundings<'a> {
    liveness: &'a dyn Liveness,
    key: Option<&'a AuditKey>,
    salts: &'a Salts,
}

/// Carries the operations out. One that is refused leaves the others untouched.
fn carry_out<'a>(
    connection: &'a Connection,
    batch: &'a [Operation],
    surroundings: Surroundings<'a>,
) -> Result<Vec<Result<Committed, StoreError>>, Fault> {
    let mut carried_out = write::Batch::new(connection, surroundings);
    let outcome = |operation| match carried_out.carry_out(operation) {
        Ok(committed) => Ok(Ok(committed)),
        Err(Fault::Refused(error)) => Ok(Err(error)),
        Err(fault) => Err(fault),
    };
    batch.iter().map(outcome).collect()
}

/// The last entry that an operation has appended.
fn last_entry<'a>(operation: &'a Operation, outcome: &Result<Committed, StoreError>) -> Option<(&'a Text, u64)> {
    let run_id = match operation {
        Operation::Create(new) => &new.run_id,
        Operation::Append(append) => &append.run_id,
        Operation::Signal(_)
        | Operation::Acquire { .. }
        | Operation::Release { .. }
        | Operation::ClaimDue(_)
        | Operation::ClaimOutbox(_)
        | Operation::AdvanceOutbox { .. } => return None,
    };
    match outcome {
        Ok(Committed::Appended { seq } | Committed::Delivered { seq } | Committed::Cancelled { seq }) => {
            Some((run_id, *seq))
        }
        _ => None,
    }
}

/// What fails as a whole fails for each operation.
fn to_each(
    batch: &[Operation],
    committed: Result<Vec<Result<Committed, StoreError>>, StoreError>,
) -> Vec<Result<Committed, StoreError>> {
    committed.unwrap_or_else(|error| batch.iter().map(|_| Err(error.clone())).collect())
}

impl Store for SqliteStore {
    fn load(&mut self, run_id: &str) -> Result<StoredRun, StoreError> {
        self.read_in(|connection, surroundings| {
            read::stored_run(connection, run_id, surroundings.key, None).map_err(|fault| fault.about(run_id))
        })
    }

    fn outline(&mut self, run_id: &str) -> Result<Option<StoredRun>, StoreError> {
        self.read_in(|connection, _| outline::run(connection, run_id).map_err(|fault| fault.about(run_id)))
    }

    fn load_behind(&mut self, run_id: &str, known: JournalEnd) -> Result<StoredRun, StoreError> {
        self.read_in(|connection, surroundings| {
            read::stored_run(connection, run_id, surroundings.key, Some(known)).map_err(|fault| fault.about(run_id))
        })
    }

    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError> {
        self.read(|connection| read::records_after(connection, run_id, after))
    }

    fn raw(&mut self, run_id: &str) -> Result<RawRun, StoreError> {
        self.read_in(|connection, surroundings| raw::run(connection, run_id, surroundings.key))
    }

    fn row(&mut self, run_id: &str) -> Result<RunRow, StoreError> {
        self.read(|connection| Ok(read::find_run(connection, run_id)?.row))
    }

    fn completed_runs(&mut self, session_id: &str) -> Result<Vec<String>, StoreError> {
        self.read(|connection| read::completed_runs(connection, session_id))
    }

    fn position(&mut self) -> Result<Position, StoreError> {
        // Asked before the records are: what is committed in between counts as a change.
        let version = self.version()?;
        let place = self.read(|connection| Ok(read::last_outsider(connection)?))?;
        Ok(Position::new(version, place.unsigned_abs()))
    }

    fn changes(&mut self, after: Position) -> Result<Changes, StoreError> {
        let [seen, place] = after.numbers();
        let version = self.version()?;
        if version == seen {
            let records = Vec::new();
            return Ok(Changes { records, end: after });
        }
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        let (records, place) =
            self.read_in(|connection, surroundings| read::outsiders_after(connection, place, surroundings.key))?;
        Ok(Changes {
            records,
            end: Position::new(version, place.unsigned_abs()),
        })
    }

    fn backup(&mut self, target: &Path) -> Result<(), StoreError> {
        let _inside = fork_guard::enter();
        self.check_files()?;
        let written = maintain::backup(&self.connection, target);
        written.map_err(|fault| fault.describe("copy", &self.path))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        self.read(maintain::check)
    }

    fn runs(&mut self, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, StoreError> {
        self.read(|connection| list::runs(connection, filter))
    }

    fn count_runs(&mut self, filter: &RunFilter) -> Result<u64, StoreError> {
        self.read(|connection| list::count_runs(connection, filter))
    }

    fn due(&mut self, filter: &DueFilter) -> Result<Vec<RunRow>, StoreError> {
        self.read_in(|connection, surroundings| due::due(connection, filter, surroundings.liveness))
    }

    fn requirements(&mut self, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| list::requirements(connection, filter))
    }

    fn count_requirements(&mut self, filter: &RequirementFilter) -> Result<u64, StoreError> {
        self.read(|connection| list::count_requirements(connection, filter))
    }

    fn approvals(&mut self, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| remembered_approvals::approvals(connection, filter))
    }

    fn count_approvals(&mut self, filter: &ApprovalFilter) -> Result<u64, StoreError> {
        self.read(|connection| remembered_approvals::count_approvals(connection, filter))
    }

    fn approvals_for(&mut self, query: &ApprovalQuery) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| remembered_approvals::approvals_for(connection, query))
    }

    fn overdue(&mut self, filter: &OverdueFilter) -> Result<Vec<RequirementRow>, StoreError> {
        self.read_in(|connection, surroundings| list::overdue(connection, filter, surroundings.key))
    }

    fn next_due(&mut self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| list::next_due(connection, after))
    }

    fn signals(&mut self, filter: &SignalFilter) -> Result<Vec<KeptSignal>, StoreError> {
        self.read(|connection| Ok(signals::kept(connection, filter)?))
    }

    fn outbox_after(&mut self, place: i64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.read(|connection| Ok(outbox::after(connection, place, limit)?))
    }

    fn undelivered(&mut self, run_id: &str) -> Result<Undelivered, StoreError> {
        self.read(|connection| outbox::undelivered(connection, read::find_run(connection, run_id)?.run))
    }

    fn audit_key(&self) -> Option<AuditKey> {
        self.key.clone()
    }

    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.read(|connection| maintain::run_ids(connection, after, limit))
    }
}

impl WritableStore for SqliteStore {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        let _inside = fork_guard::enter();
        if let [Operation::ClaimDue(claim)] = batch
            && self.due(&claim.filter).is_ok_and(|due| due.is_empty())
        {
            // Idle workers look after each commit of others, and must not keep those from writing.
            return vec![Ok(Committed::DueClaimed(Vec::new()))];
        }
        // Without the shared memory, which is looked at within the transaction.
        let well = self.guard.check_written(&self.connection, &self.log);
        let committed = well.and_then(|()| {
            let written = self.write_batch(batch);
            self.checked_batch(batch, written)
        });
        to_each(batch, committed)
    }

    fn erase(&mut self, erasure: &Erasure) -> Result<bool, StoreError> {
        self.write(|connection, surroundings| erase::erase(connection, erasure, surroundings))
    }

    fn finish_erasures(&mut self) -> Result<bool, StoreError> {
        if !self.read(|connection| Ok(erase::is_unfinished(connection)?))? {
            return Ok(true);
        }
        let is_empty = self.empty_log()?;
        if is_empty {
            self.note_finished_erasures()?;
        }
        Ok(is_empty)
    }

    fn prune(&mut self, filter: &PruneFilter) -> Result<Pruned, StoreError> {
        if filter.is_dry {
            return self.read(|connection| prune::prune(connection, filter, prune::find(connection, filter)?));
        }
        let found = self.read(|connection| prune::find(connection, filter))?;
        self.refer(false)?;
        let pruned = self.write(|connection, _| prune::prune(connection, filter, found));
        self.refer(true)?;
        pruned
    }

    fn forget_signals(&mut self, before: Timestamp, patience: Duration) -> Result<u64, StoreError> {
        self.write(|connection, _| Ok(signals::forget(connection, before, patience)?))
    }

    fn import(&mut self, import: &Import) -> Result<(), StoreError> {
        self.write(|connection, _| import::import(connection, import))
    }

    fn forget_undelivered(&mut self, run_id: &str) -> Result<(), StoreError> {
        self.write(|connection, _| outbox::forget(connection, read::find_run(connection, run_id)?.run))
    }

    fn shrink(&mut self, patience: Duration) -> Result<bool, StoreError> {
        if !self.read(|connection| Ok(shrink::is_possible(connection)?))? {
            return Ok(false);
        }
        let has_more = self.write(|connection, _| Ok(shrink::shrink(connection, patience)?))?;
        if !has_more {
            // The file is cut off when the log is emptied.
            self.tidy_up()?;
        }
        Ok(has_more)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        if let Some(pid) = self.guard.other_user() {
            return Err(shrink::opened_by(pid, &self.path));
        }
        if let Some(run_id) = self.read_in(shrink::driven_run)? {
            return Err(shrink::driven(&run_id, &self.path));
        }
        self.rewrite()?;
        match self.empty_log()? {
            true => self.note_finished_erasures(),
            false => Err(shrink::log_is_read(&self.path)),
        }
    }

    fn heartbeat(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) -> Result<(), StoreError> {
        self.write(|connection, surroundings| {
            let expiry = Expiry::renewed(now_for(surroundings.liveness, holder, now), expires);
            Ok(lease::prolong(connection, holder, expiry).map(drop)?)
        })
    }

    fn held_by(&mut self, holder: &Holder) -> Result<Vec<(Text, u64)>, StoreError> {
        self.read(|connection| Ok(lease::held_by(connection, holder)?))
    }
}
