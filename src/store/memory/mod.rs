//! The store in memory: lives and dies with its process, and is the oracle that others are compared with.

mod backend;
mod filters;
mod run;
mod signals;
mod write;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::holder::{Expiry, Holder, Liveness, ProcessLiveness, now_for};
use super::raw::{self, RawRun};
use super::rules::{self, Lease};
use super::salts::{SaltSource, Salts};
use super::{
    ApprovalFilter, ApprovalQuery, Changes, Committed, DueFilter, Erasure, ExternalRecord, Import, KeptSignal,
    Operation, OverdueFilter, Position, PruneFilter, Pruned, RequirementFilter, RequirementRow, RunFilter, RunRow,
    RunStatus, SignalFilter, Store, StoreError, StoredRun, WritableStore,
};
use crate::journal::{AuditKey, Entry, JournalEnd, Record};
use crate::requirement::{RememberScope, RequirementKind};
use crate::{Text, Timestamp};
pub use backend::MemoryBackend;
use run::MemoryRun;
use signals::MemorySignal;

/// Journals in memory.
pub struct MemoryStore {
    runs: Vec<MemoryRun>,
    places: HashMap<Text, usize>,
    expiries: HashMap<Text, Expiry>,
    /// `None` where they were erased.
    outsiders: Vec<Option<ExternalRecord>>,
    /// All requirements in the order in which they were opened.
    requirements: Vec<(RequirementRow, RequirementKind)>,
    /// Signals in the order in which they came.
    signals: Vec<MemorySignal>,
    /// How many signals came.
    signal_count: i64,
    /// How many batches were carried out.
    commits: u64,
    liveness: Box<dyn Liveness>,
    key: Option<AuditKey>,
    salts: Salts,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MemoryStore")
            .field("runs", &self.runs.len())
            .finish_non_exhaustive()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Box::new(ProcessLiveness::new()))
    }
}

impl MemoryStore {
    /// An empty store. `liveness` tells whether a holder lives.
    #[must_use]
    pub fn new(liveness: Box<dyn Liveness>) -> Self {
        Self {
            runs: Vec::new(),
            places: HashMap::new(),
            expiries: HashMap::new(),
            outsiders: Vec::new(),
            requirements: Vec::new(),
            signals: Vec::new(),
            signal_count: 0,
            commits: 0,
            liveness,
            key: None,
            salts: Salts::new(SaltSource::default()),
        }
    }

    /// The store with another key for the hash chains of new runs; those that it has keep theirs.
    #[must_use]
    pub fn with_audit_key(self, key: Option<AuditKey>) -> Self {
        Self { key, ..self }
    }

    /// The store with another source of salts, for the entries that it is going to get.
    #[must_use]
    pub fn with_salts(self, source: SaltSource) -> Self {
        let salts = Salts::new(source);
        Self { salts, ..self }
    }

    fn remove(&mut self, gone: &HashSet<Text>) {
        self.runs.retain(|run| !gone.contains(&run.row.run_id));
        let placed = self.runs.iter().enumerate();
        self.places = placed.map(|(place, run)| (run.row.run_id.clone(), place)).collect();
        self.requirements.retain(|(row, _)| !gone.contains(&row.run_id));
        let signals = &mut self.signals;
        gone.iter()
            .for_each(|run_id| signals.iter_mut().for_each(|signal| signal.remove(run_id)));
        for notice in &mut self.outsiders {
            notice.take_if(|notice| gone.contains(&notice.run_id));
        }
        self.commits += 1;
    }

    fn lease(&self, run: &MemoryRun) -> Option<Lease> {
        let holder = run.row.holder.clone()?;
        let expiry = self.expiries.get(&holder.token).copied().unwrap_or_default();
        Some(Lease {
            holder,
            expiry,
            since: run.held_since,
        })
    }

    fn place(&self, run_id: &str) -> Result<usize, StoreError> {
        let place = self.places.get(run_id).copied();
        place.ok_or_else(|| StoreError::RunNotFound { run_id: run_id.into() })
    }

    fn run(&self, run_id: &str) -> Result<&MemoryRun, StoreError> {
        Ok(&self.runs[self.place(run_id)?])
    }

    fn run_mut(&mut self, run_id: &str) -> Result<&mut MemoryRun, StoreError> {
        let place = self.place(run_id)?;
        Ok(&mut self.runs[place])
    }
}

