//! Turns rows into values, and says which row cannot be.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::entry_id::seq;
use super::fault::Fault;
use crate::journal::{self, AuditKey, Chain, Entry, Hash, Record};
use crate::store::damage::damaged;
use crate::store::holder::{Expiry, Holder};
use crate::store::rules::Lease;
use crate::store::{RunRow, RunStatus, StoreError};
use crate::{Text, Timestamp};

/// A run's row, with its number and its lease.
pub(super) struct NumberedRun {
    pub(super) run: i64,
    pub(super) row: RunRow,
    pub(super) lease: Option<Lease>,
}

/// Selects what [`numbered_run`] reads, of all runs.
pub(super) const SELECT_RUNS: &str = "
SELECT r.run, r.run_id, r.agent_name, r.session_id, r.user_id, r.status, r.created_at, r.updated_at, r.epoch,
       r.held_since, h.token, h.host, h.pid, h.started, h.expires, r.audit_key_id
FROM runs r LEFT JOIN holders h ON h.holder = r.holder";

pub(super) fn numbered_run(row: &Row<'_>) -> Result<NumberedRun, Fault> {
    let run_id: Text = row.get(1)?;
    let lease = lease(row)?;
    let status = status(&run_id, text(row, 5)?)?;
    let row_value = RunRow {
        agent_name: row.get(2)?,
        session_id: row.get(3)?,
        user_id: row.get(4)?,
        status,
        created_at: Timestamp(row.get(6)?),
        updated_at: Timestamp(row.get(7)?),
        epoch: row.get::<_, i64>(8)?.cast_unsigned(),
        holder: lease.as_ref().map(|lease| lease.holder.clone()),
        audit_key_id: row.get(15)?,
        run_id,
    };
    Ok(NumberedRun {
        run: row.get(0)?,
        row: row_value,
        lease,
    })
}

fn lease(row: &Row<'_>) -> rusqlite::Result<Option<Lease>> {
    let Some(token) = row.get::<_, Option<Text>>(10)? else {
        return Ok(None);
    };
    let started = row.get::<_, i64>(13)?.cast_unsigned();
    let (host, expiry) = Expiry::read_behind(&row.get::<_, Text>(11)?, Timestamp(row.get(14)?));
    let holder = Holder {
        token,
        host: host.into(),
        pid: row.get(12)?,
        started,
    };
    let since = row.get::<_, Option<i64>>(9)?.unwrap_or_default();
    Ok(Some(Lease {
        holder,
        expiry,
        since: Timestamp(since),
    }))
}

/// The status of that name.
pub(super) fn status(run_id: &str, name: &str) -> Result<RunStatus, StoreError> {
    RunStatus::parse(name).ok_or_else(|| damaged(run_id, &format!("run {run_id} has the unknown status {name:?}")))
}

/// Selects what [`next_record`] reads.
pub(super) const SELECT_JOURNAL: &str = "
SELECT id, outsider, at, kind, payload, hash FROM entries WHERE id BETWEEN ?1 AND ?2 ORDER BY id";

/// Selects what [`record`] reads, then the run's id, the place among all that outsiders appended, and what [`is_authentic`] reads.
pub(super) const SELECT_OUTSIDERS: &str = "
SELECT e.id, e.outsider, e.at, e.kind, e.payload, e.hash, r.run_id, o.place, r.audit_key_id,
       (SELECT before.hash FROM entries before WHERE before.id = e.id - 1)
FROM outsiders o JOIN entries e ON e.id = o.entry JOIN runs r ON r.run = e.id >> 32
WHERE o.place > ?1 ORDER BY o.place";

/// Selects the cancel requests of outsiders in a part of one journal, with what [`is_authentic`] reads where it does in
/// [`SELECT_OUTSIDERS`].
pub(super) const SELECT_CANCELS: &str = "
SELECT e.id, e.outsider, e.at, e.kind, e.payload, e.hash, NULL, NULL,
       (SELECT r.audit_key_id FROM runs r WHERE r.run = e.id >> 32),
       (SELECT before.hash FROM entries before WHERE before.id = e.id - 1)
