//! Signals: kept until a wait takes them, in the statement that ends the wait.

use std::collections::HashMap;
use std::fmt::Write as _;

use haltpoint_engine::journal::{Event, FORMAT, Hash};
use haltpoint_engine::store::signals::{FORGOTTEN_AT_ONCE, kept_since};
use haltpoint_engine::store::{Append, Committed, KeptSignal, NewSignal, RunStatus, SignalFilter, Signalled};
use haltpoint_engine::{Json, Text, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::draft::{Draft, Means};
use crate::fault::{Failure, Fault};
use crate::read::find_run;
use crate::text::{optional, stored, text};
use crate::write::{Values, write};

const COLUMNS: &str = "place, id, at, name, key, sender, payload";

/// Signals that are kept, oldest first.
pub(crate) fn kept(connection: &mut Connection, filter: &SignalFilter) -> Result<Vec<KeptSignal>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM @signals WHERE topic IS NOT NULL AND place > $1 AND at > $2 AND ($3::text IS NULL OR name = $3) \
         AND ($4::text IS NULL OR key = $4) ORDER BY place LIMIT $5"
    );
    let rows = connection.ask(
        &sql,
        &[
            (&filter.behind, Type::INT8),
            (&filter.after.0, Type::INT8),
            (&optional(filter.name.as_ref()), Type::TEXT),
            (&optional(filter.key.as_ref()), Type::TEXT),
            (&i64::from(filter.limit), Type::INT8),
        ],
    )?;
    rows.iter().map(kept_signal).collect()
}

fn kept_signal(row: &Row) -> Result<KeptSignal, Failure> {
    let payload = Json::parse(get(row, 6)?).map_err(|error| Failure::Unreadable(error.to_string()))?;
    Ok(KeptSignal {
        place: get(row, 0)?,
        signal: NewSignal {
            id: text(get(row, 1)?),
            at: Timestamp(get(row, 2)?),
            event: Event {
                name: text(get(row, 3)?),
                key: get::<Option<&str>>(row, 4)?.map(text),
            },
            by: get::<Option<&str>>(row, 5)?.map(text),
            payload,
        },
    })
}

/// Removes signals that came no later, and says how many.
pub(crate) fn forget(connection: &mut Connection, before: Timestamp) -> Result<u64, Failure> {
    let gone = connection.ask(
        "WITH gone AS (DELETE FROM @signals WHERE at <= $1 RETURNING 1), \
         idle AS (DELETE FROM @topics WHERE at <= $1) SELECT count(*) FROM gone",
        &[(&before.0, Type::INT8)],
    )?;
    gone.first().map_or(Ok(0), |row| Ok(get::<i64>(row, 0)?.unsigned_abs()))
}

/// What a draft does with signals.
#[derive(Default)]
pub(crate) struct Matching {
    /// The topics that it is about, with the versions that they had before the signals and waits were read.
    topics: Vec<(Hash, i64)>,
    /// The kept signals that it takes.
    takes: Vec<i64>,
    /// The signal that comes with it and ends the wait.
    comes: Option<NewSignal>,
    at: Timestamp,
}

impl Matching {
    /// Whether it has nothing to do with any.
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Notes the versions of topics; those that were noted before count.
    fn note_topics(&mut self, connection: &mut Connection, topics: &[Hash], at: Timestamp) -> Result<(), Failure> {
        self.at = at;
        let mut unknown: Vec<Hash> = topics.to_vec();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|topic| self.topics.iter().all(|(known, _)| known != topic));
        let asked: Vec<&[u8]> = unknown.iter().map(|topic| &topic[..]).collect();
        let rows = connection.ask(
            "SELECT topic, version FROM @topics WHERE topic = ANY($1)",
            &[(&asked, Type::BYTEA_ARRAY)],
        )?;
        let mut versions = HashMap::new();
        for row in &rows {
            versions.insert(get::<&[u8]>(row, 0)?.to_vec(), get::<i64>(row, 1)?);
        }
        let version = |topic: &Hash| versions.get(&topic[..]).copied().unwrap_or_default();
        self.topics.extend(unknown.iter().map(|topic| (*topic, version(topic))));
        Ok(())
    }
}

