//! What workers look for.

use rusqlite::{Connection, ToSql, params};

use super::fault::Fault;
use super::rows::{NumberedRun, SELECT_RUNS, numbered_run};
use super::{Surroundings, lease};
use crate::Text;
use crate::journal::{AuditKey, FORMAT};
use crate::store::holder::Liveness;
use crate::store::rules::{Lease, in_turns};
use crate::store::{DueClaim, DueFilter, DueRun, RunRow};

/// The condition of the index `runs_for_workers`, word for word: else SQLite would not use it.
const IS_DUE: &str = "r.not_before IS NULL AND \
                      (r.status IN ('QUEUED', 'RUNNING') OR (r.status = 'PAUSED' AND r.open_requirements <= r.goes_on_with))";

/// What workers take from a time on, which has come: the condition of the index `runs_for_later`.
const HAS_COME: &str = "r.status = 'QUEUED' AND r.not_before IS NOT NULL AND r.not_before <= ?2";

pub(super) fn due(connection: &Connection, filter: &DueFilter, liveness: &dyn Liveness) -> Result<Vec<RunRow>, Fault> {
    let of_agent = |agent_name| due_of(connection, agent_name, filter, liveness);
    let of_agents = filter.agent_names.iter().map(of_agent).collect::<Result<_, _>>()?;
    Ok(in_turns(of_agents, filter.limit as usize))
}

/// Takes the right to drive what is due.
pub(super) fn claim(
    connection: &Connection,
    claim: &DueClaim,
    surroundings: Surroundings<'_>,
) -> Result<Vec<DueRun>, Fault> {
    let rows = due(connection, &claim.filter, surroundings.liveness)?;
    let mut claimed = Vec::new();
    for row in rows {
        let epoch = match is_to_be_granted(&row, surroundings.key) {
            true => Some(lease::grant(connection, &row.run_id, claim, surroundings.liveness)?),
            false => None,
        };
        claimed.push(DueRun {
            run_id: row.run_id,
            agent_name: row.agent_name,
            epoch,
        });
    }
    Ok(claimed)
}

/// Whether nothing is in the way that [`lease::acquire`] would have to look at.
fn is_to_be_granted(row: &RunRow, key: Option<&AuditKey>) -> bool {
    row.holder.is_none() && !row.is_erased && row.audit_key_id.as_ref() == key.map(AuditKey::id)
}

fn due_of(
    connection: &Connection,
    agent_name: &Text,
    filter: &DueFilter,
    liveness: &dyn Liveness,
) -> Result<Vec<RunRow>, Fault> {
    let of_agent = |condition: &str, order: &str| {
        format!("{SELECT_RUNS} WHERE r.agent_name = ?1 AND {condition} AND r.format = {FORMAT} ORDER BY {order}")
    };
    let mut found = free_of(
        connection,
        &of_agent(IS_DUE, "r.run"),
        params![agent_name],
        filter,
        liveness,
    )?;
    let later = of_agent(HAS_COME, "r.not_before");
    let begun = free_of(connection, &later, params![agent_name, filter.now.0], filter, liveness)?;
    if !begun.is_empty() {
        found.extend(begun);
        found.sort_by_key(|run| run.run);
        found.truncate(filter.limit as usize);
    }
    Ok(found.into_iter().map(|run| run.row).collect())
}

/// The first of these runs that are free as far as that can be seen.
fn free_of(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    filter: &DueFilter,
    liveness: &dyn Liveness,
) -> Result<Vec<NumberedRun>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while found.len() < filter.limit as usize {
        let Some(row) = rows.next()? else { break };
        let run = numbered_run(row)?;
        if is_free(&run, filter, liveness) {
            found.push(run);
        }
    }
    Ok(found)
}

fn is_free(run: &NumberedRun, filter: &DueFilter, liveness: &dyn Liveness) -> bool {
    let is_worth_trying = |lease: &Lease| lease.is_worth_trying(liveness, filter.now);
    !filter.except.contains(&run.row.run_id) && run.lease.as_ref().is_none_or(is_worth_trying)
}
