//! Removing whole runs, a few at a time, so that nobody who drives one waits long. A run with many entries takes several times: it is gone
//! for all who look after the first.

use std::collections::HashSet;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::ids_of;
use super::fault::Fault;
use crate::store::rules::is_over;
use crate::store::{PruneFilter, Pruned, RunStatus};

/// How many runs are looked for at once.
const PAGE: usize = 512;

/// That nobody can go on with a run, and that it is old enough. ?2 is the time, and the statuses are ?3, ?4 and ?5.
const IS_OVER: &str = "updated_at < ?2 AND status IN (?3, ?4, ?5) AND holder IS NULL";

/// What leads to a run, and the run. SQLite does not look for rows that still refer to them: without an index it would read whole tables
/// for each entry. ?1 and ?2 are the ids of its entries.
const PARTS: [&str; 9] = [
    "DELETE FROM outlines WHERE entry BETWEEN ?1 AND ?2",
    "DELETE FROM outbox WHERE place <= coalesce((SELECT min(position) FROM subscriptions), 9223372036854775807) \
     AND entry BETWEEN ?1 AND ?2",
    "DELETE FROM remembered WHERE run = ?1 >> 32 AND ?2",
    "DELETE FROM approvals WHERE requirement IN (SELECT place FROM requirements WHERE run = ?1 >> 32) AND ?2",
    "DELETE FROM requirements WHERE run = ?1 >> 32 AND ?2",
    "DELETE FROM outsiders WHERE entry BETWEEN ?1 AND ?2",
    "DELETE FROM unfinished_erasures WHERE run = ?1 >> 32 AND ?2",
    "UPDATE signals SET digest = NULL, run = NULL WHERE run = ?1 >> 32 AND ?2",
    "DELETE FROM runs WHERE run = ?1 >> 32 AND ?2",
];

/// How many entries are removed between two looks at the clock: each may be as large as a tool's result.
const ENTRIES_AT_ONCE: usize = 4;

/// What a look at the database found, before the right to write is taken: in a large file that takes longer than others should wait.
pub(super) struct Found {
    /// The numbers of the next runs that are over and old enough.
    candidates: Vec<i64>,
    /// The numbers of runs with events that a subscriber has not got.
    undelivered: HashSet<i64>,
    /// The last event that was looked at.
    seen: i64,
}

/// Looks for what can be removed.
pub(super) fn find(connection: &Connection, filter: &PruneFilter) -> Result<Found, Fault> {
    let sql = format!("SELECT run FROM runs WHERE run > ?1 AND {IS_OVER} ORDER BY run LIMIT {PAGE}");
    let mut statement = connection.prepare_cached(&sql)?;
    let [completed, cancelled, error] = statuses(filter);
    let asked = params![filter.after, filter.before.0, completed, cancelled, error];
    let candidates = statement.query_map(asked, |row| row.get(0))?;
    Ok(Found {
        candidates: candidates.collect::<rusqlite::Result<_>>()?,
        undelivered: undelivered(connection)?,
        seen: connection.query_row("SELECT coalesce(max(place), 0) FROM outbox", [], |row| row.get(0))?,
    })
}

/// Removes what was found, or counts it, for as long as the filter's time allows.
pub(super) fn prune(connection: &Connection, filter: &PruneFilter, found: Found) -> Result<Pruned, Fault> {
    let deadline = Instant::now() + filter.patience;
    if !filter.is_dry && !finish_removals(connection, deadline)? {
        return Ok(Pruned {
            runs: 0,
            next: Some(filter.after),
        });
    }
    let Found {
        candidates,
        mut undelivered,
        seen,
    } = found;
    undelivered.extend(events_after(connection, seen)?);
    let mut pruned = Pruned::default();
    for (place, run) in candidates.iter().enumerate() {
        if place > 0 && Instant::now() >= deadline {
            pruned.next = candidates.get(place - 1).copied();
            return Ok(pruned);
        }
        if !undelivered.contains(run) && is_over_still(connection, *run, filter)? {
            pruned.runs += 1;
            if !filter.is_dry {
                remove(connection, *run, deadline)?;
            }
        }
    }
    let is_last_page = candidates.len() < PAGE;
    pruned.next = candidates.last().copied().filter(|_| !is_last_page);
    Ok(pruned)
}

/// Nobody may have gone on with the run since it was found.
fn is_over_still(connection: &Connection, run: i64, filter: &PruneFilter) -> rusqlite::Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM runs WHERE run = ?1 AND {IS_OVER})");
    let [completed, cancelled, error] = statuses(filter);
    connection
        .prepare_cached(&sql)?
        .query_row(params![run, filter.before.0, completed, cancelled, error], |row| {
            row.get(0)
        })
}

/// The names of the statuses that are asked for, of those that are over.
fn statuses(filter: &PruneFilter) -> [Option<&'static str>; 3] {
    let has = |status: &RunStatus| filter.statuses.contains(status) && is_over(*status);
    [RunStatus::Completed, RunStatus::Cancelled, RunStatus::Error]
        .map(|status| Some(status).filter(has).map(RunStatus::as_str))
}

fn undelivered(connection: &Connection) -> rusqlite::Result<HashSet<i64>> {
    runs_of(
        connection,
        "SELECT DISTINCT entry >> 32 FROM outbox WHERE place > (SELECT min(position) FROM subscriptions) AND place > ?1",
        0,
    )
}

/// The runs with events behind one. No subscriber has got any of them.
fn events_after(connection: &Connection, place: i64) -> rusqlite::Result<HashSet<i64>> {
    runs_of(
        connection,
        "SELECT DISTINCT entry >> 32 FROM outbox WHERE place > ?1",
        place,
    )
}

fn runs_of(connection: &Connection, sql: &str, place: i64) -> rusqlite::Result<HashSet<i64>> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map([place], |row| row.get(0))?;
    found.collect()
}

/// Removes a run; as many of its entries as the time allows, and the others next time.
fn remove(connection: &Connection, run: i64, deadline: Instant) -> rusqlite::Result<()> {
    let ids = ids_of(run);
    PARTS
        .iter()
        .try_for_each(|part| connection.prepare_cached(part)?.execute(ids).map(drop))?;
    if !remove_entries(connection, run, deadline)? {
        connection.execute("INSERT INTO removals (run) VALUES (?1)", [run])?;
    }
    Ok(())
}

/// Removes what is left of runs that were removed before, and says whether nothing is.
fn finish_removals(connection: &Connection, deadline: Instant) -> rusqlite::Result<bool> {
    let mut next =
        connection.prepare_cached("SELECT run FROM removals WHERE run NOT IN (SELECT run FROM runs) LIMIT 1")?;
    while let Some(run) = next.query_row([], |row| row.get(0)).optional()? {
        if !remove_entries(connection, run, deadline)? {
            return Ok(false);
        }
        connection.execute("DELETE FROM removals WHERE run = ?1", [run])?;
    }
    Ok(true)
}

/// Says whether all of a run's entries are gone. Some are removed however little time there is.
fn remove_entries(connection: &Connection, run: i64, deadline: Instant) -> rusqlite::Result<bool> {
    let mut some = connection.prepare_cached(&format!(
        "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE id BETWEEN ?1 AND ?2 LIMIT {ENTRIES_AT_ONCE})"
    ))?;
    while some.execute(ids_of(run))? == ENTRIES_AT_ONCE {
        if Instant::now() >= deadline {
            return Ok(false);
        }
    }
    Ok(true)
}
