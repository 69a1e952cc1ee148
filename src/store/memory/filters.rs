//! What the filters let through of the rows in memory.

use super::MemoryStore;
use super::run::MemoryRun;
use crate::requirement::RequirementKind;
use crate::store::holder;
use crate::store::rules::{Lease, RequirementState};
use crate::store::{DueFilter, OverdueFilter, RequirementFilter, RequirementRow, RunFilter, RunRow, RunStatus};
use crate::{Text, Timestamp};

fn begins(id: &str, prefix: Option<&Text>) -> bool {
    prefix.is_none_or(|prefix| id.starts_with(&**prefix))
}

pub(super) fn passes(row: &RunRow, filter: &RunFilter) -> bool {
    begins(&row.run_id, filter.id_prefix.as_ref())
        && filter.status.is_none_or(|status| status == row.status)
        && (filter.agent_name.is_none() || filter.agent_name == row.agent_name)
        && (filter.session_id.is_none() || filter.session_id == row.session_id)
        && (filter.user_id.is_none() || filter.user_id == row.user_id)
}

impl MemoryStore {
    pub(super) fn requirement_passes(
        &self,
        row: &RequirementRow,
        kind: RequirementKind,
        filter: &RequirementFilter,
    ) -> bool {
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

    pub(super) fn overdue_since(&self, row: &RequirementRow, filter: &OverdueFilter) -> Option<Timestamp> {
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

    pub(super) fn is_free(&self, run: &MemoryRun, filter: &DueFilter) -> bool {
        let may_be_taken =
            |lease: Lease| holder::may_be_taken(&*self.liveness, &lease.holder, lease.expires, filter.now);
        !filter.except.contains(&run.row.run_id) && self.lease(run).is_none_or(may_be_taken)
    }
}