/// Changes the versions of the topics, and returns the condition that all of them were as they were read: no other writer has written about
/// them since. At most one of the drafts has any.
pub(crate) fn touch<'a>(sql: &mut String, drafts: &[&'a Matching], values: &mut Values<'a>) -> Option<String> {
    let matching = drafts.iter().find(|matching| !matching.is_empty())?;
    let topics: Vec<&[u8]> = matching.topics.iter().map(|(topic, _)| &topic[..]).collect();
    let versions: Vec<i64> = matching.topics.iter().map(|(_, version)| version + 1).collect();
    let count = topics.len();
    let topics = values.add(topics, Type::BYTEA_ARRAY);
    let versions = values.add(versions, Type::INT8_ARRAY);
    let at = values.add(matching.at.0, Type::INT8);
    let _ = write!(
        sql,
        "touched AS (INSERT INTO @topics AS t (topic, version, at) SELECT topic, version, {at} FROM unnest({topics}, {versions}) \
         AS i (topic, version) ORDER BY topic ON CONFLICT (topic) DO UPDATE SET version = excluded.version, at = excluded.at \
         WHERE t.version = excluded.version - 1 RETURNING 1), "
    );
    Some(format!("(SELECT count(*) FROM touched) = {count}"))
}

/// Notes which signals were taken, by the drafts that are done.
pub(crate) fn add_taken<'a>(sql: &mut String, drafts: &[&'a Matching], values: &mut Values<'a>) {
    let Some(matching) = drafts.iter().find(|matching| !matching.is_empty()) else {
        return;
    };
    if !matching.takes.is_empty() {
        let places = values.add(&matching.takes, Type::INT8_ARRAY);
        let at = values.add(matching.at.0, Type::INT8);
        let _ = write!(
            sql,
            ", taken AS (UPDATE @signals s SET topic = NULL, name = NULL, key = NULL, sender = NULL, payload = NULL, taken = {at}, \
             run = d.run FROM done d WHERE s.place = ANY({places}))"
        );
    }
    if let Some(signal) = &matching.comes {
        let id = values.add(stored(&signal.id), Type::TEXT);
        let digest = values.add(signal.digest().to_vec(), Type::BYTEA);
        let at = values.add(signal.at.0, Type::INT8);
        let _ = write!(
            sql,
            ", signalled AS (INSERT INTO @signals (id, at, digest, taken, run) SELECT {id}, {at}, {digest}, {at}, d.run FROM done d)"
        );
    }
}

/// Ends waits of a run with signals that are kept, behind an append that opened them or with which the run goes on, and says whether there
/// were any.
pub(crate) fn take_kept(
    connection: &mut Connection,
    draft: &mut Draft,
    append: &Append,
    means: Means<'_>,
) -> Result<bool, Fault> {
    let goes_on = matches!(
        draft.row.status,
        RunStatus::Queued | RunStatus::Running | RunStatus::Paused
    );
    if !goes_on {
        return Ok(false);
    }
    let waits = draft.waits(connection)?;
    if waits.is_empty() {
        return Ok(false);
    }
    let topics: Vec<Hash> = waits.iter().map(|(_, topic)| *topic).collect();
    draft.matching.note_topics(connection, &topics, append.at)?;
    let mut has_taken = false;
    for (requirement_id, topic) in waits {
        let Some(kept) = oldest(connection, &topic, &draft.matching.takes, append.at)? else {
            continue;
        };
        let delivery = kept.signal.delivery(append.run_id.clone(), &requirement_id, append.at);
        match draft.append(connection, &delivery, means) {
            Ok(Committed::Appended { .. }) => {
                draft.matching.takes.push(kept.place);
                has_taken = true;
            }
            Ok(_) | Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(has_taken)
}

fn oldest(
    connection: &mut Connection,
    topic: &Hash,
    taken: &[i64],
    now: Timestamp,
) -> Result<Option<KeptSignal>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM @signals WHERE topic = $1 AND at > $2 AND place <> ALL($3) ORDER BY place LIMIT 1"
    );
    let rows = connection.ask(
        &sql,
        &[
            (&&topic[..], Type::BYTEA),
            (&kept_since(now).0, Type::INT8),
            (&taken, Type::INT8_ARRAY),
        ],
    )?;
    rows.first().map(kept_signal).transpose()
}

