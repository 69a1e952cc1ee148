//! Erasing what a run said: payloads, salts and every copy of them.

use rusqlite::{Connection, params};

use super::Surroundings;
use super::entry_id::{entry_id, ids_of};
use super::fault::Fault;
use super::read::{find_run, tail};
use super::rows::NumberedRun;
use super::write::Journal;
use crate::store::rules::{chain_to_write, check_erasable};
use crate::store::{Erasure, StoreError};

/// Whole pages that are freed are overwritten, too, in the transaction that frees them; parts of pages always are.
pub(super) const OVERWRITE_PAGES: &str = "PRAGMA secure_delete = ON";
pub(super) const AS_USUAL: &str = "PRAGMA secure_delete = FAST";

/// Copies beside the journal, and the rows that lead to what is gone.
const COPIES: [&str; 5] = [
    "DELETE FROM outlines WHERE entry BETWEEN ?1 AND ?2",
    "DELETE FROM remembered WHERE run = ?1 >> 32 AND ?2",
    "DELETE FROM approvals WHERE requirement IN (SELECT place FROM requirements WHERE run = ?1 >> 32) AND ?2",
    "DELETE FROM requirements WHERE run = ?1 >> 32 AND ?2",
    "UPDATE signals SET digest = NULL WHERE run = ?1 >> 32 AND ?2",
];

pub(super) fn erase(connection: &Connection, erasure: &Erasure, surroundings: Surroundings<'_>) -> Result<bool, Fault> {
    let NumberedRun { run, row, .. } = find_run(connection, &erasure.run_id)?;
    let chain = chain_to_write(&row.run_id, row.format, row.audit_key_id.as_ref(), surroundings.key)?;
    if row.is_erased {
        return Ok(false);
    }
    check_erasable(&row)?;
    if is_undelivered(connection, run)? {
        let run_id = row.run_id;
        return Err(StoreError::Undelivered { run_id }.into());
    }
    let tail = tail(connection, run, &row.run_id, &chain)?;
    clear(connection, run)?;
    let journal = Journal::outside(connection, run, chain, erasure.at, surroundings.salts);
    let seq = journal.extend_by(tail, &erasure.entry())?;
    // Subscribers could not read what it belongs to.
    connection
        .prepare_cached("DELETE FROM outbox WHERE entry BETWEEN ?1 AND ?2")?
        .execute(ids_of(run))?;
    connection
        .prepare_cached("UPDATE runs SET erased = ?2, open_requirements = 0 WHERE run = ?1")?
        .execute(params![run, entry_id(run, seq)?])?;
    connection
        .prepare_cached("INSERT INTO unfinished_erasures (run) VALUES (?1)")?
        .execute([run])?;
    Ok(true)
}

/// Whether somebody subscribed to entries of the run and has not got them.
fn is_undelivered(connection: &Connection, run: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE entry BETWEEN ?1 AND ?2 \
             AND place > (SELECT min(position) FROM subscriptions))",
        )?
        .query_row(ids_of(run), |row| row.get(0))
}

fn clear(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    set_freeing(connection, OVERWRITE_PAGES)?;
    let ids = ids_of(run);
    let payloads = "UPDATE entries SET payload = NULL, salt = NULL WHERE id BETWEEN ?1 AND ?2";
    let mut statements = [payloads].into_iter().chain(COPIES);
    let cleared = statements.try_for_each(|sql| connection.execute(sql, ids).map(drop));
    set_freeing(connection, AS_USUAL)?;
    cleared
}

pub(super) fn set_freeing(connection: &Connection, way: &str) -> rusqlite::Result<()> {
    connection.query_row(way, [], |_| Ok(()))
}

/// Empties the log. `false`: somebody reads from it.
pub(super) fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0).map(|is_kept| is_kept == 0)
    })
}

/// Whether copies of something that was erased may stand in the log.
pub(super) fn is_unfinished(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM unfinished_erasures)")?
        .query_row([], |row| row.get(0))
}

pub(super) fn note_finished(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM unfinished_erasures", []).map(drop)
}

/// What a check says of erasures that are not finished.
pub(super) fn unfinished(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT r.run_id FROM unfinished_erasures u JOIN runs r ON r.run = u.run ORDER BY u.run";
    let mut statement = connection.prepare(sql)?;
    let lines = statement.query_map([], |row| {
        let run_id: String = row.get(0)?;
        Ok(format!(
            "the erasure of run {run_id} is not finished: copies of what it said may stand in the log; erase it once more when \
             nothing else reads the database"
        ))
    })?;
    lines.collect()
}
