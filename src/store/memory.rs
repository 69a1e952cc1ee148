//! The store in memory: lives and dies with its process, and is the oracle that others are compared with.

mod run;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use super::holder::{self, Holder, Liveness, ProcessLiveness};
use super::late_cancel;
use super::raw::{self, RawRun};
use super::rules::{self, Lease, RequirementState, Verdict};
use super::{
    Append, ApprovalFilter, ApprovalQuery, Author, Committed, DueFilter, LeaseGrant, NewRun, Operation, OutsiderRecord,
    OverdueFilter, RequirementFilter, RequirementRow, RunFilter, RunRow, RunStatus, Store, StoreError, StoredRun,
};
use crate::journal::{AuditKey, Entry, JournalEnd, Record};
use crate::requirement::{RememberScope, RequirementKind};
use crate::{Text, Timestamp};
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

    fn carry_out(&mut self, operation: &Operation) -> Result<Committed, StoreError> {
        match operation {
            Operation::Create(new) => self.create(new),
            Operation::Append(append) => self.append(append),
            Operation::Acquire {
                run_id,
                holder,
                now,
                expires,
                known,
            } => self.acquire(run_id, holder, *now, *expires, *known),
            Operation::Release { run_id, epoch } => Ok(self.release(run_id, *epoch)),
        }
    }

    fn create(&mut self, new: &NewRun) -> Result<Committed, StoreError> {
        if self.places.contains_key(&new.run_id) {
            return Err(StoreError::RunExists {
                run_id: new.run_id.clone(),
            });
        }
        rules::judge_first(new)?;
        let mut run = MemoryRun::new(new, self.key.as_ref());
        let entries: Vec<&Entry> = new.entries.iter().collect();
        let seq = run.extend(&entries, new.at, false)?;
        self.enlist(&new.holder, new.at, new.expires);
        self.places.insert(new.run_id.clone(), self.runs.len());
        self.index(&new.run_id, &entries);
        self.runs.push(run);
        Ok(Committed::Appended { seq })
    }

    fn append(&mut self, append: &Append) -> Result<Committed, StoreError> {
        self.check_key(self.run(&append.run_id)?)?;
        let run = self.run(&append.run_id)?;
        rules::check_author(append, run.state())?;
        let is_cancelled = |after| Ok::<_, StoreError>(run.is_cancelled_after(after));
        match late_cancel::instead_of(append, run.outsider_entries(), is_cancelled)? {
            Some(instead) => self.write(&instead).map(Committed::into_cancelled),
            None => self.write(append),
        }
    }

    fn write(&mut self, append: &Append) -> Result<Committed, StoreError> {
        let outsider = append.author == Author::Outsider;
        let run = self.run_mut(&append.run_id)?;
        let find = |id: &str| Ok::<_, StoreError>(run.requirements.get(id).cloned());
        let Verdict::Write(entries) = rules::judge(append, run.row.status, find)? else {
            return Ok(Committed::AlreadyDecided);
        };
        let before = run.records.len();
        let seq = run.extend(&entries, append.at, outsider)?;
        let opened: Vec<Entry> = entries.iter().copied().filter(is_opening).cloned().collect();
        if let Some(status) = rules::status_after(append) {
            (run.row.status, run.row.updated_at) = (status, append.at);
        }
        if append.finish.is_some() {
            run.row.holder = None;
        }
        if outsider {
            let run_id = run.row.run_id.clone();
            let notice = |record: &Record| OutsiderRecord {
                run_id: run_id.clone(),
                record: record.clone(),
                authentic: true,
            };
            let notices: Vec<_> = run.records[before..].iter().map(notice).collect();
            self.outsiders.extend(notices);
        }
        self.index(&append.run_id, &opened.iter().collect::<Vec<_>>());
        Ok(Committed::Appended { seq })
    }

    fn acquire(
        &mut self,
        run_id: &Text,
        holder: &Holder,
        now: Timestamp,
        expires: Timestamp,
        known: Option<JournalEnd>,
    ) -> Result<Committed, StoreError> {
        let run = self.run(run_id)?;
        if run.row.status == RunStatus::Completed {
            return Ok(Committed::Lease(LeaseGrant::Completed {
                run: Box::new(run.stored(known)),
            }));
        }
        self.check_key(run)?;
        rules::check_lease(run_id, self.lease(run), holder, now, &*self.liveness)?;
        self.enlist(holder, now, expires);
        let run = self.run_mut(run_id)?;
        run.row.epoch += 1;
        run.row.holder = Some(holder.clone());
        run.held_since = now;
        Ok(Committed::Lease(LeaseGrant::Granted {
            epoch: run.row.epoch,
            run: Box::new(run.stored(known)),
        }))
    }

    fn check_key(&self, run: &MemoryRun) -> Result<(), StoreError> {
        let row = &run.row;
        rules::chain_to_write(&row.run_id, row.audit_key_id.as_ref(), self.key.as_ref()).map(drop)
    }

    fn index(&mut self, run_id: &Text, entries: &[&Entry]) {
        for entry in entries {
            if let Entry::RequirementOpened(opened) = entry {
                let row = RequirementRow {
                    requirement_id: opened.requirement_id.clone(),
                    run_id: run_id.clone(),
                };
                self.requirements.push((row, opened.kind));
            }
        }
    }

    fn requirement_passes(&self, row: &RequirementRow, kind: RequirementKind, filter: &RequirementFilter) -> bool {
        let Ok(run) = self.run(&row.run_id) else {
            return false;
        };
        let is_open = || {
            matches!(
                run.requirements.get(&row.requirement_id),
                Some(RequirementState::Open(_))
            ) && matches!(
                run.row.status,
                RunStatus::Paused | RunStatus::Running | RunStatus::Queued
            )
        };
        begins(&row.requirement_id, filter.id_prefix.as_ref())
            && filter.run_id.as_ref().is_none_or(|run_id| *run_id == row.run_id)
            && filter.kind.is_none_or(|wanted| wanted == kind)
            && (!filter.open_only || is_open())
    }

    fn overdue_since(&self, row: &RequirementRow, filter: &OverdueFilter) -> Option<Timestamp> {
        let run = self.run(&row.run_id).ok()?;
        let is_meant = match &filter.run_id {
            Some(run_id) => *run_id == row.run_id,
            None => matches!(
                run.row.status,
                RunStatus::Paused | RunStatus::Running | RunStatus::Queued
            ),
        };
        match run.requirements.get(&row.requirement_id) {
            Some(RequirementState::Open(open)) if is_meant && open.terms.are_over(filter.now) => open.terms.expires_at,
            _ => None,
        }
    }

    /// The place that a list ends before; `None` when the run it is to end before does not exist.
    fn end(&self, before: Option<&Text>) -> Option<usize> {
        before.map_or(Some(self.runs.len()), |run_id| self.places.get(run_id).copied())
    }

    fn release(&mut self, run_id: &str, epoch: u64) -> Committed {
        if let Ok(run) = self.run_mut(run_id)
            && run.row.epoch == epoch
        {
            run.row.holder = None;
        }
        Committed::Released
    }

    /// Notes that a holder is alive until `expires`. With a new one, those are forgotten that are gone and hold nothing.
    fn enlist(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) {
        if !self.expiries.contains_key(&holder.token) {
            let holders: HashSet<&Text> = self.runs.iter().filter_map(MemoryRun::holder_token).collect();
            self.expiries
                .retain(|token, expires| *expires > now || holders.contains(token));
        }
        let present = self.expiries.entry(holder.token.clone()).or_insert(expires);
        *present = expires.max(*present);
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

    fn is_free(&self, run: &MemoryRun, filter: &DueFilter) -> bool {
        let may_be_taken =
            |lease: Lease| holder::may_be_taken(&*self.liveness, &lease.holder, lease.expires, filter.now);
        !filter.except.contains(&run.row.run_id) && self.lease(run).is_none_or(may_be_taken)
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

fn is_opening(entry: &&Entry) -> bool {
    matches!(entry, Entry::RequirementOpened(_))
}

fn begins(id: &str, prefix: Option<&Text>) -> bool {
    prefix.is_none_or(|prefix| id.starts_with(&**prefix))
}

fn passes(row: &RunRow, filter: &RunFilter) -> bool {
    begins(&row.run_id, filter.id_prefix.as_ref())
        && filter.status.is_none_or(|status| status == row.status)
        && (filter.agent_name.is_none() || filter.agent_name == row.agent_name)
        && (filter.session_id.is_none() || filter.session_id == row.session_id)
        && (filter.user_id.is_none() || filter.user_id == row.user_id)
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
