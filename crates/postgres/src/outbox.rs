//! Entries on their way to subscribers, and how far each subscriber is.
//!
//! An entry gets its place after it was committed: whoever looks gives places to those that have none, one such look at a time. So no entry
//! gets a place before one that was given out, however late its transaction ends, and none waits for another transaction.

use haltpoint_engine::Timestamp;
use haltpoint_engine::store::holder::Liveness;
use haltpoint_engine::store::{Claim, OutboxClaim, OutboxRow, Undelivered};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::Failure;
use crate::text::{restored, stored, text};

pub(crate) fn claim(
    connection: &mut Connection,
    claim: &OutboxClaim,
    liveness: &dyn Liveness,
) -> Result<Option<i64>, Failure> {
    give_places(connection)?;
    connection.transaction("BEGIN", |connection| {
        let ours = Claim::new(claim, liveness);
        // Whoever is first to make the subscription begins with what is written from now on.
        connection.query(
            "INSERT INTO @subscriptions (name, position, claimed_by, claimed_until) \
             VALUES ($1, (SELECT last FROM @heads WHERE name = 'outbox'), $2, $3) ON CONFLICT (name) DO NOTHING",
            &[
                (&stored(&claim.name), Type::TEXT),
                (&stored(&claimed_by(&ours)?), Type::TEXT),
                (&ours.until().0, Type::INT8),
            ],
        )?;
        let (found, position) = find(connection, &claim.name)?;
        if !found.is_of(claim) && !found.is_over(claim.now, liveness) {
            // A clock may have been wrong when it was made: from now on it lasts no longer than its length.
            if let Some(capped) = found.capped(claim, liveness) {
                write(&capped, connection, &claim.name, None)?;
            }
            return Ok(None);
        }
        write(&ours, connection, &claim.name, None)?;
        Ok(Some(position))
    })
}

pub(crate) fn advance(
    connection: &mut Connection,
    claim: &OutboxClaim,
    place: i64,
    liveness: &dyn Liveness,
) -> Result<bool, Failure> {
    let is_ours = connection.transaction("BEGIN", |connection| {
        let found = find(connection, &claim.name);
        let is_ours = match found {
            Ok((found, _)) => found.is_of(claim),
            Err(Failure::Unreadable(_)) => false,
            Err(failure) => return Err(failure),
        };
        if is_ours {
            write(&Claim::new(claim, liveness), connection, &claim.name, Some(place))?;
        }
        Ok(is_ours)
    })?;
    connection.ask(
        "DELETE FROM @outbox WHERE place <= (SELECT min(position) FROM @subscriptions)",
        &[],
    )?;
    Ok(is_ours)
}

/// The claim that stands, and the place up to which all is delivered. Its row is locked until the transaction ends.
fn find(connection: &mut Connection, name: &str) -> Result<(Claim, i64), Failure> {
    let row = connection.query_one(
        "SELECT claimed_by, claimed_until, position FROM @subscriptions WHERE name = $1 FOR UPDATE",
        &[(&stored(name), Type::TEXT)],
    )?;
    let claim = Claim::read(&restored(get(&row, 0)?), Timestamp(get(&row, 1)?));
    Ok((claim, get(&row, 2)?))
}

/// Puts a claim in the place of the one before; `place`: all up to there is delivered.
fn write(claim: &Claim, connection: &mut Connection, name: &str, place: Option<i64>) -> Result<(), Failure> {
    connection.query(
        "UPDATE @subscriptions SET claimed_by = $2, claimed_until = $3, position = greatest(position, $4) WHERE name = $1",
        &[
            (&stored(name), Type::TEXT),
            (&stored(&claimed_by(claim)?), Type::TEXT),
            (&claim.until().0, Type::INT8),
            (&place, Type::INT8),
        ],
    )?;
    Ok(())
}

fn claimed_by(claim: &Claim) -> Result<String, Failure> {
    claim
        .claimed_by()
        .map_err(|error| Failure::Unreadable(error.to_string()))
}

