//! Entries on their way to subscribers, and how far each subscriber is.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::seq;
use crate::store::holder::{Expiry, Holder, Liveness, may_be_taken};
use crate::store::{OutboxClaim, OutboxRow};
use crate::{Text, Timestamp};

pub(super) fn claim(
    connection: &Connection,
    claim: &OutboxClaim,
    now: Timestamp,
    liveness: &dyn Liveness,
) -> rusqlite::Result<Option<i64>> {
    let claimed_by = written(claim)?;
    if is_delivered_by_another(connection, &claim.name, &claimed_by, now, liveness)? {
        // Another one's clock may have been ahead: from now on its claim lasts no longer than one that is made now.
        connection
            .prepare_cached("UPDATE subscriptions SET claimed_until = min(claimed_until, ?2) WHERE name = ?1")?
            .execute(params![claim.name, claim.until.0])?;
        return Ok(None);
    }
    connection
        .prepare_cached(
            "INSERT INTO subscriptions (name, position, claimed_by, claimed_until) \
             VALUES (?1, (SELECT coalesce(max(place), 0) FROM outbox), ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET claimed_by = ?2, claimed_until = ?3 RETURNING position",
        )?
        .query_row(params![claim.name, claimed_by, claim.until.0], |row| row.get(0))
        .optional()
}

fn is_delivered_by_another(
    connection: &Connection,
    name: &str,
    claimed_by: &str,
    now: Timestamp,
    liveness: &dyn Liveness,
) -> rusqlite::Result<bool> {
    let found: Option<(String, i64)> = connection
        .prepare_cached("SELECT claimed_by, claimed_until FROM subscriptions WHERE name = ?1")?
        .query_row(params![name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.is_some_and(|(other, until)| {
        let until = Timestamp(until);
        let is_over = match holder_of(&other) {
            Some(holder) => may_be_taken(liveness, &holder, Expiry::by_wall_clock(until), now),
            None => until <= now,
        };
        other != claimed_by && !is_over
    }))
}

/// A claimant as it is stored: who, and in which process.
fn written(claim: &OutboxClaim) -> rusqlite::Result<String> {
    serde_json::to_string(&(&claim.claimant, &claim.holder))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The process of a claimant; `None` of one that named none, of which only the time tells that it is gone.
fn holder_of(claimed_by: &str) -> Option<Holder> {
    let (_, holder): (Text, Holder) = serde_json::from_str(claimed_by).ok()?;
    Some(holder)
}

pub(super) fn advance(connection: &Connection, claim: &OutboxClaim, place: i64) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE subscriptions SET position = max(position, ?3), claimed_until = ?4 WHERE name = ?1 AND claimed_by = ?2",
        )?
        .execute(params![claim.name, written(claim)?, place, claim.until.0])?;
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
