//! A run's rows as they stand in the file, for finding out what is wrong with them.

use rusqlite::{Connection, OptionalExtension, Row};

use super::entry_id::{ids_of, seq};
use super::fault::Fault;
use super::rows::{SELECT_RUNS, numbered_run};
use crate::Timestamp;
use crate::journal::{AuditKey, Terms};
use crate::store::StoreError;
use crate::store::raw::{RawContent, RawEntry, RawMemory, RawRequirement, RawRun, Readable};

/// All rows of a run, or [`StoreError::RunNotFound`].
pub(super) fn run(connection: &Connection, run_id: &str, key: Option<&AuditKey>) -> Result<RawRun, Fault> {
    let mut statement = connection.prepare_cached(&format!("{SELECT_RUNS} WHERE r.run_id = ?1"))?;
    let mut rows = statement.query([run_id])?;
    let row = rows
        .next()?
        .ok_or_else(|| StoreError::RunNotFound { run_id: run_id.into() })?;
    let run = row.get(0)?;
    let row = numbered_run(row).map(|found| found.row);
    let (open_requirements, goes_on_with) = connection
        .prepare_cached("SELECT open_requirements, goes_on_with FROM runs WHERE run = ?1")?
        .query_row([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(RawRun {
        row: row.map_err(|fault| why(&fault)),
        entries: entries(connection, run)?,
        requirements: requirements(connection, run)?,
        open_requirements,
        goes_on_with,
        key: key.cloned(),
    })
}

fn why(fault: &Fault) -> String {
    match fault {
        Fault::Refused(error) => error.to_string(),
        Fault::Sqlite(error) => error.to_string(),
    }
}

fn entries(connection: &Connection, run: i64) -> rusqlite::Result<Vec<RawEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT e.id, e.driver_entries, e.outsider, e.at, e.kind, e.payload, e.hash, e.salt, e.commitment, e.requires, e.action, \
         e.actor, e.requirement_id, o.payload \
         FROM entries e LEFT JOIN outlines o ON o.entry = e.id WHERE e.id BETWEEN ?1 AND ?2 ORDER BY e.id",
    )?;
    let rows = statement.query_map(ids_of(run), |row| {
        Ok(RawEntry {
            seq: seq(row.get(0)?),
            content: content(row).map_err(|error| error.to_string()),
        })
    })?;
    rows.collect()
}

fn content(row: &Row<'_>) -> rusqlite::Result<RawContent> {
    Ok(RawContent {
        driver_entries: row.get(1)?,
        outsider: row.get(2)?,
        at: Timestamp(row.get(3)?),
        kind: row.get(4)?,
        payload: row.get(5)?,
        hash: row.get(6)?,
        salt: row.get(7)?,
        commitment: row.get(8)?,
        requires: row.get(9)?,
        action: row.get(10)?,
        actor: row.get(11)?,
        requirement_id: row.get(12)?,
        outline: row.get(13)?,
    })
}

fn requirements(connection: &Connection, run: i64) -> rusqlite::Result<Vec<Readable<RawRequirement>>> {
    let mut statement = connection.prepare_cached(
        "SELECT requirement_id, kind, opened, decided, expires_at, approvals_needed, place, topic FROM requirements \
         WHERE run = ?1 ORDER BY place",
    )?;
    let rows = statement.query_map([run], |row| {
        Ok(requirement(connection, row, run).map_err(|error| error.to_string()))
    })?;
    rows.collect()
}

fn requirement(connection: &Connection, row: &Row<'_>, run: i64) -> rusqlite::Result<RawRequirement> {
    Ok(RawRequirement {
        requirement_id: row.get(0)?,
        kind: row.get(1)?,
        opened: place_in(run, row.get(2)?),
        decided: row.get::<_, Option<i64>>(3)?.map(|entry| place_in(run, entry)),
        terms: Terms {
            expires_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
            approvals: row.get(5)?,
        },
        approvals: approvals(connection, row.get(6)?, run)?,
        memory: memory(connection, row.get(6)?, run)?,
        topic: row.get(7)?,
    })
}

fn memory(connection: &Connection, requirement: i64, run: i64) -> rusqlite::Result<Option<RawMemory>> {
    // A row that names another run leads nowhere that it should: it shows as one with an entry that does not exist.
    let revoked = |of_run: i64, entry: Option<i64>| match entry {
        _ if of_run != run => Some(0),
        entry => entry.map(|entry| place_in(run, entry)),
    };
    connection
        .prepare_cached("SELECT session_id, key, run, revoked FROM remembered WHERE requirement = ?1")?
        .query_row([requirement], |row| {
            Ok(RawMemory {
                session_id: row.get(0)?,
                key: row.get(1)?,
                revoked: revoked(row.get(2)?, row.get(3)?),
            })
        })
        .optional()
}

fn approvals(connection: &Connection, requirement: i64, run: i64) -> rusqlite::Result<Vec<u64>> {
    let mut statement =
        connection.prepare_cached("SELECT entry FROM approvals WHERE requirement = ?1 ORDER BY entry")?;
    let rows = statement.query_map([requirement], |row| Ok(place_in(run, row.get(0)?)))?;
    rows.collect()
}

/// The entry's place in the run's journal; 0, where none stands, for an entry of another run.
fn place_in(run: i64, entry: i64) -> u64 {
    let (first, last) = ids_of(run);
    if (first..=last).contains(&entry) { seq(entry) } else { 0 }
}