/// Keeps a signal, or ends the oldest wait for its event with it. `None`: another writer wrote about the event or the run meanwhile.
pub(crate) fn take_in(
    connection: &mut Connection,
    signal: &NewSignal,
    means: Means<'_>,
) -> Result<Option<Signalled>, Fault> {
    signal.check()?;
    let old = kept_since(signal.at);
    connection.ask(
        "DELETE FROM @signals WHERE at <= $1 AND (id = $2 OR place IN (SELECT place FROM @signals WHERE at <= $1 ORDER BY at LIMIT $3))",
        &[
            (&old.0, Type::INT8),
            (&stored(&signal.id), Type::TEXT),
            (&i64::from(FORGOTTEN_AT_ONCE), Type::INT8),
        ],
    )?;
    let mut matching = Matching::default();
    let topic = signal.event.topic();
    matching.note_topics(connection, &[topic], signal.at)?;
    if let Some(known) = known(connection, signal)? {
        return Ok(Some(known));
    }
    let written = match waiting(connection, signal, means)? {
        Some(mut draft) => {
            matching.comes = Some(signal.clone());
            draft.matching = matching;
            let run_id = draft.row.run_id.clone();
            write(connection, &[&draft]).map(|written| (!written.is_empty()).then_some(Some(run_id)))
        }
        None => keep(connection, signal, &matching).map(|is_kept| is_kept.then_some(None)),
    };
    match written {
        Ok(taker) => Ok(taker.map(|run_id: Option<Text>| Signalled {
            is_taken: run_id.is_some(),
            run_id,
            is_new: true,
        })),
        // Another signal of this id came first.
        Err(Failure::Server { code, .. }) if code == SqlState::UNIQUE_VIOLATION => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// What became of a signal of that id that came before.
fn known(connection: &mut Connection, signal: &NewSignal) -> Result<Option<Signalled>, Fault> {
    let rows = connection.ask(
        "SELECT s.digest, s.taken IS NOT NULL, r.run_id FROM @signals s LEFT JOIN @runs r ON r.run = s.run WHERE s.id = $1",
        &[(&stored(&signal.id), Type::TEXT)],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    signal.check_same(get::<Option<&[u8]>>(row, 0)?)?;
    Ok(Some(Signalled {
        is_taken: get(row, 1)?,
        run_id: get::<Option<&str>>(row, 2)?.map(text),
        is_new: false,
    }))
}

/// The oldest wait that the signal ends, with what is to be written for it.
fn waiting(connection: &mut Connection, signal: &NewSignal, means: Means<'_>) -> Result<Option<Draft>, Fault> {
    let key_id = means.key.map(|key| stored(key.id()).into_owned());
    let rows = connection.ask(
        "SELECT r.run_id, q.requirement_id FROM @requirements q JOIN @runs r ON r.run = q.run \
         WHERE q.topic = $1 AND q.decided IS NULL AND q.topic IS NOT NULL AND (q.expires_at IS NULL OR q.expires_at > $2) \
         AND r.status IN ('QUEUED', 'RUNNING', 'PAUSED') AND r.erased IS NULL AND r.audit_key_id IS NOT DISTINCT FROM $3 \
         AND r.format = $4 ORDER BY q.place",
        &[
            (&&signal.event.topic()[..], Type::BYTEA),
            (&signal.at.0, Type::INT8),
            (&key_id, Type::TEXT),
            (&FORMAT.cast_signed(), Type::INT4),
        ],
    )?;
    for row in &rows {
        let (run_id, requirement_id) = (text(get(row, 0)?), text(get(row, 1)?));
        let delivery = signal.delivery(run_id.clone(), &requirement_id, signal.at);
        let found = find_run(connection, &run_id).and_then(|found| Ok(Draft::of(found)?));
        let delivered = found.and_then(|mut draft| match draft.append(connection, &delivery, means)? {
            Committed::Appended { .. } => Ok(Some(draft)),
            _ => Ok(None),
        });
        match delivered {
            Ok(Some(draft)) => return Ok(Some(draft)),
            Ok(None) | Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(None)
}

/// Keeps a signal. `false`: another writer wrote about its event meanwhile.
fn keep(connection: &mut Connection, signal: &NewSignal, matching: &Matching) -> Result<bool, Failure> {
    let mut values = Values::default();
    let mut sql = String::from("WITH ");
    let drafts = [matching];
    let is_first = touch(&mut sql, &drafts, &mut values).unwrap_or_default();
    let event = &signal.event;
    let columns = [
        values.add(stored(&signal.id), Type::TEXT),
        values.add(signal.at.0, Type::INT8),
        values.add(signal.digest().to_vec(), Type::BYTEA),
        values.add(event.topic().to_vec(), Type::BYTEA),
        values.add(stored(&event.name), Type::TEXT),
        values.add(optional(event.key.as_ref()), Type::TEXT),
        values.add(optional(signal.by.as_ref()), Type::TEXT),
        values.add(signal.payload.get(), Type::TEXT),
    ]
    .join(", ");
    let _ = write!(
        sql,
        "kept AS (INSERT INTO @signals (id, at, digest, topic, name, key, sender, payload) SELECT {columns} WHERE {is_first} RETURNING 1) \
         SELECT 1 FROM kept"
    );
    Ok(!connection.query(&sql, &values.params())?.is_empty())
}