FROM entries e WHERE e.id BETWEEN ?1 AND ?2 AND e.outsider AND e.kind = 'cancel_requested'";

/// A journal row as it is stored.
struct RawRecord<'a> {
    seq: u64,
    outsider: bool,
    at: Timestamp,
    kind: &'a str,
    payload: &'a str,
    hash: Hash,
}

impl<'a> RawRecord<'a> {
    fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: seq(row.get(0)?),
            outsider: row.get(1)?,
            at: Timestamp(row.get(2)?),
            kind: text(row, 3)?,
            payload: text(row, 4)?,
            hash: row.get(5)?,
        })
    }

    /// Whether its hash is that of a row that follows upon one with the hash `previous`.
    fn follows(&self, previous: &Hash, chain: &Chain) -> bool {
        self.hash == chain.next(previous, self.seq, self.at, self.outsider, self.kind, self.payload)
    }

    fn decode(self, run_id: &str) -> Result<Record, Fault> {
        let Self { seq, kind, payload, .. } = self;
        let entry = journal::decode(kind, payload)
            .map_err(|error| damaged(run_id, &format!("entry {seq} of run {run_id} cannot be read ({error})")))?;
        Ok(Record {
            seq,
            at: self.at,
            outsider: self.outsider,
            entry,
            hash: self.hash,
        })
    }
}

/// A journal row.
pub(super) fn record(run_id: &str, row: &Row<'_>) -> Result<Record, Fault> {
    RawRecord::read(row)?.decode(run_id)
}

/// A journal row that has to follow upon one with the hash `previous`. Without a chain only its place is checked.
pub(super) fn next_record(
    run_id: &str,
    row: &Row<'_>,
    place: u64,
    chain: Option<&Chain>,
    previous: &Hash,
) -> Result<Record, Fault> {
    let found = RawRecord::read(row)?;
    if found.seq == place && chain.is_none_or(|chain| found.follows(previous, chain)) {
        return found.decode(run_id);
    }
    Err(does_not_fit(run_id, place).into())
}

/// The hash and the time of a journal row that has to follow upon one with the hash `previous`, and the record where it is of a wanted kind.
pub(super) fn next_record_of(
    run_id: &str,
    row: &Row<'_>,
    place: u64,
    chain: &Chain,
    previous: &Hash,
    wanted: &[&str],
) -> Result<(Hash, Timestamp, Option<Record>), Fault> {
    let found = RawRecord::read(row)?;
    let is_known = Entry::KINDS.contains(&found.kind);
    if is_known && (found.seq != place || !found.follows(previous, chain)) {
        return Err(does_not_fit(run_id, place).into());
    }
    let (hash, at) = (found.hash, found.at);
    // What a newer release wrote may close a requirement, too: that it cannot be read is said here.
    let is_read = wanted.contains(&found.kind) || !is_known;
    let record = is_read.then(|| found.decode(run_id)).transpose()?;
    Ok((hash, at, record))
}

fn does_not_fit(run_id: &str, place: u64) -> StoreError {
    let problem = format!("the journal of run {run_id} does not fit together at entry {place}");
    damaged(run_id, &problem)
}

/// Whether nobody without the key can have written an outsider's row. Without a key there is nothing to tell by.
pub(super) fn is_authentic(row: &Row<'_>, key: Option<&AuditKey>) -> rusqlite::Result<bool> {
    let (Some(key), key_id) = (key, row.get::<_, Option<Text>>(8)?) else {
        return Ok(true);
    };
    match row.get::<_, Option<Hash>>(9)? {
        Some(previous) if key_id.as_ref() == Some(key.id()) => {
            Ok(RawRecord::read(row)?.follows(&previous, &Chain::Keyed(key.clone())))
        }
        _ => Ok(false),
    }
}

/// A column's text as it stands in SQLite's memory: a payload of megabytes is not copied only to be parsed.
fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    match row.get_ref(column)? {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_err(|error| rusqlite::Error::Utf8Error(column, error)),
        other => Err(rusqlite::Error::InvalidColumnType(
            column,
            "text".to_owned(),
            other.data_type(),
        )),
    }
}
