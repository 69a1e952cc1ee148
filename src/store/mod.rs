//! Where journals are kept: rows and leases, nothing of models or tools.
//!
//! [`backend::Backend`] is the one trait that runs know of a database, behind a [`handle::StoreHandle`]. [`Store`] is what its read jobs
//! see. [`memory::MemoryStore`] is the oracle that the SQLite store is compared with.

pub mod backend;
mod claim;
mod clock;
pub mod damage;
mod error;
pub mod fault_points;
mod filter;
pub mod handle;
pub mod holder;
mod id;
pub(crate) mod import;
mod late_cancel;
pub mod memory;
mod operation;
pub mod outline;
mod position;
pub mod raw;
mod row;
pub mod rules;
pub mod salts;
pub mod signals;
pub mod sqlite;

pub use claim::Claim;
pub use clock::{Clock, system_clock};
pub use error::{StoreError, UnsupportedJournal};
pub use filter::{
    ApprovalFilter, ApprovalQuery, DueFilter, OverdueFilter, PruneFilter, Pruned, RequirementFilter, RequirementSet,
    RunFilter,
};
pub use id::new_id;
pub use import::{Import, ImportedEntry, Undelivered};
pub use late_cancel::{CancelFlag, Finish, LateCancel, instead_of};
pub use operation::{Append, Author, Committed, DueClaim, DueRun, Erasure, LeaseGrant, NewRun, Operation};
pub use position::{Changes, Position};
pub use row::{ExternalRecord, OutboxClaim, OutboxRow, RequirementRow, RunRow, RunStatus, StoredRun};
pub use salts::SaltSource;
pub use signals::{KeptSignal, NewSignal, SignalFilter, Signalled};

use std::path::Path;
use std::time::Duration;

use crate::journal::{AuditKey, JournalEnd, Record};
use crate::{Text, Timestamp};
use holder::Holder;
use raw::RawRun;

const NO_ERASING: &str = "this database cannot erase runs; nothing was erased";

const NO_IMPORT: &str = "this database takes no runs of other databases; nothing was written";

const NO_PRUNING: &str = "this database cannot remove runs; nothing was removed";

const NO_OTHERS: &str = "nobody else can take over runs of this database";

const NO_OUTBOX: &str = "a database in memory has no outbox; use a SQLite database for webhooks";

/// What stands at the end of a text, and in a list or an object, of which [`Store::outline`] shows a part.
pub const CUT: &str = "… [haltpoint: the rest stands in the journal]";

/// A blocking store of journals, as those see it who read from it. Nothing is written through it.
///
/// Every method is one short transaction. Implementations are driven by one thread each.
pub trait Store: Send {
    /// The run with its whole journal, whose hashes are checked; where the run's audit key is not at hand, they are not.
    ///
    /// # Errors
    /// [`StoreError::RunNotFound`], or what the store ran into.
    fn load(&mut self, run_id: &str) -> Result<StoredRun, StoreError>;

    /// The run with the long values of its large entries cut, where that is quicker to read than all of it; what is cut ends in
    /// [`CUT`]. No hash covers that: lists may show it, and nothing else may be done with it.
    ///
    /// # Errors
    /// As for [`Store::load`].
    fn outline(&mut self, _run_id: &str) -> Result<Option<StoredRun>, StoreError> {
        Ok(None)
    }

    /// As [`Store::load`], of a run whose journal was read before, up to `known`: the records behind that.
    ///
    /// # Errors
    /// As for [`Store::load`].
    fn load_behind(&mut self, run_id: &str, known: JournalEnd) -> Result<StoredRun, StoreError>;

    /// The run's records behind place `after`, oldest first; their hashes are not checked.
    ///
    /// # Errors
    /// [`StoreError::RunNotFound`], or what the store ran into.
    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError>;

    /// The run's rows as they stand, whatever is wrong with them.
    ///
    /// # Errors
    /// [`StoreError::RunNotFound`], or what the store ran into.
    fn raw(&mut self, run_id: &str) -> Result<RawRun, StoreError>;

    /// The run's row alone.
    ///
    /// # Errors
    /// [`StoreError::RunNotFound`], or what the store ran into.
    fn row(&mut self, run_id: &str) -> Result<RunRow, StoreError>;

