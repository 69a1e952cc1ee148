//! The index over requirements: which are open, and which entry decided the others.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::seq;
use super::fault::Fault;
use super::rows::record;
use crate::journal::Entry;
use crate::store::rules::{RequirementState, unusable};

/// How the requirement stands on disk; `None` when the run has no such one.
pub(super) fn find(
    connection: &Connection,
    run: i64,
    run_id: &str,
    requirement_id: &str,
) -> Result<Option<RequirementState>, Fault> {
    let decided: Option<Option<i64>> = connection
        .prepare_cached("SELECT decided FROM requirements WHERE run = ?1 AND requirement_id = ?2")?
        .query_row(params![run, requirement_id], |row| row.get(0))
        .optional()?;
    match decided {
        None => Ok(None),
        Some(None) => Ok(Some(RequirementState::Open)),
        Some(Some(entry)) => decision(connection, run_id, entry).map(Some),
    }
}

fn decision(connection: &Connection, run_id: &str, entry: i64) -> Result<RequirementState, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT id, outsider, at, kind, payload, hash FROM entries WHERE id = ?1")?;
    let mut rows = statement.query([entry])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let record = record(run_id, row)?;
    match record.entry {
        Entry::RequirementDecided(by) => Ok(RequirementState::Decided { by, at: record.at }),
        other => {
            let (kind, seq) = (other.kind(), seq(entry));
            let message =
                format!("entry {seq} of run {run_id} is {kind:?} where a decision should stand; restore a backup");
            Err(unusable(message).into())
        }
    }
}

/// Keeps the index in step with an entry that was just written as `id`.
pub(super) fn note(connection: &Connection, run: i64, id: i64, entry: &Entry) -> rusqlite::Result<()> {
    match entry {
        Entry::RequirementOpened(opened) => connection
            .prepare_cached("INSERT INTO requirements (run, requirement_id, kind, opened) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![run, opened.requirement_id, opened.kind.as_str(), id])
            .map(drop),
        Entry::RequirementDecided(decided) => connection
            .prepare_cached("UPDATE requirements SET decided = ?3 WHERE run = ?1 AND requirement_id = ?2")?
            .execute(params![run, decided.requirement_id, id])
            .map(drop),
        _ => Ok(()),
    }
}
