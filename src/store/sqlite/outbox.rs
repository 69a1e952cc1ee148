//! Entries on their way to subscribers, and how far each subscriber is.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::{entry_id, ids_of, seq};
use super::fault::Fault;
use crate::Timestamp;
use crate::store::holder::Liveness;
use crate::store::{Claim, OutboxClaim, OutboxRow, Undelivered};

pub(super) fn claim(
    connection: &Connection,
    claim: &OutboxClaim,
    liveness: &dyn Liveness,
) -> rusqlite::Result<Option<i64>> {
    let found = find(connection, &claim.name)?;
    if let Some(other) = found.filter(|found| !found.is_of(claim) && !found.is_over(claim.now, liveness)) {
        // A clock may have been wrong when it was made: from now on it lasts no longer than its length.
        if let Some(capped) = other.capped(claim, liveness) {
            write(&capped, connection, &claim.name)?;
        }
        return Ok(None);
    }
    write(&Claim::new(claim, liveness), connection, &claim.name)
}

pub(super) fn advance(
    connection: &Connection,
    claim: &OutboxClaim,
    place: i64,
    liveness: &dyn Liveness,
) -> rusqlite::Result<bool> {
    let is_ours = find(connection, &claim.name)?.is_some_and(|found| found.is_of(claim));
    if is_ours {
        write(&Claim::new(claim, liveness), connection, &claim.name)?;
        connection
            .prepare_cached("UPDATE subscriptions SET position = max(position, ?2) WHERE name = ?1")?
            .execute(params![claim.name, place])?;
    }
    connection
        .prepare_cached("DELETE FROM outbox WHERE place <= (SELECT min(position) FROM subscriptions)")?
        .execute([])?;
    Ok(is_ours)
}

/// The claim that stands.
fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Claim>> {
    connection
        .prepare_cached("SELECT claimed_by, claimed_until FROM subscriptions WHERE name = ?1")?
        .query_row([name], |row| {
            Ok(Claim::read(&row.get::<_, String>(0)?, Timestamp(row.get(1)?)))
        })
        .optional()
}

/// Puts a claim in the place of the one before, and returns the place up to which all is delivered. A new subscription begins with what is
/// written from now on.
fn write(claim: &Claim, connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let claimed_by = claim.claimed_by();
    let claimed_by = claimed_by.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(
            "INSERT INTO subscriptions (name, position, claimed_by, claimed_until) \
             VALUES (?1, (SELECT coalesce(max(place), 0) FROM outbox), ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET claimed_by = ?2, claimed_until = ?3 RETURNING position",
        )?
        .query_row(params![name, claimed_by, claim.until().0], |row| row.get(0))
        .optional()
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

/// Entries of a run that a subscription has not delivered yet.
pub(super) fn undelivered(connection: &Connection, run: i64) -> Result<Undelivered, Fault> {
    let mut entries = connection.prepare_cached(
        "SELECT entry FROM outbox WHERE entry BETWEEN ?1 AND ?2 AND place > (SELECT min(position) FROM subscriptions) ORDER BY place",
    )?;
    let entries = entries.query_map(ids_of(run), |row| Ok(seq(row.get(0)?)))?;
    let mut names = connection.prepare_cached("SELECT name FROM subscriptions ORDER BY name")?;
    let names = names.query_map([], |row| row.get(0))?;
    Ok(Undelivered {
        entries: entries.collect::<rusqlite::Result<_>>()?,
        subscriptions: names.collect::<rusqlite::Result<_>>()?,
    })
}

/// Leaves out what subscribers have not got of a run.
pub(super) fn forget(connection: &Connection, run: i64) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM outbox WHERE entry BETWEEN ?1 AND ?2")?
        .execute(ids_of(run))?;
    Ok(())
}

/// Puts what subscribers have not got of an imported run in the place of what `forget` left out; new subscriptions are not delivered yet.
pub(super) fn take_over(connection: &Connection, run: i64, undelivered: &Undelivered) -> Result<(), Fault> {
    if undelivered.entries.is_empty() {
        return Ok(());
    }
    for name in &undelivered.subscriptions {
        connection
            .prepare_cached(
                "INSERT INTO subscriptions (name, position, claimed_by, claimed_until) \
                 VALUES (?1, (SELECT coalesce(max(place), 0) FROM outbox), '', 0) ON CONFLICT (name) DO NOTHING",
            )?
            .execute([name])?;
    }
    let mut insert = connection.prepare_cached("INSERT INTO outbox (entry) VALUES (?1)")?;
    for place in &undelivered.entries {
        insert.execute([entry_id(run, *place)?])?;
    }
    Ok(())
}
