//! Removing whole runs, a few at a time, so that nobody who drives one waits.

use std::time::Instant;

use haltpoint_engine::store::rules::is_over;
use haltpoint_engine::store::{PruneFilter, Pruned, RunStatus};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::Failure;

/// How many runs are looked for at once.
const PAGE: usize = 512;

/// That nobody can go on with a run, that it is old enough, and that subscribers have got all of it.
const IS_OVER: &str = "r.updated_at < $1 AND r.status = ANY($2) AND r.holder IS NULL \
     AND NOT EXISTS (SELECT 1 FROM @outbox o WHERE o.run = r.run AND EXISTS (SELECT 1 FROM @subscriptions) \
     AND (o.place IS NULL OR o.place > (SELECT min(position) FROM @subscriptions)))";

/// What leads to a run, and belongs to it.
const PARTS: [&str; 7] = [
    "outlines",
    "outbox",
    "remembered",
    "approvals",
    "requirements",
    "outsiders",
    "entries",
];

/// Removes runs, or counts them, for as long as the filter's time allows.
pub(crate) fn prune(connection: &mut Connection, filter: &PruneFilter) -> Result<Pruned, Failure> {
    let begun = Instant::now();
    let mut pruned = Pruned::default();
    let candidates = candidates(connection, filter)?;
    for (place, run) in candidates.iter().enumerate() {
        if place > 0 && begun.elapsed() >= filter.patience {
            pruned.next = candidates.get(place - 1).copied();
            return Ok(pruned);
        }
        pruned.runs += match filter.is_dry {
            true => 1,
            false => remove(connection, filter, *run)?,
        };
    }
    let is_last_page = candidates.len() < PAGE;
    pruned.next = candidates.last().copied().filter(|_| !is_last_page);
    Ok(pruned)
}

fn candidates(connection: &mut Connection, filter: &PruneFilter) -> Result<Vec<i64>, Failure> {
    let page = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let sql = format!("SELECT r.run FROM @runs r WHERE {IS_OVER} AND r.run > $3 ORDER BY r.run LIMIT $4");
    let rows = connection.ask(
        &sql,
        &[
            (&filter.before.0, Type::INT8),
            (&statuses(filter), Type::TEXT_ARRAY),
            (&filter.after, Type::INT8),
            (&page, Type::INT8),
        ],
    )?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// The names of the statuses that are asked for, of those that are over.
fn statuses(filter: &PruneFilter) -> Vec<&'static str> {
    let over = filter.statuses.iter().filter(|status| is_over(**status));
    over.map(|status| RunStatus::as_str(*status)).collect()
}

/// Removes a run in one statement, if it is over still. Whoever has it locked is about to go on with it.
fn remove(connection: &mut Connection, filter: &PruneFilter, run: i64) -> Result<u64, Failure> {
    let parts = PARTS.map(|part| format!("{part}_gone AS (DELETE FROM @{part} p USING gone g WHERE p.run = g.run)"));
    let sql = format!(
        "WITH gone AS MATERIALIZED (SELECT r.run FROM @runs r WHERE r.run = $3 AND {IS_OVER} FOR UPDATE OF r SKIP LOCKED), {}, \
         forgotten AS (UPDATE @signals s SET digest = NULL, run = NULL FROM gone g WHERE s.run = g.run) \
         DELETE FROM @runs r USING gone g WHERE r.run = g.run RETURNING 1",
        parts.join(", ")
    );
    let rows = connection.query(
        &sql,
        &[
            (&filter.before.0, Type::INT8),
            (&statuses(filter), Type::TEXT_ARRAY),
            (&run, Type::INT8),
        ],
    )?;
    Ok(rows.len() as u64)
}
