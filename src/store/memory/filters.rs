//! What the filters let through of the rows in memory.

use std::cmp::Reverse;

use super::MemoryStore;
use super::run::MemoryRun;
use crate::journal::AuditKey;
use crate::requirement::{RememberScope, RequirementKind};
use crate::store::rules::{Lease, RequirementState};
use crate::store::{
    ApprovalFilter, DueFilter, OverdueFilter, RequirementFilter, RequirementRow, RequirementSet, RunFilter, RunRow,
    RunStatus,
};
use crate::{Text, Timestamp};

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

fn is_stopped(row: &RunRow) -> bool {
    !matches!(row.status, RunStatus::Paused | RunStatus::Running | RunStatus::Queued)
}

impl MemoryStore {
    /// The runs that the filter lets through, newest first.
    pub(super) fn passing_runs(&self, filter: &RunFilter) -> impl Iterator<Item = &RunRow> {
        let end = match &filter.before {
            None => self.runs.len(),
            Some(run_id) => self.places.get(run_id).copied().unwrap_or_default(),
        };
        let rows = self.runs[..end].iter().rev().map(|run| &run.row);
        rows.filter(move |row| passes(row, filter))
    }

    /// The requirements that the filter lets through, in the order of its set.
    pub(super) fn passing_requirements(&self, filter: &RequirementFilter) -> Vec<&RequirementRow> {
        let ordered = match filter.set {
            RequirementSet::Decided => self.last_decided_first(),
            RequirementSet::All | RequirementSet::Open => self.requirements.iter().rev().collect(),
        };
        let is_before = |(row, _): &&(RequirementRow, _)| Some(&row.requirement_id) != filter.before.as_ref();
        let behind = filter
            .before
            .as_ref()
            .map_or(0, |_| ordered.iter().copied().take_while(is_before).count() + 1);
        let rows = ordered.into_iter().skip(behind);
        let passing = rows.filter(|(row, kind)| self.requirement_passes(row, *kind, filter));
        passing.map(|(row, _)| row).collect()
    }

    fn last_decided_first(&self) -> Vec<&(RequirementRow, RequirementKind)> {
        let placed = self.requirements.iter().enumerate();
        let decided = placed.filter_map(|(place, found)| Some((self.decided_at(&found.0)?, place, found)));
        let mut decided: Vec<_> = decided.collect();
        decided.sort_unstable_by_key(|(at, place, _)| Reverse((*at, *place)));
        decided.into_iter().map(|(_, _, found)| found).collect()
    }

    fn decided_at(&self, row: &RequirementRow) -> Option<Timestamp> {
        match self.run(&row.run_id).ok()?.requirements.get(&row.requirement_id)? {
            RequirementState::Decided { at, .. } => Some(*at),
            RequirementState::Open(_) | RequirementState::Expired { .. } => None,
        }
    }

    fn requirement_passes(&self, row: &RequirementRow, kind: RequirementKind, filter: &RequirementFilter) -> bool {
        filter
            .requirement_id
            .as_ref()
            .is_none_or(|id| *id == row.requirement_id)
            && begins(&row.requirement_id, filter.id_prefix.as_ref())
            && filter.run_id.as_ref().is_none_or(|run_id| *run_id == row.run_id)
            && filter.kind.is_none_or(|wanted| wanted == kind)
            && (kind.asks_somebody() || !filter.leaves_waits_out())
            && (filter.set != RequirementSet::Open || self.waits(row))
    }

    fn waits(&self, row: &RequirementRow) -> bool {
        let Ok(run) = self.run(&row.run_id) else { return false };
        let state = run.requirements.get(&row.requirement_id);
        matches!(state, Some(RequirementState::Open(_))) && !is_stopped(&run.row)
    }

    /// The requirements of the remembered approvals that the filter lets through, newest first.
    pub(super) fn passing_approvals(&self, filter: &ApprovalFilter) -> impl Iterator<Item = &RequirementRow> {
        let is_it = |(row, _): &(RequirementRow, _)| Some(&row.requirement_id) == filter.before.as_ref();
        let end = match filter.before {
            None => self.requirements.len(),
            Some(_) => self.requirements.iter().position(is_it).unwrap_or_default(),
        };
        let rows = self.requirements[..end].iter().rev().map(|(row, _)| row);
        rows.filter(move |row| self.approval_passes(row, filter))
    }

    fn approval_passes(&self, row: &RequirementRow, filter: &ApprovalFilter) -> bool {
        let Ok(run) = self.run(&row.run_id) else { return false };
        let is_over = run.row.status == RunStatus::Completed;
        let is_here = run.row.status != RunStatus::Moved;
        let can_answer = |(scope, _)| is_here && (scope == RememberScope::Session || !is_over);
        begins(&row.requirement_id, filter.id_prefix.as_ref())
            && filter.run_id.as_ref().is_none_or(|run_id| *run_id == row.run_id)
            && (filter.session_id.is_none() || filter.session_id == run.row.session_id)
            && run.standing(&row.requirement_id).is_some_and(can_answer)
    }

    /// The requirements whose time is over, the longest over first.
    pub(super) fn overdue_requirements(&self, filter: &OverdueFilter) -> Vec<&RequirementRow> {
        let rows = self.requirements.iter().map(|(row, _)| row);
        let left = rows.filter(|row| !filter.except.contains(*row));
        let mut due: Vec<_> = left
            .filter_map(|row| Some((self.overdue_since(row, filter)?, row)))
            .collect();
        due.sort_by_key(|(since, _)| *since);
        due.into_iter().map(|(_, row)| row).collect()
    }

    fn overdue_since(&self, row: &RequirementRow, filter: &OverdueFilter) -> Option<Timestamp> {
        let run = self.run(&row.run_id).ok()?;
        let is_meant = match &filter.run_id {
            Some(run_id) => *run_id == row.run_id,
            None => !is_stopped(&run.row),
        };
        let can_be_written = run.row.audit_key_id.as_ref() == self.key.as_ref().map(AuditKey::id);
        match run.requirements.get(&row.requirement_id) {
            Some(RequirementState::Open(open)) if is_meant && can_be_written && open.terms.are_over(filter.now) => {
                open.terms.expires_at
            }
            _ => None,
        }
    }

    /// When times come, later than that, of what waits.
    pub(super) fn times_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        let waiting = self.requirements.iter().filter(|(row, _)| self.waits(row));
        let ends =
            waiting.filter_map(
                |(row, _)| match self.run(&row.run_id).ok()?.requirements.get(&row.requirement_id)? {
                    RequirementState::Open(open) => open.terms.expires_at,
                    RequirementState::Decided { .. } | RequirementState::Expired { .. } => None,
                },
            );
        let queued = self.runs.iter().filter(|run| run.row.status == RunStatus::Queued);
        let begins = queued.filter_map(|run| run.row.not_before);
        ends.chain(begins).filter(move |time| *time > after)
    }

    pub(super) fn is_free(&self, run: &MemoryRun, filter: &DueFilter) -> bool {
        let is_worth_trying = |lease: Lease| lease.is_worth_trying(&*self.liveness, filter.now);
        !filter.except.contains(&run.row.run_id) && self.lease(run).is_none_or(is_worth_trying)
    }
}