impl Store for MemoryStore {
    fn load(&mut self, run_id: &str) -> Result<StoredRun, StoreError> {
        self.run(run_id)?.stored(None)
    }

    fn load_behind(&mut self, run_id: &str, known: JournalEnd) -> Result<StoredRun, StoreError> {
        self.run(run_id)?.stored(Some(known))
    }

    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError> {
        let run = self.run(run_id)?;
        rules::check_not_erased(&run.row)?;
        let records = run.records.iter();
        Ok(records.filter(|record| record.seq > after).cloned().collect())
    }

    fn raw(&mut self, run_id: &str) -> Result<RawRun, StoreError> {
        let run = self.run(run_id)?;
        let rows = raw::index_of(run.records.iter().map(|record| &record.entry));
        Ok(RawRun {
            row: Ok(run.row.clone()),
            entries: run.raw_entries()?,
            open_requirements: raw::open_among(&rows),
            goes_on_with: run.goes_on_with.cast_signed(),
            requirements: rows.into_iter().map(Ok).collect(),
            key: self.key.clone(),
        })
    }

    fn row(&mut self, run_id: &str) -> Result<RunRow, StoreError> {
        self.run(run_id).map(|run| run.row.clone())
    }

    fn completed_runs(&mut self, session_id: &str) -> Result<Vec<String>, StoreError> {
        let is_meant =
            |row: &RunRow| row.session_id.as_deref() == Some(session_id) && row.status == RunStatus::Completed;
        Ok(self
            .runs
            .iter()
            .filter(|run| is_meant(&run.row))
            .map(|run| run.row.run_id.to_string())
            .collect())
    }

    fn position(&mut self) -> Result<Position, StoreError> {
        Ok(Position::new(self.commits, self.outsiders.len() as u64))
    }

    fn changes(&mut self, after: Position) -> Result<Changes, StoreError> {
        let [_, known] = after.numbers();
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(self.outsiders.len());
        Ok(Changes {
            records: self.outsiders[known..].iter().flatten().cloned().collect(),
            end: self.position()?,
        })
    }