    /// The ids of a session's completed runs, oldest first.
    ///
    /// # Errors
    /// What the store ran into.
    fn completed_runs(&mut self, session_id: &str) -> Result<Vec<String>, StoreError>;

    /// Where the change feed ends now. Cheap: asked many times a second.
    ///
    /// # Errors
    /// What the store ran into.
    fn position(&mut self) -> Result<Position, StoreError>;

    /// What was committed behind `after`, a position of this very store.
    ///
    /// Whoever asks again with the end that they were given learns of each commit, of any process, and of each record once: no later commit
    /// falls behind a position that was given out. A commit may become visible a while after its outcome was told, where an earlier
    /// one is still under way.
    ///
    /// # Errors
    /// What the store ran into.
    fn changes(&mut self, after: Position) -> Result<Changes, StoreError>;

    /// Writes a copy of the database, as it stands in this moment, to a new file, and waits for the disk.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file exists, cannot be written, or the store has nothing to copy from.
    fn backup(&mut self, target: &Path) -> Result<(), StoreError>;

    /// What is wrong with what the journals are kept in; empty when it is sound. The journals themselves are not read.
    ///
    /// # Errors
    /// What the store ran into.
    fn check(&mut self) -> Result<Vec<String>, StoreError>;

    /// The runs that the filter lets through, newest first. An unknown `before` lets nothing through. In the place of a row that
    /// cannot be read stands [`StoreError::Damaged`].
    ///
    /// # Errors
    /// What the store ran into.
    fn runs(&mut self, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, StoreError>;

    /// How many runs the filter lets through, those that cannot be read among them.
    ///
    /// # Errors
    /// What the store ran into.
    fn count_runs(&mut self, filter: &RunFilter) -> Result<u64, StoreError>;

    /// Runs that a worker can go on with, oldest first within each agent: queued ones, orphans, and paused ones with nothing
    /// left to decide.
    ///
    /// # Errors
    /// What the store ran into.
    fn due(&mut self, filter: &DueFilter) -> Result<Vec<RunRow>, StoreError>;

    /// The requirements that the filter lets through, in the order of its set. A `before` that is not in the set's order lets nothing
    /// through.
    ///
    /// # Errors
    /// What the store ran into.
    fn requirements(&mut self, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, StoreError>;

    /// How many requirements the filter lets through, those of runs that cannot be read among them.
    ///
    /// # Errors
    /// What the store ran into.
    fn count_requirements(&mut self, filter: &RequirementFilter) -> Result<u64, StoreError>;

    /// The requirements whose approvals are remembered and still answer later calls, newest first. An unknown `before` lets nothing
    /// through.
    ///
    /// # Errors
    /// What the store ran into.
    fn approvals(&mut self, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, StoreError>;

    /// How many remembered approvals the filter lets through, those of runs that cannot be read among them.
    ///
    /// # Errors
    /// What the store ran into.
    fn count_approvals(&mut self, filter: &ApprovalFilter) -> Result<u64, StoreError>;

    /// The requirements whose remembered approvals may answer a call, newest first. What the index says has to be held against
    /// the journals that it leads to.
    ///
    /// # Errors
    /// What the store ran into.
    fn approvals_for(&mut self, query: &ApprovalQuery) -> Result<Vec<RequirementRow>, StoreError>;

    /// The requirements without a decision whose time is over, the longest over first. Runs of another audit key are left out: nothing
    /// can be written to them.
    ///
    /// # Errors
    /// What the store ran into.
    fn overdue(&mut self, filter: &OverdueFilter) -> Result<Vec<RequirementRow>, StoreError>;

    /// When the next time comes, later than that: of requirements of runs that are not stopped, and of runs that workers may take from a time
    /// on. Until then nothing is to be expired, and nothing to be taken for its time.
    ///
    /// # Errors
    /// What the store ran into.
    fn next_due(&mut self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// The signals that are kept and that the filter lets through, oldest first.
    ///
    /// # Errors
    /// What the store ran into.
    fn signals(&mut self, filter: &SignalFilter) -> Result<Vec<KeptSignal>, StoreError>;

    /// At most `limit` entries behind `place`, in an order in which no later commit falls behind an entry that was given out.
    ///
    /// # Errors
    /// What the store ran into; [`StoreError::Unusable`] from a store that keeps no outbox.
    fn outbox_after(&mut self, _place: i64, _limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        Err(rules::unusable(NO_OUTBOX.to_owned()))
    }

    /// Entries of a run that a subscription has not delivered yet.
    ///
    /// # Errors
    /// What the store ran into.
    fn undelivered(&mut self, _run_id: &str) -> Result<Undelivered, StoreError> {
        Ok(Undelivered::default())
    }

    /// The key that the store was opened with.
    fn audit_key(&self) -> Option<AuditKey> {
        None
    }

    /// Ids of runs in the order of their creation, at most `limit` of those after the run `after`.
    ///
    /// # Errors
    /// What the store ran into.
    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError>;
}

/// A store that can be written, too.
pub trait WritableStore: Store {
    /// Carries the operations out in order, in one transaction with one wait for the disk.
    ///
    /// Returns one outcome for each operation, in order. An operation that is refused (a lost lease, a decided
    /// requirement, an unknown run) leaves the others untouched; a failure of the store itself fails the whole batch,
    /// and then nothing of it was written.
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>>;

    /// Erases what a run said: its payloads and salts, and every copy of them. Its hashes, and who decided what, stay. `false`: that was
    /// done before. Copies in a log may last until [`WritableStore::finish_erasures`].
    ///
    /// # Errors
    /// [`StoreError::RunNotFound`]; [`StoreError::NotStopped`] of a run that can be continued; [`StoreError::Undelivered`]; that the run's
    /// audit key is not at hand, or its journal is of a format whose hashes need the payloads; or what the store ran into.
    fn erase(&mut self, _erasure: &Erasure) -> Result<bool, StoreError> {
        Err(rules::unusable(NO_ERASING.to_owned()))
    }

    /// Removes what is left of erased payloads outside of the database itself. `false`: something keeps it from being removed now.
    ///
    /// # Errors
    /// What the store ran into.
    fn finish_erasures(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Removes runs that are over, as many as the filter's time allows, with all that leads to them.
    ///
    /// # Errors
    /// What the store ran into.
    fn prune(&mut self, _filter: &PruneFilter) -> Result<Pruned, StoreError> {
        Err(rules::unusable(NO_PRUNING.to_owned()))
    }

    /// Removes signals that came before, whether they were taken or not, as many as `patience` allows. Returns how many.
    ///
    /// # Errors
    /// What the store ran into.
    fn forget_signals(&mut self, before: Timestamp, patience: Duration) -> Result<u64, StoreError>;

    /// Writes a run of another database as it stands there: its rows are not changed, and its index and its undelivered entries come
    /// with it. All of it, or nothing.
    ///
    /// # Errors
    /// [`StoreError::RunExists`] unless what is here of the run is what [`Import::known`] says, and nobody can go on with it; or what the
    /// store ran into.
    fn import(&mut self, _import: &Import) -> Result<(), StoreError> {
        Err(rules::unusable(NO_IMPORT.to_owned()))
    }

    /// Leaves out what subscribers have not got of a run: they get it from another database.
    ///
    /// # Errors
    /// What the store ran into.
    fn forget_undelivered(&mut self, _run_id: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Gives room that is free in the database back to the file system, for as long as `patience` allows or a little longer, and says
    /// whether there is more. `false`, too, where that takes [`WritableStore::compact`].
    ///
    /// # Errors
    /// What the store ran into.
    fn shrink(&mut self, _patience: Duration) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Writes the whole database anew, without free room and without anything that was erased. Nothing else may use it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] while a run is driven or another process has the database open: nothing was changed; or what the store
    /// ran into.
    fn compact(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Says that `holder` is alive now, and counts as such until `expires`.
    ///
    /// # Errors
    /// What the store ran into.
    fn heartbeat(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) -> Result<(), StoreError>;

    /// The runs that `holder` holds, and under which epochs.
    ///
    /// # Errors
    /// What the store ran into; [`StoreError::Unusable`] from a store whose leases nobody else can take over.
    fn held_by(&mut self, _holder: &Holder) -> Result<Vec<(Text, u64)>, StoreError> {
        Err(rules::unusable(NO_OTHERS.to_owned()))
    }
}
