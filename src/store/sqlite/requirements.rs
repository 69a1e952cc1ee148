//! The index over requirements: which are open, until when and for how many people, and which entry closed the others.

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::memory;
use super::rows::record;
use crate::Timestamp;
use crate::journal::{Entry, Record, RequirementDecided, RequirementOpened, Terms};
use crate::store::StoreError;
use crate::store::damage::damaged;
use crate::store::rules::{OpenRequirement, RequirementState, is_final};

/// A requirement's row.
struct Row {
    place: i64,
    decided: Option<i64>,
    terms: Terms,
}

/// How the requirement stands on disk; `None` when the run has no such one.
pub(super) fn find(
    connection: &Connection,
    run: i64,
    run_id: &str,
    requirement_id: &str,
) -> Result<Option<RequirementState>, Fault> {
    let Some(row) = row(connection, run, requirement_id)? else {
        return Ok(None);
    };
    match row.decided {
        Some(entry) => closing(connection, run_id, row.place, entry).map(Some),
        None => open(connection, run_id, &row).map(Some),
    }
}

fn row(connection: &Connection, run: i64, requirement_id: &str) -> rusqlite::Result<Option<Row>> {
    connection
        .prepare_cached(
            "SELECT place, decided, expires_at, approvals_needed FROM requirements WHERE run = ?1 AND requirement_id = ?2",
        )?
        .query_row(params![run, requirement_id], |row| {
            Ok(Row {
                place: row.get(0)?,
                decided: row.get(1)?,
                terms: Terms {
                    expires_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
                    approvals: row.get(3)?,
                },
            })
        })
        .optional()
}

fn open(connection: &Connection, run_id: &str, row: &Row) -> Result<RequirementState, Fault> {
    let mut open = OpenRequirement::new(row.terms);
    if row.terms.approvals > 1 {
        let mut statement =
            connection.prepare_cached("SELECT entry FROM approvals WHERE requirement = ?1 ORDER BY entry")?;
        let entries = statement.query_map([row.place], |row| row.get(0))?;
        for entry in entries.collect::<rusqlite::Result<Vec<i64>>>()? {
            let record = entry_at(connection, run_id, entry)?;
            let at = record.at;
            open.approvals.push((decision(record, run_id)?, at));
        }
    }
    Ok(RequirementState::Open(open))
}

fn closing(connection: &Connection, run_id: &str, place: i64, entry: i64) -> Result<RequirementState, Fault> {
    let record = entry_at(connection, run_id, entry)?;
    let at = record.at;
    if let Entry::RequirementExpired(_) = record.entry {
        return Ok(RequirementState::Expired { at });
    }
    let by = decision(record, run_id)?;
    let is_revoked = by.memory_key.is_some() && memory::is_revoked(connection, place)?;
    Ok(RequirementState::Decided { by, at, is_revoked })
}

fn entry_at(connection: &Connection, run_id: &str, entry: i64) -> Result<Record, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT id, outsider, at, kind, payload, hash FROM entries WHERE id = ?1")?;
    let mut rows = statement.query([entry])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    record(run_id, row)
}

fn decision(record: Record, run_id: &str) -> Result<RequirementDecided, StoreError> {
    match record.entry {
        Entry::RequirementDecided(decided) => Ok(decided),
        other => {
            let (kind, seq) = (other.kind(), record.seq);
            let problem = format!("entry {seq} of run {run_id} is {kind:?} where a decision should stand");
            Err(damaged(run_id, &problem))
        }
    }
}

/// Keeps the index in step with an entry that was just written as `id`.
pub(super) fn note(connection: &Connection, run: i64, id: i64, entry: &Entry) -> rusqlite::Result<()> {
    match entry {
        Entry::RequirementOpened(opened) => note_opened(connection, run, id, opened),
        Entry::RequirementDecided(decided) => note_decided(connection, run, id, decided),
        Entry::RequirementExpired(expired) => close(connection, run, id, &expired.requirement_id),
        Entry::ApprovalRevoked(revoked) => memory::note_revoked(connection, run, id, revoked),
        _ => Ok(()),
    }
}

fn note_opened(connection: &Connection, run: i64, id: i64, opened: &RequirementOpened) -> rusqlite::Result<()> {
    let (kind, terms) = (opened.kind.as_str(), &opened.terms);
    let expires_at = terms.expires_at.map(|at| at.0);
    connection
        .prepare_cached(
            "INSERT INTO requirements (run, requirement_id, kind, opened, expires_at, approvals_needed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            run,
            opened.requirement_id,
            kind,
            id,
            expires_at,
            terms.approvals
        ])
        .map(drop)
}

fn note_decided(connection: &Connection, run: i64, id: i64, decided: &RequirementDecided) -> rusqlite::Result<()> {
    let requirement_id = &decided.requirement_id;
    let found = row(connection, run, requirement_id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    if !is_final(&found.terms, decided) && !is_last_approval(connection, &found, id)? {
        return Ok(());
    }
    close(connection, run, id, requirement_id)?;
    memory::note(connection, run, found.place, decided)
}

/// Adds an approval, and says whether all that are needed are there.
fn is_last_approval(connection: &Connection, row: &Row, id: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("INSERT INTO approvals (requirement, entry) VALUES (?1, ?2)")?
        .execute(params![row.place, id])?;
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM approvals WHERE requirement = ?1")?
        .query_row([row.place], |row| row.get(0))?;
    Ok(count >= row.terms.approvals)
}

fn close(connection: &Connection, run: i64, id: i64, requirement_id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE requirements SET decided = ?3 WHERE run = ?1 AND requirement_id = ?2")?
        .execute(params![run, requirement_id, id])
        .map(drop)
}
