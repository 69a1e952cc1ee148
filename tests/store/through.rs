//! A handle as a store, so that what is asked of every store is asked of every backend, too.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{JournalEnd, Record};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::store::raw::RawRun;
use haltpoint_engine::store::{
    ApprovalFilter, ApprovalQuery, Changes, Committed, DueFilter, Erasure, KeptSignal, Operation, OutboxRow,
    OverdueFilter, Position, PruneFilter, Pruned, RequirementFilter, RequirementRow, RunFilter, RunRow, SignalFilter,
    Store, StoreError, StoredRun, WritableStore,
};

/// Each operation and each reading goes through the handle, and is waited for.
pub(crate) struct Through(pub(crate) StoreHandle);

impl Through {
    fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.read_blocking(job)
    }

    fn maintain<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn WritableStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = channel();
        self.0.maintain(Box::new(move |store| {
            sender.send(store.and_then(job)).unwrap();
        }));
        receiver.recv().unwrap()
    }
}

macro_rules! through_the_handle {
    ($($name:ident($type:ty) -> $result:ty;)*) => {
        $(fn $name(&mut self, asked: &$type) -> Result<$result, StoreError> {
            let asked = asked.to_owned();
            self.read(move |store| store.$name(&asked))
        })*
    };
}

impl Store for Through {
    through_the_handle! {
        load(str) -> StoredRun;
        outline(str) -> Option<StoredRun>;
        raw(str) -> RawRun;
        row(str) -> RunRow;
        completed_runs(str) -> Vec<String>;
        backup(Path) -> ();
        runs(RunFilter) -> Vec<Result<RunRow, StoreError>>;
        count_runs(RunFilter) -> u64;
        due(DueFilter) -> Vec<RunRow>;
        requirements(RequirementFilter) -> Vec<RequirementRow>;
        count_requirements(RequirementFilter) -> u64;
        approvals(ApprovalFilter) -> Vec<RequirementRow>;
        count_approvals(ApprovalFilter) -> u64;
        approvals_for(ApprovalQuery) -> Vec<RequirementRow>;
        overdue(OverdueFilter) -> Vec<RequirementRow>;
        signals(SignalFilter) -> Vec<KeptSignal>;
    }

    fn next_due(&mut self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |store| store.next_due(after))
    }

    fn load_behind(&mut self, run_id: &str, known: JournalEnd) -> Result<StoredRun, StoreError> {
        let run_id = run_id.to_owned();
        self.read(move |store| store.load_behind(&run_id, known))
    }

    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError> {
        let run_id = run_id.to_owned();
        self.read(move |store| store.records_after(&run_id, after))
    }

    fn position(&mut self) -> Result<Position, StoreError> {
        self.read(|store| store.position())
    }

    fn changes(&mut self, after: Position) -> Result<Changes, StoreError> {
        self.read(move |store| store.changes(after))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        self.read(|store| store.check())
    }

    fn outbox_after(&mut self, place: i64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.read(move |store| store.outbox_after(place, limit))
    }

    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        let after = after.map(str::to_owned);
        self.read(move |store| store.run_ids(after.as_deref(), limit))
    }
}

impl WritableStore for Through {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        batch
            .iter()
            .map(|operation| self.0.execute(operation.clone()))
            .collect()
    }

    fn erase(&mut self, erasure: &Erasure) -> Result<bool, StoreError> {
        let erasure = erasure.clone();
        self.maintain(move |store| store.erase(&erasure))
    }

    fn finish_erasures(&mut self) -> Result<bool, StoreError> {
        self.maintain(|store| store.finish_erasures())
    }

    fn prune(&mut self, filter: &PruneFilter) -> Result<Pruned, StoreError> {
        let filter = filter.clone();
        self.maintain(move |store| store.prune(&filter))
    }

    fn forget_signals(&mut self, before: Timestamp, patience: Duration) -> Result<u64, StoreError> {
        self.maintain(move |store| store.forget_signals(before, patience))
    }

    fn shrink(&mut self, patience: Duration) -> Result<bool, StoreError> {
        self.maintain(move |store| store.shrink(patience))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.maintain(|store| store.compact())
    }

    fn heartbeat(&mut self, _: &Holder, _: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        panic!("a backend keeps its own leases alive")
    }
}
