//! The store on PostgreSQL: one connection to a schema that any number of machines use.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haltpoint_engine::journal::{AuditKey, JournalEnd, Record};
use haltpoint_engine::store::holder::{Holder, Liveness};
use haltpoint_engine::store::raw::RawRun;
use haltpoint_engine::store::rules::unusable;
use haltpoint_engine::store::salts::Salts;
use haltpoint_engine::store::{
    ApprovalFilter, ApprovalQuery, Changes, Committed, DueFilter, Erasure, Import, KeptSignal, Operation, OutboxRow,
    OverdueFilter, Position, PruneFilter, Pruned, RequirementFilter, RequirementRow, RunFilter, RunRow, SignalFilter,
    Store, StoreError, StoredRun, Undelivered, WritableStore,
};
use haltpoint_engine::{Text, Timestamp};

use crate::batch::Batch;
use crate::connection::{Connecting, Connection};
use crate::draft::Means;
use crate::fault::Fault;
use crate::options::PostgresOptions;
use crate::rows::FoundRun;
use crate::{check, due, erase, import, lease, list, outbox, prune, raw, read, signals};

const NO_BACKUP: &str = "a PostgreSQL database is copied by its own tools; use `pg_dump --format=custom --schema=SCHEMA`, which writes \
                         what stands in it in one moment";

const NO_COMPACTING: &str = "a PostgreSQL database is kept compact by its own autovacuum; use `VACUUM (FULL)` on the schema's tables while \
                             nothing else uses them";

/// One connection to a database.
pub struct PostgresStore {
    pub(crate) connection: Connection,
    liveness: Arc<dyn Liveness>,
    key: Option<AuditKey>,
    salts: Salts,
    /// For how long a batch is tried.
    pub(crate) patience: Duration,
    remembered: HashMap<Text, FoundRun>,
    /// Runs may have been claimed without this process knowing it.
    pub(crate) has_lost_claims: bool,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresStore")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Of which each answer may take `deadline`. The connection is made when it is first needed.
    pub(crate) fn new(how: Arc<Connecting>, options: &PostgresOptions, deadline: Duration) -> Self {
        Self {
            connection: Connection::new(how, deadline),
            liveness: Arc::clone(&options.liveness),
            key: options.audit_key.clone(),
            salts: Salts::new(options.salts),
            patience: options.patience,
            remembered: HashMap::new(),
            has_lost_claims: false,
        }
    }

    /// The store on a database whose tables are there, or are made.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the address cannot be read, the server not be reached, or the tables are of another release.
    pub fn open(url: &str, options: &PostgresOptions) -> Result<Self, StoreError> {
        let how = crate::connecting(url, options)?;
        let mut store = Self::new(how, options, crate::deadline(options));
        crate::schema::prepare(&mut store.connection, options.migrate)?;
        Ok(store)
    }

    fn read<T, E: Into<Fault>>(&mut self, read: impl FnOnce(&mut Connection) -> Result<T, E>) -> Result<T, StoreError> {
        let found = read(&mut self.connection).map_err(Into::into);
        found.map_err(|fault| fault.describe("read", &self.connection.how().name))
    }

    fn write<T, E: Into<Fault>>(
        &mut self,
        write: impl FnOnce(&mut Connection, Means<'_>) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let means = Means {
            key: self.key.as_ref(),
            salts: &self.salts,
            count: &Cell::new(0),
        };
        let written = write(&mut self.connection, means).map_err(Into::into);
        written.map_err(|fault| fault.describe("write to", &self.connection.how().name))
    }
}

impl Store for PostgresStore {
    fn load(&mut self, run_id: &str) -> Result<StoredRun, StoreError> {
        let key = self.key.clone();
        self.read(|connection| read::stored_run(connection, run_id, key.as_ref(), None))
    }

    fn outline(&mut self, run_id: &str) -> Result<Option<StoredRun>, StoreError> {
        self.read(|connection| read::outline(connection, run_id))
    }

    fn load_behind(&mut self, run_id: &str, known: JournalEnd) -> Result<StoredRun, StoreError> {
        let key = self.key.clone();
        self.read(|connection| read::stored_run(connection, run_id, key.as_ref(), Some(known)))
    }

    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError> {
        self.read(|connection| read::records_after(connection, run_id, after))
    }

    fn raw(&mut self, run_id: &str) -> Result<RawRun, StoreError> {
        let key = self.key.clone();
        self.read(|connection| raw::run(connection, run_id, key.as_ref()))
    }

    fn row(&mut self, run_id: &str) -> Result<RunRow, StoreError> {
        self.read(|connection| Ok::<_, Fault>(read::find_run(connection, run_id)?.row))
    }

    fn completed_runs(&mut self, session_id: &str) -> Result<Vec<String>, StoreError> {
        self.read(|connection| read::completed_runs(connection, session_id))
    }

