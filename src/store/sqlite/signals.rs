//! Signals: kept until a wait takes them, in the transaction that ends the wait.
//!
//! A signal that comes ends a wait that stands; a wait that is opened, or goes on, takes a signal that is kept. Whoever writes has the
//! database to itself, so that neither misses the other.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Surroundings;
use super::erase::{AS_USUAL, OVERWRITE_PAGES, set_freeing};
use super::fault::Fault;
use super::write::append_outside;
use crate::journal::{AuditKey, Event, FORMAT, Hash};
use crate::store::signals::{FORGOTTEN_AT_ONCE, kept_since};
use crate::store::{Append, Committed, KeptSignal, NewSignal, SignalFilter, Signalled};
use crate::{Json, Text, Timestamp};

const COLUMNS: &str = "place, id, at, name, key, sender, payload";

/// Runs that can go on. A wait of another one takes what is kept when its run goes on.
const GOES_ON: &str = "r.status IN ('QUEUED', 'RUNNING', 'PAUSED') AND r.erased IS NULL";

/// Keeps a signal, or ends a wait with it.
pub(super) fn take_in(
    connection: &Connection,
    signal: &NewSignal,
    surroundings: Surroundings<'_>,
) -> Result<Signalled, Fault> {
    signal.check()?;
    let old = kept_since(signal.at);
    forget_some(connection, old)?;
    connection
        .prepare_cached("DELETE FROM signals WHERE id = ?1 AND at <= ?2")?
        .execute(params![signal.id, old.0])?;
    if let Some(known) = known(connection, signal)? {
        return Ok(known);
    }
    let mut taker = None;
    for (run_id, requirement_id) in waits(connection, signal, surroundings.key)? {
        let delivery = signal.delivery(run_id, &requirement_id, signal.at);
        if deliver(connection, &delivery, surroundings)? {
            taker = Some(delivery.run_id);
            break;
        }
    }
    note(connection, signal, taker.as_ref())?;
    Ok(Signalled {
        is_taken: taker.is_some(),
        run_id: taker,
        is_new: true,
    })
}

/// What became of a signal of that id that came before.
fn known(connection: &Connection, signal: &NewSignal) -> Result<Option<Signalled>, Fault> {
    let found = connection
        .prepare_cached(
            "SELECT s.digest, s.taken IS NOT NULL, r.run_id FROM signals s LEFT JOIN runs r ON r.run = s.run WHERE s.id = ?1",
        )?
        .query_row([&signal.id], |row| {
            Ok((
                row.get::<_, Option<Vec<u8>>>(0)?,
                Signalled {
                    is_taken: row.get(1)?,
                    run_id: row.get(2)?,
                    is_new: false,
                },
            ))
        })
        .optional()?;
    let Some((digest, known)) = found else { return Ok(None) };
    signal.check_same(digest.as_deref())?;
    Ok(Some(known))
}

/// Keeps a signal; of one that was taken, an id and a digest.
fn note(connection: &Connection, signal: &NewSignal, taker: Option<&Text>) -> rusqlite::Result<()> {
    let kept = taker.is_none().then_some(signal);
    let event = kept.map(|signal| &signal.event);
    connection
        .prepare_cached(
            "INSERT INTO signals (id, at, digest, topic, name, key, sender, payload, taken, run) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, (SELECT run FROM runs WHERE run_id = ?10))",
        )?
        .execute(params![
            signal.id,
            signal.at.0,
            signal.digest(),
            event.map(Event::topic),
            event.map(|event| &event.name),
            event.and_then(|event| event.key.as_ref()),
            kept.and_then(|signal| signal.by.as_ref()),
            kept.map(|signal| signal.payload.get()),
            taker.map(|_| signal.at.0),
            taker,
        ])
        .map(drop)
}

