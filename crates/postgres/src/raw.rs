//! A run's rows as they stand in the database, for finding out what is wrong with them.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{AuditKey, Terms};
use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::raw::{RawContent, RawEntry, RawMemory, RawRequirement, RawRun, Readable};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::{Failure, Fault};
use crate::rows::{SELECT_RUNS, found_run};
use crate::text::{restored, stored, text};

/// All rows of a run, or [`StoreError::RunNotFound`], as they stand in one moment.
pub(crate) fn run(connection: &mut Connection, run_id: &str, key: Option<&AuditKey>) -> Result<RawRun, Fault> {
    connection.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", |connection| {
        let sql = format!("{SELECT_RUNS} WHERE r.run_id = $1");
        let row = connection.query_opt(&sql, &[(&stored(run_id), Type::TEXT)])?;
        let row = row.ok_or_else(|| StoreError::RunNotFound { run_id: run_id.into() })?;
        let (run, open_requirements, goes_on_with): (i64, i64, i64) = (get(&row, 0)?, get(&row, 22)?, get(&row, 24)?);
        let found = found_run(&row).map(|found| found.row);
        Ok(RawRun {
            row: found.map_err(|fault| why(&fault)),
            entries: entries(connection, run)?,
            requirements: requirements(connection, run)?,
            open_requirements,
            goes_on_with,
            key: key.cloned(),
        })
    })
}

fn why(fault: &Fault) -> String {
    match fault {
        Fault::Refused(error) => error.to_string(),
        Fault::Failed(failure) => format!("{failure:?}"),
    }
}

fn entries(connection: &mut Connection, run: i64) -> Result<Vec<RawEntry>, Failure> {
    let rows = connection.query(
        "SELECT e.seq, e.driver_entries, e.outsider, e.at, e.kind, e.payload, e.hash, e.salt, e.commitment, e.requires, e.action, \
         e.actor, e.requirement_id, o.payload \
         FROM @entries e LEFT JOIN @outlines o ON o.run = e.run AND o.seq = e.seq WHERE e.run = $1 ORDER BY e.seq",
        &[(&run, Type::INT8)],
    )?;
    let entry = |row| {
        Ok(RawEntry {
            seq: get::<i64>(row, 0)?.unsigned_abs(),
            content: content(row).map_err(|failure| format!("{failure:?}")),
        })
    };
    rows.iter().map(entry).collect()
}

fn content(row: &Row) -> Result<RawContent, Failure> {
    let name = |column| Ok::<_, Failure>(get::<Option<&str>>(row, column)?.map(|stored| restored(stored).into_owned()));
    Ok(RawContent {
        driver_entries: get(row, 1)?,
        outsider: i64::from(get::<bool>(row, 2)?),
        at: Timestamp(get(row, 3)?),
        kind: get(row, 4)?,
        payload: get(row, 5)?,
        hash: get(row, 6)?,
        salt: get(row, 7)?,
        commitment: get(row, 8)?,
        requires: get(row, 9)?,
        action: name(10)?,
        actor: name(11)?,
        requirement_id: name(12)?,
        outline: get(row, 13)?,
    })
}

fn requirements(connection: &mut Connection, run: i64) -> Result<Vec<Readable<RawRequirement>>, Failure> {
    let rows = connection.query(
        "SELECT q.requirement_id, q.kind, q.opened, q.decided, q.expires_at, q.approvals_needed, \
         ARRAY(SELECT a.seq FROM @approvals a WHERE a.run = q.run AND a.requirement_id = q.requirement_id ORDER BY a.seq), \
         m.key, m.session_id, m.revoked, q.topic \
         FROM @requirements q LEFT JOIN @remembered m ON m.run = q.run AND m.requirement_id = q.requirement_id \
         WHERE q.run = $1 ORDER BY q.place",
        &[(&run, Type::INT8)],
    )?;
    let readable = |row| requirement(row).map_err(|failure| format!("{failure:?}"));
    Ok(rows.iter().map(readable).collect())
}

fn requirement(row: &Row) -> Result<RawRequirement, Failure> {
    let place = |seq: i64| seq.unsigned_abs();
    let memory = match get::<Option<&str>>(row, 7)? {
        None => None,
        Some(key) => Some(RawMemory {
            session_id: get::<Option<&str>>(row, 8)?.map(text),
            key: text(key),
            revoked: get::<Option<i64>>(row, 9)?.map(place),
        }),
    };
    Ok(RawRequirement {
        requirement_id: text(get(row, 0)?),
        kind: text(get(row, 1)?),
        opened: place(get(row, 2)?),
        decided: get::<Option<i64>>(row, 3)?.map(place),
        terms: Terms {
            expires_at: get::<Option<i64>>(row, 4)?.map(Timestamp),
            approvals: u32::try_from(get::<i64>(row, 5)?).unwrap_or(u32::MAX),
        },
        approvals: get::<Vec<i64>>(row, 6)?.into_iter().map(place).collect(),
        memory,
        topic: get(row, 10)?,
    })
}
