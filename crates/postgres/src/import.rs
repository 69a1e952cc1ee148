//! Writing a run of another database as it stands there.

use haltpoint_engine::journal::JournalEnd;
use haltpoint_engine::store::raw::RawRequirement;
use haltpoint_engine::store::{Import, ImportedEntry, StoreError, outline};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::{Failure, Fault};
use crate::outbox;
use crate::read::find_run;
use crate::text::{optional, stored};

/// How much goes to the server in one statement, about.
const LARGEST: usize = 32 << 20;

/// How many entries one statement is about, at most.
const MOST: usize = 1_000;

/// The rows of the index, which comes whole.
const INDEX: [&str; 3] = ["remembered", "approvals", "requirements"];

pub(crate) fn import(connection: &mut Connection, import: &Import) -> Result<(), Fault> {
    connection.transaction("BEGIN", |connection| {
        let run_id = &import.row.run_id;
        connection.query(
            "SELECT 1 FROM @runs WHERE run_id = $1 FOR NO KEY UPDATE",
            &[(&stored(run_id), Type::TEXT)],
        )?;
        let found = match find_run(connection, run_id) {
            Ok(found) => Some(found),
            Err(Fault::Refused(StoreError::RunNotFound { .. })) => None,
            Err(fault) => return Err(fault),
        };
        let end = |head: &crate::rows::Head| JournalEnd {
            seq: head.seq,
            hash: head.hash,
        };
        import.check(found.as_ref().map(|found| (&found.row, end(&found.head))))?;
        let run = match &found {
            Some(found) => found.run,
            None => insert_run(connection, import)?,
        };
        for entries in chunks(import.news()) {
            insert_entries(connection, run, entries)?;
        }
        list_outsiders(connection, run, import.news())?;
        for table in INDEX {
            connection.query(&format!("DELETE FROM @{table} WHERE run = $1"), &[(&run, Type::INT8)])?;
        }
        for requirement in &import.requirements {
            insert_requirement(connection, run, requirement)?;
        }
        outbox::take_over(connection, run, &import.undelivered)?;
        set_row(connection, run, import)
    })
}

/// A run that another one makes at the same time is theirs.
fn insert_run(connection: &mut Connection, import: &Import) -> Result<i64, Fault> {
    let row = &import.row;
    let made = connection.query(
        "INSERT INTO @runs (run_id, agent_name, session_id, user_id, status, created_at, updated_at, epoch, audit_key_id, format, \
         open_requirements, head_seq, driver_entries, head_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, '') \
         ON CONFLICT (run_id) DO NOTHING RETURNING run",
        &[
            (&stored(&row.run_id), Type::TEXT),
            (&optional(row.agent_name.as_ref()), Type::TEXT),
            (&optional(row.session_id.as_ref()), Type::TEXT),
            (&optional(row.user_id.as_ref()), Type::TEXT),
            (&row.status.as_str(), Type::TEXT),
            (&row.created_at.0, Type::INT8),
            (&row.updated_at.0, Type::INT8),
            (&row.epoch.cast_signed(), Type::INT8),
            (&optional(row.audit_key_id.as_ref()), Type::TEXT),
            (&row.format.cast_signed(), Type::INT4),
        ],
    )?;
    match made.first() {
        Some(row) => Ok(get(row, 0)?),
        None => Err(StoreError::RunExists {
            run_id: row.run_id.clone(),
        }
        .into()),
    }
}

/// The row as the journal leaves it; a lease that is taken later has an epoch that neither database has given out.
fn set_row(connection: &mut Connection, run: i64, import: &Import) -> Result<(), Fault> {
    let (row, Some(last)) = (&import.row, import.last()) else {
        return Ok(());
    };
    connection.query(
        "UPDATE @runs SET status = $2, updated_at = $3, epoch = greatest(epoch, $4), erased = $5, open_requirements = $6, \
         head_seq = $7, driver_entries = $8, head_hash = $9, head_requires = $10, goes_on_with = $11, not_before = $12 WHERE run = $1",
        &[
            (&run, Type::INT8),
            (&row.status.as_str(), Type::TEXT),
            (&row.updated_at.0, Type::INT8),
            (&row.epoch.cast_signed(), Type::INT8),
            (&import.erased().map(u64::cast_signed), Type::INT8),
            (&import.open_requirements(), Type::INT8),
            (&last.seq.cast_signed(), Type::INT8),
            (&last.content.driver_entries, Type::INT8),
            (&&last.hash[..], Type::BYTEA),
            (&last.content.requires, Type::TEXT),
            (&import.goes_on_with.cast_signed(), Type::INT8),
            (&row.not_before.map(|from| from.0), Type::INT8),
        ],
    )?;
    Ok(())
}

/// The entries as they go to the server: nothing too large.
fn chunks(entries: &[ImportedEntry]) -> Vec<&[ImportedEntry]> {
    let (mut chunks, mut begin, mut size) = (Vec::new(), 0, 0);
    for (place, entry) in entries.iter().enumerate() {
        let weight = 512 + entry.content.payload.as_ref().map_or(0, String::len);
        if place > begin && (size + weight > LARGEST || place - begin >= MOST) {
            chunks.push(&entries[begin..place]);
            (begin, size) = (place, 0);
        }
        size += weight;
    }
    if begin < entries.len() {
        chunks.push(&entries[begin..]);
    }
    chunks
}