    fn position(&mut self) -> Result<Position, StoreError> {
        self.read(read::position)
    }

    fn changes(&mut self, after: Position) -> Result<Changes, StoreError> {
        // Asked before the records are: what is committed in between counts as a change.
        let end = self.position()?;
        if end == after {
            let records = Vec::new();
            return Ok(Changes { records, end });
        }
        let ([_, place], [snapshot, _], key) = (after.numbers(), end.numbers(), self.key.clone());
        let (records, place) = self.read(|connection| read::outsiders_after(connection, place, key.as_ref()))?;
        Ok(Changes {
            records,
            end: Position::new(snapshot, place),
        })
    }

    fn backup(&mut self, _: &Path) -> Result<(), StoreError> {
        Err(unusable(NO_BACKUP.to_owned()))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        self.read(check::check)
    }

    fn runs(&mut self, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, StoreError> {
        self.read(|connection| list::runs(connection, filter))
    }

    fn count_runs(&mut self, filter: &RunFilter) -> Result<u64, StoreError> {
        self.read(|connection| list::count_runs(connection, filter))
    }

    fn due(&mut self, filter: &DueFilter) -> Result<Vec<RunRow>, StoreError> {
        let liveness = Arc::clone(&self.liveness);
        self.read(|connection| due::due(connection, filter, &*liveness))
    }

    fn requirements(&mut self, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| list::requirements(connection, filter))
    }

    fn count_requirements(&mut self, filter: &RequirementFilter) -> Result<u64, StoreError> {
        self.read(|connection| list::count_requirements(connection, filter))
    }

    fn approvals(&mut self, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| list::approvals(connection, filter))
    }

    fn count_approvals(&mut self, filter: &ApprovalFilter) -> Result<u64, StoreError> {
        self.read(|connection| list::count_approvals(connection, filter))
    }

    fn approvals_for(&mut self, query: &ApprovalQuery) -> Result<Vec<RequirementRow>, StoreError> {
        self.read(|connection| list::approvals_for(connection, query))
    }

    fn overdue(&mut self, filter: &OverdueFilter) -> Result<Vec<RequirementRow>, StoreError> {
        let key = self.key.clone();
        self.read(|connection| list::overdue(connection, filter, key.as_ref()))
    }

    fn next_due(&mut self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| list::next_due(connection, after))
    }

    fn signals(&mut self, filter: &SignalFilter) -> Result<Vec<KeptSignal>, StoreError> {
        self.read(|connection| signals::kept(connection, filter))
    }

    fn outbox_after(&mut self, place: i64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.read(|connection| outbox::after(connection, place, limit))
    }

    fn undelivered(&mut self, run_id: &str) -> Result<Undelivered, StoreError> {
        self.read(|connection| outbox::undelivered(connection, run_id))
    }

    fn audit_key(&self) -> Option<AuditKey> {
        self.key.clone()
    }

    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.read(|connection| read::run_ids(connection, after, limit))
    }
}

impl WritableStore for PostgresStore {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        let batch = Batch {
            connection: &mut self.connection,
            operations: batch,
            liveness: &*self.liveness,
            means: Means {
                key: self.key.as_ref(),
                salts: &self.salts,
                count: &Cell::new(0),
            },
            remembered: &mut self.remembered,
            holders: HashMap::new(),
            deadline: Instant::now() + self.patience,
            has_lost_claims: &mut self.has_lost_claims,
        };
        batch.commit()
    }

    fn erase(&mut self, erasure: &Erasure) -> Result<bool, StoreError> {
        self.write(|connection, means| erase::erase(connection, erasure, means))
    }

    fn finish_erasures(&mut self) -> Result<bool, StoreError> {
        self.write(|connection, _| erase::finish(connection))
    }

    fn prune(&mut self, filter: &PruneFilter) -> Result<Pruned, StoreError> {
        self.write(|connection, _| prune::prune(connection, filter))
    }

    fn forget_signals(&mut self, before: Timestamp, _: Duration) -> Result<u64, StoreError> {
        self.write(|connection, _| signals::forget(connection, before))
    }

    fn import(&mut self, import: &Import) -> Result<(), StoreError> {
        self.write(|connection, _| import::import(connection, import))
    }

    fn forget_undelivered(&mut self, run_id: &str) -> Result<(), StoreError> {
        self.write(|connection, _| outbox::forget(connection, run_id))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        Err(unusable(NO_COMPACTING.to_owned()))
    }

    fn heartbeat(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) -> Result<(), StoreError> {
        let liveness = Arc::clone(&self.liveness);
        self.write(|connection, _| lease::prolong(connection, holder, now, expires, &*liveness))
    }

    fn held_by(&mut self, holder: &Holder) -> Result<Vec<(Text, u64)>, StoreError> {
        self.read(|connection| lease::held_by(connection, holder))
    }
}
