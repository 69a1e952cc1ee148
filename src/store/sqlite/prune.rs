//! Removing whole runs, a few at a time, so that nobody who drives one waits long.

use std::collections::HashSet;
use std::time::Instant;

use rusqlite::{Connection, params};

use super::entry_id::ids_of;
use super::fault::Fault;
use crate::store::rules::is_over;
use crate::store::{PruneFilter, Pruned, RunStatus};

/// How many runs are looked at between two looks at the clock.
const AT_ONCE: usize = 16;

/// How many runs are looked at in one transaction at most, be they removed or not.
const PAGE: i64 = 4096;

/// What leads to a run, and the run. SQLite does not look for rows that still refer to them: without an index it would read whole tables
/// for each entry. ?1 and ?2 are the ids of its entries.
const PARTS: [&str; 9] = [
    "DELETE FROM outlines WHERE entry BETWEEN ?1 AND ?2",
    "DELETE FROM outbox WHERE entry BETWEEN ?1 AND ?2",
    "DELETE FROM remembered WHERE run = ?1 >> 32 AND ?2",
    "DELETE FROM approvals WHERE requirement IN (SELECT place FROM requirements WHERE run = ?1 >> 32) AND ?2",
    "DELETE FROM requirements WHERE run = ?1 >> 32 AND ?2",
    "DELETE FROM outsiders WHERE entry BETWEEN ?1 AND ?2",
    "DELETE FROM unfinished_erasures WHERE run = ?1 >> 32 AND ?2",
    "DELETE FROM entries WHERE id BETWEEN ?1 AND ?2",
    "DELETE FROM runs WHERE run = ?1 >> 32 AND ?2",
];

pub(super) fn prune(connection: &Connection, filter: &PruneFilter) -> Result<Pruned, Fault> {
    let begun = Instant::now();
    let (candidates, undelivered) = (candidates(connection, filter)?, undelivered(connection)?);
    let is_last_page = candidates.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
    let mut pruned = Pruned::default();
    for (place, run) in candidates.iter().enumerate() {
        if place > 0 && place % AT_ONCE == 0 && begun.elapsed() >= filter.patience {
            pruned.next = candidates.get(place - 1).copied();
            return Ok(pruned);
        }
        if !undelivered.contains(run) {
            pruned.runs += 1;
            if !filter.is_dry {
                remove(connection, *run)?;
            }
        }
    }
    pruned.next = candidates.last().copied().filter(|_| !is_last_page);
    Ok(pruned)
}

/// The numbers of the next runs that are over and old enough.
fn candidates(connection: &Connection, filter: &PruneFilter) -> rusqlite::Result<Vec<i64>> {
    let has = |status| filter.statuses.contains(&status) && is_over(status);
    let name = |status: RunStatus| has(status).then(|| status.as_str());
    let mut statement = connection.prepare_cached(
        "SELECT run FROM runs WHERE run > ?1 AND updated_at < ?2 AND status IN (?3, ?4, ?5) AND holder IS NULL \
         ORDER BY run LIMIT ?6",
    )?;
    let statuses = [RunStatus::Completed, RunStatus::Cancelled, RunStatus::Error].map(name);
    let found = statement.query_map(
        params![
            filter.after,
            filter.before.0,
            statuses[0],
            statuses[1],
            statuses[2],
            PAGE
        ],
        |row| row.get(0),
    )?;
    found.collect()
}

/// The numbers of runs with events that a subscriber has not got.
fn undelivered(connection: &Connection) -> rusqlite::Result<HashSet<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT entry >> 32 FROM outbox WHERE place > (SELECT min(position) FROM subscriptions)",
    )?;
    let found = statement.query_map([], |row| row.get(0))?;
    found.collect()
}

fn remove(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    let ids = ids_of(run);
    PARTS
        .iter()
        .try_for_each(|part| connection.prepare_cached(part)?.execute(ids).map(drop))
}