macro_rules! column {
    ($of:expr, $value:expr) => {
        $of.iter().map($value).collect::<Vec<_>>()
    };
}

fn insert_entries(connection: &mut Connection, run: i64, entries: &[ImportedEntry]) -> Result<(), Failure> {
    connection.query(
        "INSERT INTO @entries (run, seq, driver_entries, at, outsider, kind, hash, requires, action, actor, requirement_id, salt, \
         commitment, payload) SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        &[
            (&run, Type::INT8),
            (&column!(entries, |entry| entry.seq.cast_signed()), Type::INT8_ARRAY),
            (&column!(entries, |entry| entry.content.driver_entries), Type::INT8_ARRAY),
            (&column!(entries, |entry| entry.content.at.0), Type::INT8_ARRAY),
            (&column!(entries, |entry| entry.content.outsider != 0), Type::BOOL_ARRAY),
            (&column!(entries, |entry| &*entry.content.kind), Type::TEXT_ARRAY),
            (&column!(entries, |entry| &*entry.content.hash), Type::BYTEA_ARRAY),
            (&column!(entries, |entry| entry.content.requires.as_deref()), Type::TEXT_ARRAY),
            (&column!(entries, |entry| entry.content.action.as_deref()), Type::TEXT_ARRAY),
            (&column!(entries, |entry| optional(entry.content.actor.as_ref())), Type::TEXT_ARRAY),
            (&column!(entries, |entry| optional(entry.content.requirement_id.as_ref())), Type::TEXT_ARRAY),
            (&column!(entries, |entry| entry.content.salt.as_deref()), Type::BYTEA_ARRAY),
            (&column!(entries, |entry| entry.content.commitment.as_deref()), Type::BYTEA_ARRAY),
            (&column!(entries, |entry| entry.content.payload.as_deref()), Type::TEXT_ARRAY),
        ],
    )?;
    for entry in entries {
        let payload = entry.content.payload.as_deref();
        if let Some(outline) = payload.and_then(|payload| outline::of(&entry.content.kind, payload)) {
            connection.query(
                "INSERT INTO @outlines (run, seq, payload) VALUES ($1, $2, $3)",
                &[
                    (&run, Type::INT8),
                    (&entry.seq.cast_signed(), Type::INT8),
                    (&outline, Type::TEXT),
                ],
            )?;
        }
    }
    Ok(())
}

/// What others notice decisions by. Who hands out places has the lock on the last one until the commit.
fn list_outsiders(connection: &mut Connection, run: i64, entries: &[ImportedEntry]) -> Result<(), Failure> {
    let outside = entries.iter().filter(|entry| entry.content.outsider != 0);
    let places: Vec<i64> = outside.map(|entry| entry.seq.cast_signed()).collect();
    if places.is_empty() {
        return Ok(());
    }
    connection.query(
        "WITH noticed AS (UPDATE @heads SET last = last + cardinality($2::bigint[]) WHERE name = 'outsiders' \
         RETURNING last - cardinality($2::bigint[]) AS before) \
         INSERT INTO @outsiders (place, run, seq) SELECT n.before + e.ord, $1, e.seq \
         FROM unnest($2::bigint[]) WITH ORDINALITY AS e (seq, ord) CROSS JOIN noticed n",
        &[(&run, Type::INT8), (&places, Type::INT8_ARRAY)],
    )?;
    Ok(())
}

fn insert_requirement(connection: &mut Connection, run: i64, row: &RawRequirement) -> Result<(), Failure> {
    let requirement_id = stored(&row.requirement_id);
    connection.query(
        "INSERT INTO @requirements (run, requirement_id, kind, opened, decided, expires_at, approvals_needed, topic) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            (&run, Type::INT8),
            (&requirement_id, Type::TEXT),
            (&&*row.kind, Type::TEXT),
            (&row.opened.cast_signed(), Type::INT8),
            (&row.decided.map(u64::cast_signed), Type::INT8),
            (&row.terms.expires_at.map(|at| at.0), Type::INT8),
            (&i64::from(row.terms.approvals), Type::INT8),
            (&row.topic, Type::BYTEA),
        ],
    )?;
    for seq in &row.approvals {
        connection.query(
            "INSERT INTO @approvals (run, requirement_id, seq) VALUES ($1, $2, $3)",
            &[
                (&run, Type::INT8),
                (&requirement_id, Type::TEXT),
                (&seq.cast_signed(), Type::INT8),
            ],
        )?;
    }
    if let Some(memory) = &row.memory {
        connection.query(
            "INSERT INTO @remembered (run, requirement_id, session_id, key, revoked) VALUES ($1, $2, $3, $4, $5)",
            &[
                (&run, Type::INT8),
                (&requirement_id, Type::TEXT),
                (&optional(memory.session_id.as_ref()), Type::TEXT),
                (&stored(&memory.key), Type::TEXT),
                (&memory.revoked.map(u64::cast_signed), Type::INT8),
            ],
        )?;
    }
    Ok(())
}