/// The waits that a signal may end, the oldest first, by the index.
fn waits(connection: &Connection, signal: &NewSignal, key: Option<&AuditKey>) -> rusqlite::Result<Vec<(Text, Text)>> {
    let sql = format!(
        "SELECT r.run_id, q.requirement_id FROM requirements q JOIN runs r ON r.run = q.run \
         WHERE q.topic = ?1 AND q.decided IS NULL AND q.topic IS NOT NULL AND (q.expires_at IS NULL OR q.expires_at > ?2) \
         AND {GOES_ON} AND r.audit_key_id IS ?3 AND r.format = {FORMAT} ORDER BY q.place"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let asked = params![signal.event.topic(), signal.at.0, key.map(AuditKey::id)];
    let found = statement.query_map(asked, |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

/// Ends waits of a run with signals that are kept, behind an append that opened them or with which the run goes on, and says whether there
/// were any.
pub(super) fn deliver_kept(
    connection: &Connection,
    run: i64,
    append: &Append,
    surroundings: Surroundings<'_>,
) -> Result<bool, Fault> {
    let mut has_delivered = false;
    for (requirement_id, topic) in waits_of(connection, run)? {
        let Some(KeptSignal { place, signal }) = oldest(connection, &topic, append.at)? else {
            continue;
        };
        let delivery = signal.delivery(append.run_id.clone(), &requirement_id, append.at);
        if deliver(connection, &delivery, surroundings)? {
            note_taken(connection, place, &delivery)?;
            has_delivered = true;
        }
    }
    Ok(has_delivered)
}

fn waits_of(connection: &Connection, run: i64) -> rusqlite::Result<Vec<(Text, Hash)>> {
    let sql = format!(
        "SELECT q.requirement_id, q.topic FROM requirements q JOIN runs r ON r.run = q.run \
         WHERE q.run = ?1 AND q.decided IS NULL AND q.topic IS NOT NULL AND {GOES_ON} ORDER BY q.place"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

fn oldest(connection: &Connection, topic: &Hash, now: Timestamp) -> rusqlite::Result<Option<KeptSignal>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM signals WHERE topic = ?1 AND topic IS NOT NULL AND at > ?2 ORDER BY place LIMIT 1"
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params![topic, kept_since(now).0], kept_signal)
        .optional()
}

/// Ends a wait with a signal. `false`: the journal does not wait for it, whatever the index says.
fn deliver(connection: &Connection, delivery: &Append, surroundings: Surroundings<'_>) -> Result<bool, Fault> {
    match append_outside(connection, delivery, surroundings) {
        Ok(committed) => Ok(matches!(committed, Committed::Appended { .. })),
        Err(Fault::Refused(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Of a kept signal that was taken, an id and a digest stay.
fn note_taken(connection: &Connection, place: i64, delivery: &Append) -> rusqlite::Result<()> {
    set_freeing(connection, OVERWRITE_PAGES)?;
    let taken = connection
        .prepare_cached(
            "UPDATE signals SET topic = NULL, name = NULL, key = NULL, sender = NULL, payload = NULL, taken = ?2, \
             run = (SELECT run FROM runs WHERE run_id = ?3) WHERE place = ?1",
        )?
        .execute(params![place, delivery.at.0, delivery.run_id]);
    set_freeing(connection, AS_USUAL)?;
    taken.map(drop)
}

/// Removes some of the signals that came no later.
fn forget_some(connection: &Connection, before: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM signals WHERE place IN (SELECT place FROM signals WHERE at <= ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute(params![before.0, FORGOTTEN_AT_ONCE])
}

/// Removes signals that came no later, for as long as there is time, and says how many.
pub(super) fn forget(connection: &Connection, before: Timestamp, patience: Duration) -> rusqlite::Result<u64> {
    let begun = Instant::now();
    let mut gone = 0;
    loop {
        let some = forget_some(connection, before)? as u64;
        gone += some;
        if some < u64::from(FORGOTTEN_AT_ONCE) || begun.elapsed() >= patience {
            return Ok(gone);
        }
    }
}

/// Signals that are kept, oldest first.
pub(super) fn kept(connection: &Connection, filter: &SignalFilter) -> rusqlite::Result<Vec<KeptSignal>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM signals WHERE topic IS NOT NULL AND place > ?1 AND at > ?2 AND (?3 IS NULL OR name = ?3) \
         AND (?4 IS NULL OR key = ?4) ORDER BY place LIMIT ?5"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let asked = params![filter.behind, filter.after.0, filter.name, filter.key, filter.limit];
    let found = statement.query_map(asked, kept_signal)?;
    found.collect()
}

fn kept_signal(row: &Row<'_>) -> rusqlite::Result<KeptSignal> {
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(6, rusqlite::types::Type::Text, Box::new(error));
    Ok(KeptSignal {
        place: row.get(0)?,
        signal: NewSignal {
            id: row.get(1)?,
            at: Timestamp(row.get(2)?),
            event: Event {
                name: row.get(3)?,
                key: row.get(4)?,
            },
            by: row.get(5)?,
            payload: Json::parse(row.get(6)?).map_err(unreadable)?,
        },
    })
}
