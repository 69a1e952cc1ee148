//! What workers look for.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows::{NumberedRun, SELECT_RUNS, numbered_run};
use crate::Text;
use crate::journal::FORMAT;
use crate::store::holder::Liveness;
use crate::store::rules::Lease;
use crate::store::{DueFilter, RunRow};

/// The condition of the index `runs_for_workers`, word for word: else SQLite would not use it.
const IS_DUE: &str = "(r.status IN ('QUEUED', 'RUNNING') OR (r.status = 'PAUSED' AND r.open_requirements = 0))";

pub(super) fn due(connection: &Connection, filter: &DueFilter, liveness: &dyn Liveness) -> Result<Vec<RunRow>, Fault> {
    let mut found = Vec::new();
    for agent_name in &filter.agent_names {
        let left = filter.limit as usize - found.len();
        due_of(connection, agent_name, filter, left, liveness, &mut found)?;
    }
    Ok(found)
}

fn due_of(
    connection: &Connection,
    agent_name: &Text,
    filter: &DueFilter,
    limit: usize,
    liveness: &dyn Liveness,
    found: &mut Vec<RunRow>,
) -> Result<(), Fault> {
    let sql = format!("{SELECT_RUNS} WHERE r.agent_name = ?1 AND {IS_DUE} AND r.format = {FORMAT} ORDER BY r.run");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![agent_name])?;
    let end = found.len() + limit;
    while found.len() < end {
        let Some(row) = rows.next()? else { break };
        let run = numbered_run(row)?;
        if is_free(&run, filter, liveness) {
            found.push(run.row);
        }
    }
    Ok(())
}

fn is_free(run: &NumberedRun, filter: &DueFilter, liveness: &dyn Liveness) -> bool {
    let is_worth_trying = |lease: &Lease| lease.is_worth_trying(liveness, filter.now);
    !filter.except.contains(&run.row.run_id) && run.lease.as_ref().is_none_or(is_worth_trying)
}
