//! Writing a run of another database as it stands there.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::{entry_id, ids_of};
use super::fault::Fault;
use super::read::find_run;
use super::rows::NumberedRun;
use super::write::INSERT_ENTRY;
use super::{outbox, outline};
use crate::journal::{Hash, JournalEnd};
use crate::store::raw::RawRequirement;
use crate::store::{Import, StoreError, outline as outlines};

/// The rows of the index, which comes whole.
const INDEX: [&str; 3] = [
    "DELETE FROM remembered WHERE run = ?1",
    "DELETE FROM approvals WHERE requirement IN (SELECT place FROM requirements WHERE run = ?1)",
    "DELETE FROM requirements WHERE run = ?1",
];

pub(super) fn import(connection: &Connection, import: &Import) -> Result<(), Fault> {
    let found = match find_run(connection, &import.row.run_id) {
        Ok(found) => Some(found),
        Err(Fault::Refused(StoreError::RunNotFound { .. })) => None,
        Err(fault) => return Err(fault),
    };
    let end = found.as_ref().map(|found| end_of(connection, found.run)).transpose()?;
    import.check(found.as_ref().map(|found| &found.row).zip(end))?;
    let run = match found {
        Some(NumberedRun { run, .. }) => run,
        None => insert_run(connection, import)?,
    };
    insert_entries(connection, run, import)?;
    for statement in INDEX {
        connection.prepare_cached(statement)?.execute([run])?;
    }
    for requirement in &import.requirements {
        insert_requirement(connection, run, requirement)?;
    }
    set_row(connection, run, import)
}

/// Where the journal that is here ends.
fn end_of(connection: &Connection, run: i64) -> rusqlite::Result<JournalEnd> {
    let end = connection
        .prepare_cached("SELECT id, hash FROM entries WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1")?
        .query_row(ids_of(run), |row| {
            Ok(JournalEnd {
                seq: super::entry_id::seq(row.get(0)?),
                hash: row.get(1)?,
            })
        })
        .optional()?;
    Ok(end.unwrap_or(JournalEnd {
        seq: 0,
        hash: Hash::default(),
    }))
}

fn insert_run(connection: &Connection, import: &Import) -> rusqlite::Result<i64> {
    let row = &import.row;
    connection
        .prepare_cached(
            "INSERT INTO runs (run, run_id, agent_name, session_id, user_id, status, created_at, updated_at, epoch, format, \
             audit_key_id) VALUES ((SELECT max(run) + 1 FROM (SELECT max(run) AS run FROM runs \
             UNION ALL SELECT max(run) FROM removals)), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING run",
        )?
        .query_row(
            params![
                row.run_id,
                row.agent_name,
                row.session_id,
                row.user_id,
                row.status.as_str(),
                row.created_at.0,
                row.updated_at.0,
                row.epoch.cast_signed(),
                row.format,
                row.audit_key_id,
            ],
            |row| row.get(0),
        )
}

/// The row as the journal leaves it; a lease that is taken later has an epoch that neither database has given out.
fn set_row(connection: &Connection, run: i64, import: &Import) -> Result<(), Fault> {
    let row = &import.row;
    let erased = import.erased().map(|seq| entry_id(run, seq)).transpose()?;
    connection
        .prepare_cached(
            "UPDATE runs SET status = ?2, updated_at = ?3, epoch = max(epoch, ?4), erased = ?5, open_requirements = ?6, goes_on_with = ?7, \
             not_before = ?8 WHERE run = ?1",
        )?
        .execute(params![
            run,
            row.status.as_str(),
            row.updated_at.0,
            row.epoch.cast_signed(),
            erased,
            import.open_requirements(),
            import.goes_on_with.cast_signed(),
            row.not_before.map(|from| from.0),
        ])?;
    Ok(())
}

fn insert_entries(connection: &Connection, run: i64, import: &Import) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(INSERT_ENTRY)?;
    let mut undo = connection.prepare_cached("DELETE FROM outbox WHERE entry = ?1")?;
    for entry in import.news() {
        let (id, content) = (entry_id(run, entry.seq)?, &entry.content);
        insert.execute(params![
            id,
            content.driver_entries,
            content.outsider,
            content.at.0,
            content.kind,
            content.hash,
            content.requires,
            content.action,
            content.actor,
            content.requirement_id,
            content.salt,
            content.commitment,
            content.payload,
        ])?;
        if content.outsider != 0 {
            connection
                .prepare_cached("INSERT INTO outsiders (entry) VALUES (?1)")?
                .execute([id])?;
        }
        // Of what happened elsewhere, subscribers get what they have not got there.
        undo.execute([id])?;
        let payload = content.payload.as_deref();
        outline::note(
            connection,
            id,
            payload.and_then(|payload| outlines::of(&content.kind, payload)),
        )?;
    }
    outbox::take_over(connection, run, &import.undelivered)
}

fn insert_requirement(connection: &Connection, run: i64, row: &RawRequirement) -> Result<(), Fault> {
    let id = |seq: &u64| entry_id(run, *seq);
    let place: i64 = connection
        .prepare_cached(
            "INSERT INTO requirements (run, requirement_id, kind, opened, decided, expires_at, approvals_needed, topic) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING place",
        )?
        .query_row(
            params![
                run,
                row.requirement_id,
                row.kind,
                id(&row.opened)?,
                row.decided.as_ref().map(id).transpose()?,
                row.terms.expires_at.map(|at| at.0),
                row.terms.approvals,
                row.topic,
            ],
            |row| row.get(0),
        )?;
    for seq in &row.approvals {
        connection
            .prepare_cached("INSERT INTO approvals (requirement, entry) VALUES (?1, ?2)")?
            .execute([place, id(seq)?])?;
    }
    if let Some(memory) = &row.memory {
        let revoked = memory.revoked.as_ref().map(id).transpose()?;
        connection
            .prepare_cached(
                "INSERT INTO remembered (requirement, run, session_id, key, revoked) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![place, run, memory.session_id, memory.key, revoked])?;
    }
    Ok(())
}
