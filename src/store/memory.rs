//! The store in memory: lives and dies with its process, and is the oracle that others are compared with.

mod filters;
mod run;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::holder::{Holder, Liveness, ProcessLiveness};
use super::raw::{self, RawRun};
use super::rules::{self, Lease};
use super::{
    ApprovalFilter, ApprovalQuery, Committed, DueFilter, Operation, OutsiderRecord, OverdueFilter, RequirementFilter,
    RequirementRow, RunFilter, RunRow, RunStatus, Store, StoreError, StoredRun,
};
use crate::journal::{AuditKey, JournalEnd, Record};
use crate::requirement::{RememberScope, RequirementKind};
use crate::{Text, Timestamp};
use filters::passes;
use run::MemoryRun;

/// Journals in memory.
pub struct MemoryStore {
    runs: Vec<MemoryRun>,
    places: HashMap<Text, usize>,
    expiries: HashMap<Text, Timestamp>,
    outsiders: Vec<OutsiderRecord>,
    /// All requirements in the order in which they were opened.
    requirements: Vec<(RequirementRow, RequirementKind)>,
    /// How many batches were carried out.
    commits: i64,
    liveness: Box<dyn Liveness>,
    key: Option<AuditKey>,
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
            commits: 0,
            liveness,
            key: None,
        }
    }

    /// The store with another key for the hash chains of new runs; those that it has keep theirs.
    #[must_use]
    pub fn with_audit_key(self, key: Option<AuditKey>) -> Self {
        Self { key, ..self }
    }

    /// The place that a list ends before; `None` when the run it is to end before does not exist.
    fn end(&self, before: Option<&Text>) -> Option<usize> {
        before.map_or(Some(self.runs.len()), |run_id| self.places.get(run_id).copied())
    }

    fn lease(&self, run: &MemoryRun) -> Option<Lease> {
        let holder = run.row.holder.clone()?;
        let expires = self.expiries.get(&holder.token).copied().unwrap_or_default();
        Some(Lease {
            holder,
            expires,
            since: run.held_since,
        })
    }

    fn run(&self, run_id: &str) -> Result<&MemoryRun, StoreError> {
        match self.places.get(run_id) {
            Some(&place) => Ok(&self.runs[place]),
            None => Err(StoreError::RunNotFound { run_id: run_id.into() }),
        }
    }

    fn run_mut(&mut self, run_id: &str) -> Result<&mut MemoryRun, StoreError> {
        match self.places.get(run_id) {
            Some(&place) => Ok(&mut self.runs[place]),
            None => Err(StoreError::RunNotFound { run_id: run_id.into() }),
        }
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &[Operation]) -> Vec<Result<Committed, StoreError>> {
        self.commits += 1;
        batch.iter().map(|operation| self.carry_out(operation)).collect()
    }

    fn load(&mut self, run_id: &str) -> Result<StoredRun, StoreError> {
        Ok(self.run(run_id)?.stored(None))
    }

    fn load_behind(&mut self, run_id: &str, known: JournalEnd) -> Result<StoredRun, StoreError> {
        Ok(self.run(run_id)?.stored(Some(known)))
    }

    fn records_after(&mut self, run_id: &str, after: u64) -> Result<Vec<Record>, StoreError> {
        let records = self.run(run_id)?.records.iter();
        Ok(records.filter(|record| record.seq > after).cloned().collect())
    }

    fn raw(&mut self, run_id: &str) -> Result<RawRun, StoreError> {
        let run = self.run(run_id)?;
        let entries = run.records.iter().map(|record| &record.entry);
        Ok(RawRun {
            row: Ok(run.row.clone()),
            entries: run.raw_entries()?,
            requirements: raw::index_of(entries).into_iter().map(Ok).collect(),
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

    fn outsiders_after(&mut self, cursor: Option<i64>) -> Result<(Vec<OutsiderRecord>, i64), StoreError> {
        let end = self.outsiders.len();
        let start = cursor.map_or(end, |cursor| usize::try_from(cursor).unwrap_or_default().min(end));
        Ok((self.outsiders[start..].to_vec(), i64::try_from(end).unwrap_or(i64::MAX)))
    }

    fn data_version(&mut self) -> Result<i64, StoreError> {
        Ok(self.commits)
    }

    fn backup(&mut self, _target: &Path) -> Result<(), StoreError> {
        let advice = "a database in memory has no file to copy; use a SQLite database for runs that must be kept";
        Err(rules::unusable(advice.to_owned()))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn runs(&mut self, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, StoreError> {
        let Some(end) = self.end(filter.before.as_ref()) else {
            return Ok(Vec::new());
        };
        let rows = self.runs[..end]
            .iter()
            .rev()
            .map(|run| &run.row)
            .filter(|row| passes(row, filter));
        Ok(rows.take(filter.limit as usize).cloned().map(Ok).collect())
    }

    fn due(&mut self, filter: &DueFilter) -> Result<Vec<RunRow>, StoreError> {
        let of_agent = |name| {
            self.runs
                .iter()
                .filter(move |run| run.row.agent_name.as_ref() == Some(name))
        };
        let runs = filter.agent_names.iter().flat_map(of_agent);
        let free = runs.filter(|run| run.is_due() && self.is_free(run, filter));
        Ok(free.take(filter.limit as usize).map(|run| run.row.clone()).collect())
    }

    fn requirements(&mut self, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, StoreError> {
        let position = |id: &Text| self.requirements.iter().position(|(row, _)| row.requirement_id == *id);
        let end = match &filter.before {
            None => Some(self.requirements.len()),
            Some(before) => position(before),
        };
        let rows = self.requirements[..end.unwrap_or_default()].iter().rev();
        let passing = rows.filter(|(row, kind)| self.requirement_passes(row, *kind, filter));
        Ok(passing
            .take(filter.limit as usize)
            .map(|(row, _)| row.clone())
            .collect())
    }

    fn approvals(&mut self, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, StoreError> {
        let is_meant = |row: &RequirementRow| {
            let Ok(run) = self.run(&row.run_id) else { return false };
            let of_run = filter.run_id.as_ref().is_none_or(|run_id| *run_id == row.run_id);
            let of_session = filter.session_id.is_none() || filter.session_id == run.row.session_id;
            let is_over = run.row.status == RunStatus::Completed;
            let can_answer = |(scope, _)| scope == RememberScope::Session || !is_over;
            of_run && of_session && run.standing(&row.requirement_id).is_some_and(can_answer)
        };
        let rows = self.requirements.iter().rev().map(|(row, _)| row);
        let meant = rows.filter(|row| is_meant(row));
        Ok(meant.take(filter.limit as usize).cloned().collect())
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
        let mut due: Vec<_> = self
            .requirements
            .iter()
            .filter_map(|(row, _)| Some((self.overdue_since(row, filter)?, row)))
            .collect();
        due.sort_by_key(|(since, _)| *since);
        Ok(due
            .into_iter()
            .take(filter.limit as usize)
            .map(|(_, row)| row.clone())
            .collect())
    }

    fn run_ids(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        let first = after
            .and_then(|run_id| self.places.get(run_id))
            .map_or(0, |place| place + 1);
        let ids = self.runs.iter().skip(first).take(limit as usize);
        Ok(ids.map(|run| run.row.run_id.to_string()).collect())
    }

    fn heartbeat(&mut self, holder: &Holder, expires: Timestamp) -> Result<(), StoreError> {
        if let Some(present) = self.expiries.get_mut(&holder.token) {
            *present = expires.max(*present);
        }
        Ok(())
    }
}