/// At most `limit` entries behind `place`.
pub(crate) fn after(connection: &mut Connection, place: i64, limit: u32) -> Result<Vec<OutboxRow>, Failure> {
    give_places(connection)?;
    let limit = i64::from(limit);
    let rows = connection.ask(
        "SELECT o.place, r.run_id, o.seq FROM @outbox o JOIN @runs r ON r.run = o.run WHERE o.place > $1 ORDER BY o.place LIMIT $2",
        &[(&place, Type::INT8), (&limit, Type::INT8)],
    )?;
    let row = |row| {
        Ok(OutboxRow {
            place: get(row, 0)?,
            run_id: text(get(row, 1)?),
            seq: get::<i64>(row, 2)?.unsigned_abs(),
        })
    };
    rows.iter().map(row).collect()
}

/// Gives places to the entries that are committed and have none, behind all places that were given before: who gives them has the lock on
/// the last one until the commit. Where two look at once, the second one leaves to the first what both have seen.
pub(crate) fn give_places(connection: &mut Connection) -> Result<(), Failure> {
    let rows = connection.ask("SELECT EXISTS (SELECT 1 FROM @outbox WHERE place IS NULL)", &[])?;
    if !rows.first().map_or(Ok(false), |row| get(row, 0))? {
        return Ok(());
    }
    connection.transaction("BEGIN", |connection| {
        connection.query("SELECT last FROM @heads WHERE name = 'outbox' FOR UPDATE", &[])?;
        // A statement of its own, so that it sees what was given places before the lock was taken.
        connection.query(
            "WITH fresh AS (SELECT o.id, h.last + row_number() OVER (ORDER BY o.id) AS place \
             FROM @outbox o CROSS JOIN @heads h WHERE o.place IS NULL AND h.name = 'outbox'), \
             placed AS (UPDATE @outbox o SET place = f.place FROM fresh f WHERE o.id = f.id RETURNING o.place) \
             UPDATE @heads h SET last = p.last FROM (SELECT max(place) AS last FROM placed) p \
             WHERE h.name = 'outbox' AND p.last IS NOT NULL",
            &[],
        )?;
        Ok(())
    })
}

/// Entries of a run that a subscription has not delivered yet.
pub(crate) fn undelivered(connection: &mut Connection, run_id: &str) -> Result<Undelivered, Failure> {
    let entries = connection.ask(
        "SELECT o.seq FROM @outbox o JOIN @runs r ON r.run = o.run WHERE r.run_id = $1 AND EXISTS (SELECT 1 FROM @subscriptions) \
         AND (o.place IS NULL OR o.place > (SELECT min(position) FROM @subscriptions)) ORDER BY o.place NULLS LAST, o.id",
        &[(&stored(run_id), Type::TEXT)],
    )?;
    let names = connection.ask("SELECT name FROM @subscriptions ORDER BY name", &[])?;
    let seq = |row| Ok(get::<i64>(row, 0)?.unsigned_abs());
    let name = |row| Ok(text(get(row, 0)?));
    Ok(Undelivered {
        entries: entries.iter().map(seq).collect::<Result<_, Failure>>()?,
        subscriptions: names.iter().map(name).collect::<Result<_, Failure>>()?,
    })
}

/// Leaves out what subscribers have not got of a run.
pub(crate) fn forget(connection: &mut Connection, run_id: &str) -> Result<(), Failure> {
    connection.ask(
        "DELETE FROM @outbox o USING @runs r WHERE o.run = r.run AND r.run_id = $1",
        &[(&stored(run_id), Type::TEXT)],
    )?;
    Ok(())
}

/// Puts what subscribers have not got of an imported run on its way; new subscriptions are not delivered yet.
pub(crate) fn take_over(connection: &mut Connection, run: i64, undelivered: &Undelivered) -> Result<(), Failure> {
    if undelivered.entries.is_empty() {
        return Ok(());
    }
    for name in &undelivered.subscriptions {
        connection.query(
            "INSERT INTO @subscriptions (name, position, claimed_by, claimed_until) \
             VALUES ($1, (SELECT last FROM @heads WHERE name = 'outbox'), '', 0) ON CONFLICT (name) DO NOTHING",
            &[(&stored(name), Type::TEXT)],
        )?;
    }
    let places: Vec<i64> = undelivered.entries.iter().map(|seq| seq.cast_signed()).collect();
    connection.query(
        "INSERT INTO @outbox (run, seq) SELECT $1, e.seq FROM unnest($2) WITH ORDINALITY AS e (seq, ord) ORDER BY e.ord",
        &[(&run, Type::INT8), (&places, Type::INT8_ARRAY)],
    )?;
    Ok(())
}