    fn backup(&mut self, _target: &Path) -> Result<(), StoreError> {
        let advice = "a database in memory has no file to copy; use a SQLite database for runs that must be kept";
        Err(rules::unusable(advice.to_owned()))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn runs(&mut self, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, StoreError> {
        let rows = self.passing_runs(filter).take(filter.limit as usize);
        Ok(rows.cloned().map(Ok).collect())
    }

    fn count_runs(&mut self, filter: &RunFilter) -> Result<u64, StoreError> {
        Ok(self.passing_runs(filter).count() as u64)
    }

    fn due(&mut self, filter: &DueFilter) -> Result<Vec<RunRow>, StoreError> {
        let of_agent = |name| {
            let runs = self.runs.iter().filter(|run| run.row.agent_name.as_ref() == Some(name));
            let free = runs.filter(|run| run.is_due(filter.now) && self.is_free(run, filter));
            free.map(|run| run.row.clone()).collect()
        };
        let of_agents = filter.agent_names.iter().map(of_agent).collect();
        Ok(rules::in_turns(of_agents, filter.limit as usize))
    }

    fn requirements(&mut self, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, StoreError> {
        let rows = self.passing_requirements(filter).into_iter();
        Ok(rows.take(filter.limit as usize).cloned().collect())
    }

    fn count_requirements(&mut self, filter: &RequirementFilter) -> Result<u64, StoreError> {
        Ok(self.passing_requirements(filter).len() as u64)
    }

    fn approvals(&mut self, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, StoreError> {
        let rows = self.passing_approvals(filter).take(filter.limit as usize);
        Ok(rows.cloned().collect())
    }

    fn count_approvals(&mut self, filter: &ApprovalFilter) -> Result<u64, StoreError> {
        Ok(self.passing_approvals(filter).count() as u64)
    }

    fn approvals_for(&mut self, query: &ApprovalQuery) -> Result<Vec<RequirementRow>, StoreError> {
        let may_answer = |row: &RequirementRow| {
            let Ok(run) = self.run(&row.run_id) else { return false };
            let Some((scope, key)) = run.standing(&row.requirement_id) else {
                return false;
            };
            let in_session = query.session_id.is_some() && query.session_id == run.row.session_id;
            let is_meant = row.run_id == query.run_id || (scope == RememberScope::Session && in_session);
            is_meant && *key == query.key
        };
        let rows = self.requirements.iter().rev().map(|(row, _)| row);
        Ok(rows.filter(|row| may_answer(row)).cloned().collect())
    }

    fn overdue(&mut self, filter: &OverdueFilter) -> Result<Vec<RequirementRow>, StoreError> {
        let rows = self.overdue_requirements(filter).into_iter();
        Ok(rows.take(filter.limit as usize).cloned().collect())
    }

    fn next_due(&mut self, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.times_after(after).min())
    }

    fn signals(&mut self, filter: &SignalFilter) -> Result<Vec<KeptSignal>, StoreError> {
        Ok(self.kept_signals(filter))
    }

    fn audit_key(&self) -> Option<AuditKey> {
        self.key.clone()
    }

    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        let first = after
            .and_then(|run_id| self.places.get(run_id))
            .map_or(0, |place| place + 1);
        let ids = self.runs.iter().skip(first).take(limit as usize);
        Ok(ids.map(|run| run.row.run_id.to_string()).collect())
    }
}

impl WritableStore for MemoryStore {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        self.commits += 1;
        batch.iter().map(|operation| self.carry_out(operation)).collect()
    }

    fn erase(&mut self, erasure: &Erasure) -> Result<bool, StoreError> {
        let place = self.place(&erasure.run_id)?;
        self.check_key(&self.runs[place])?;
        let run = &mut self.runs[place];
        if run.row.is_erased {
            return Ok(false);
        }
        rules::check_erasable(&run.row)?;
        run.erase(&erasure.entry(), erasure.at, &self.salts)?;
        let is_meant = |run_id: &Text| *run_id == erasure.run_id;
        self.requirements.retain(|(row, _)| !is_meant(&row.run_id));
        self.signals.iter_mut().for_each(|signal| signal.erase(&erasure.run_id));
        for notice in &mut self.outsiders {
            notice.take_if(|notice| is_meant(&notice.run_id));
        }
        self.commits += 1;
        Ok(true)
    }

    fn forget_signals(&mut self, before: Timestamp, _: Duration) -> Result<u64, StoreError> {
        Ok(self.forget(before))
    }

    fn import(&mut self, import: &Import) -> Result<(), StoreError> {
        let run_id = &import.row.run_id;
        let place = self.places.get(run_id).copied();
        let found = place.map(|place| &self.runs[place]);
        import.check(found.map(|run| (&run.row, run.end())))?;
        let run = MemoryRun::imported(import, self.key.as_ref())?;
        let entries: Vec<Entry> = run.records.iter().map(|record| record.entry.clone()).collect();
        let known = import.known.map_or(0, |known| known.seq);
        let notices = run
            .records
            .iter()
            .filter(|record| record.outsider && record.seq > known);
        self.outsiders.extend(notices.map(|record| {
            Some(ExternalRecord {
                run_id: run_id.clone(),
                record: record.clone(),
                authentic: true,
            })
        }));
        self.requirements.retain(|(row, _)| row.run_id != *run_id);
        self.index(run_id, &entries.iter().collect::<Vec<_>>());
        match place {
            Some(place) => self.runs[place] = run,
            None => {
                self.places.insert(run_id.clone(), self.runs.len());
                self.runs.push(run);
            }
        }
        self.commits += 1;
        Ok(())
    }

    fn prune(&mut self, filter: &PruneFilter) -> Result<Pruned, StoreError> {
        let is_meant = |row: &RunRow| {
            filter.statuses.contains(&row.status)
                && rules::is_over(row.status)
                && row.updated_at < filter.before
                && row.holder.is_none()
        };
        let rows = self.runs.iter().map(|run| &run.row).filter(|row| is_meant(row));
        let gone: HashSet<Text> = rows.map(|row| row.run_id.clone()).collect();
        if !filter.is_dry {
            self.remove(&gone);
        }
        Ok(Pruned {
            runs: gone.len() as u64,
            next: None,
        })
    }

    fn heartbeat(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) -> Result<(), StoreError> {
        let now = now_for(&*self.liveness, holder, now);
        if let Some(present) = self.expiries.get_mut(&holder.token) {
            *present = Expiry::renewed(now, expires).no_earlier_than(present.wall);
        }
        Ok(())
    }
}
