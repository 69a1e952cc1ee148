//! What is read from the database.

use rusqlite::Connection;

use super::entry_id::{entry_id, ids_of, seq};
use super::fault::Fault;
use super::rows::{
    NumberedRun, OUTSIDE, SELECT_CANCELS, SELECT_JOURNAL, SELECT_OUTSIDERS, SELECT_RUNS, is_authentic, next_record,
    numbered_run, optional_text, record,
};
use crate::Text;
use crate::journal::{AuditKey, Chain, Hash, JournalEnd, Record, check_requires};
use crate::store::raw::Reading;
use crate::store::rules::{check_not_erased, misfit, read_format};
use crate::store::{ExternalRecord, RunStatus, StoreError, StoredRun};

/// The end of a run's journal.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) seq: u64,
    pub(super) driver_entries: u64,
    pub(super) hash: Hash,
}

impl Tail {
    /// The end of a journal without entries.
    pub(super) fn genesis(run_id: &str, chain: &Chain) -> Self {
        Self {
            seq: 0,
            driver_entries: 0,
            hash: chain.genesis(run_id),
        }
    }
}

/// The run's row and lease.
pub(super) fn find_run(connection: &Connection, run_id: &str) -> Result<NumberedRun, Fault> {
    let mut statement = connection.prepare_cached(&format!("{SELECT_RUNS} WHERE r.run_id = ?1"))?;
    let mut rows = statement.query([run_id])?;
    match rows.next()? {
        Some(row) => numbered_run(row),
        None => Err(StoreError::RunNotFound { run_id: run_id.into() }.into()),
    }
}

/// Where the journal of run number `run` ends.
pub(super) fn tail(connection: &Connection, run: i64, run_id: &str, chain: &Chain) -> Result<Tail, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, driver_entries, hash, requires FROM entries WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
    )?;
    let mut rows = statement.query(ids_of(run))?;
    let Some(row) = rows.next()? else {
        return Ok(Tail::genesis(run_id, chain));
    };
    let tail = Tail {
        seq: seq(row.get(0)?),
        driver_entries: row.get::<_, i64>(1)?.unsigned_abs(),
        hash: row.get(2)?,
    };
    // Whoever drives a run appends without reading it anew: what a later release wrote last is noticed here.
    if let Some(requires) = optional_text(row, 3)? {
        check_requires(requires).map_err(|fault| misfit(run_id, tail.seq, fault))?;
    }
    Ok(tail)
}

/// The run with its journal behind what is known of it, whose hashes are checked, as far as the key for them is at hand.
pub(super) fn stored_run(
    connection: &Connection,
    run_id: &str,
    key: Option<&AuditKey>,
    known: Option<JournalEnd>,
) -> Result<StoredRun, Fault> {
    let found = find_run(connection, run_id)?;
    check_not_erased(&found.row)?;
    let reading = Reading::of(&found.row, key)?;
    let genesis = |chain: &Chain| chain.genesis(run_id);
    let genesis = JournalEnd {
        seq: 0,
        hash: reading.chain.as_ref().map_or(Hash::default(), genesis),
    };
    let records = journal(connection, &found, &reading, known.unwrap_or(genesis))?;
    Ok(StoredRun {
        row: found.row,
        records,
    })
}

fn journal(
    connection: &Connection,
    NumberedRun { run, row, .. }: &NumberedRun,
    reading: &Reading,
    JournalEnd { seq, mut hash }: JournalEnd,
) -> Result<Vec<Record>, Fault> {
    let (_, last) = ids_of(*run);
    let mut statement = connection.prepare_cached(SELECT_JOURNAL)?;
    let mut rows = statement.query((entry_id(*run, seq + 1)?, last))?;
    let mut records = Vec::new();
    for place in seq + 1.. {
        let Some(next) = rows.next()? else { break };
        let record = next_record(&row.run_id, next, place, reading, &hash)?;
        hash = record.hash;
        records.push(record);
    }
    Ok(records)
}

/// The run's records behind a place in its journal.
pub(super) fn records_after(connection: &Connection, run_id: &str, after: u64) -> Result<Vec<Record>, Fault> {
    let NumberedRun { run, row, .. } = find_run(connection, run_id)?;
    check_not_erased(&row)?;
    let format = read_format(run_id, row.format)?;
    let (_, last) = ids_of(run);
    let mut statement = connection.prepare_cached(SELECT_JOURNAL)?;
    let mut rows = statement.query((entry_id(run, after + 1)?, last))?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(run_id, row, format)?);
    }
    Ok(records)
}

/// Whether an outsider asked the run to stop, behind a place in its journal, and nobody else can have written that.
pub(super) fn is_cancelled_after(
    connection: &Connection,
    run: i64,
    after: u64,
    key: Option<&AuditKey>,
) -> Result<bool, Fault> {
    let (_, last) = ids_of(run);
    let mut statement = connection.prepare_cached(SELECT_CANCELS)?;
    let mut rows = statement.query((entry_id(run, after + 1)?, last))?;
    while let Some(row) = rows.next()? {
        if is_authentic(row, key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The ids of the session's completed runs, oldest first.
pub(super) fn completed_runs(connection: &Connection, session_id: &str) -> Result<Vec<String>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT run_id FROM runs WHERE session_id = ?1 AND status = ?2 ORDER BY run")?;
    let rows = statement.query_map([session_id, RunStatus::Completed.as_str()], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What outsiders appended after `cursor`, and the cursor for the next time.
pub(super) fn outsiders_after(
    connection: &Connection,
    cursor: i64,
    key: Option<&AuditKey>,
) -> Result<(Vec<ExternalRecord>, i64), Fault> {
    let mut statement = connection.prepare_cached(SELECT_OUTSIDERS)?;
    let mut rows = statement.query([cursor])?;
    let (mut found, mut cursor) = (Vec::new(), cursor);
    while let Some(row) = rows.next()? {
        let (run_id, format) = (row.get::<_, Text>(OUTSIDE)?, row.get(OUTSIDE + 4)?);
        cursor = row.get(OUTSIDE + 1)?;
        let found_record = read_format(&run_id, format).map_err(Fault::from);
        let record = match found_record.and_then(|format| record(&run_id, row, format)) {
            // Whoever drives that run finds out by reading it, or by appending to it; the others are to hear of theirs.
            Err(Fault::Refused(StoreError::Damaged { .. } | StoreError::UnsupportedJournal { .. })) => continue,
            found => found?,
        };
        found.push(ExternalRecord {
            record,
            authentic: is_authentic(row, key)?,
            run_id,
        });
    }
    Ok((found, cursor))
}

/// The cursor after everything that outsiders appended so far.
pub(super) fn last_outsider(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(place), 0) FROM outsiders")?
        .query_row([], |row| row.get(0))
}
