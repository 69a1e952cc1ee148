//! Entries on their way to subscribers, and how far each subscriber is.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::seq;
use crate::Timestamp;
use crate::store::{OutboxClaim, OutboxRow};

pub(super) fn claim(connection: &Connection, claim: &OutboxClaim, now: Timestamp) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "INSERT INTO subscriptions (name, position, claimed_by, claimed_until) \
             VALUES (?1, (SELECT coalesce(max(place), 0) FROM outbox), ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET claimed_by = ?2, claimed_until = ?3 \
             WHERE claimed_by = ?2 OR claimed_until <= ?4 RETURNING position",
        )?
        .query_row(params![claim.name, claim.claimant, claim.until.0, now.0], |row| {
            row.get(0)
        })
        .optional()
}

pub(super) fn advance(connection: &Connection, claim: &OutboxClaim, place: i64) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE subscriptions SET position = max(position, ?3), claimed_until = ?4 WHERE name = ?1 AND claimed_by = ?2",
        )?
        .execute(params![claim.name, claim.claimant, place, claim.until.0])?;
    connection
        .prepare_cached("DELETE FROM outbox WHERE place <= (SELECT min(position) FROM subscriptions)")?
        .execute([])?;
    Ok(changed > 0)
}

pub(super) fn after(connection: &Connection, place: i64, limit: u32) -> rusqlite::Result<Vec<OutboxRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT o.place, r.run_id, o.entry FROM outbox o JOIN runs r ON r.run = o.entry >> 32 \
         WHERE o.place > ?1 ORDER BY o.place LIMIT ?2",
    )?;
    let rows = statement.query_map(params![place, limit], |row| {
        Ok(OutboxRow {
            place: row.get(0)?,
            run_id: row.get(1)?,
            seq: seq(row.get(2)?),
        })
    })?;
    rows.collect()
}
