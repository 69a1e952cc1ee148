//! Turns rows into values, and says which row cannot be.

use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};

use super::entry_id::seq;
use super::fault::Fault;
use crate::journal::{self, Attribution, AuditKey, Chain, Entry, Format, Hash, Record, StoredRow};
use crate::store::damage::damaged;
use crate::store::holder::{Expiry, Holder};
use crate::store::raw::Reading;
use crate::store::rules::{Lease, misfit};
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
       r.held_since, h.token, h.host, h.pid, h.started, h.expires, r.audit_key_id, r.format, r.erased IS NOT NULL,
       r.not_before
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
        not_before: row.get::<_, Option<i64>>(18)?.map(Timestamp),
        epoch: row.get::<_, i64>(8)?.cast_unsigned(),
        holder: lease.as_ref().map(|lease| lease.holder.clone()),
        format: row.get(16)?,
        is_erased: row.get(17)?,
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
SELECT id, outsider, at, kind, payload, hash, salt, commitment, requires, action, actor, requirement_id
FROM entries WHERE id BETWEEN ?1 AND ?2 ORDER BY id";

/// Where the columns begin that do not belong to the entry itself.
pub(super) const OUTSIDE: usize = 12;

/// Selects what [`record`] reads, then the run's id, the place among all that outsiders appended, and what [`is_authentic`] reads.
pub(super) const SELECT_OUTSIDERS: &str = "
SELECT e.id, e.outsider, e.at, e.kind, e.payload, e.hash, e.salt, e.commitment, e.requires, e.action, e.actor, e.requirement_id,
       r.run_id, o.place, r.audit_key_id, (SELECT before.hash FROM entries before WHERE before.id = e.id - 1), r.format
FROM outsiders o JOIN entries e ON e.id = o.entry JOIN runs r ON r.run = e.id >> 32
WHERE o.place > ?1 ORDER BY o.place";

/// Selects the cancel requests of outsiders in a part of one journal, with what [`is_authentic`] reads where it does in
/// [`SELECT_OUTSIDERS`].
pub(super) const SELECT_CANCELS: &str = "
SELECT e.id, e.outsider, e.at, e.kind, e.payload, e.hash, e.salt, e.commitment, e.requires, e.action, e.actor, e.requirement_id,
       NULL, NULL, r.audit_key_id, (SELECT before.hash FROM entries before WHERE before.id = e.id - 1), r.format
FROM entries e JOIN runs r ON r.run = e.id >> 32
WHERE e.id BETWEEN ?1 AND ?2 AND e.outsider AND e.kind = 'cancel_requested'";

/// A journal row as it is stored.
struct RawRecord<'a> {
    row: StoredRow<'a>,
    hash: Hash,
}

impl<'a> RawRecord<'a> {
    fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let attribution = Attribution {
            action: optional_text(row, 9)?,
            actor: optional_text(row, 10)?,
            requirement_id: optional_text(row, 11)?,
        };
        let hash = row.get(5)?;
        let row = StoredRow {
            seq: seq(row.get(0)?),
            outsider: row.get(1)?,
            at: Timestamp(row.get(2)?),
            kind: text(row, 3)?,
            payload: optional_text(row, 4)?,
            salt: optional_bytes(row, 6)?,
            commitment: optional_bytes(row, 7)?,
            requires: optional_text(row, 8)?,
            attribution,
        };
        Ok(Self { row, hash })
    }

    /// Whether its hash is that of a row that follows upon one with the hash `previous`.
    fn follows(&self, previous: &Hash, chain: &Chain) -> bool {
        self.row.hash(chain, previous) == Ok(self.hash)
    }

    fn decode(self, run_id: &str, format: Format) -> Result<Record, Fault> {
        let Self { row, hash } = self;
        let seq = row.seq;
        let payload = row.check(format).map_err(|fault| misfit(run_id, seq, fault))?;
        Ok(Record {
            seq,
            at: row.at,
            outsider: row.outsider,
            entry: entry(run_id, seq, row.kind, payload)?,
            hash,
        })
    }
}

fn entry(run_id: &str, seq: u64, kind: &str, payload: &str) -> Result<Entry, StoreError> {
    journal::decode(kind, payload)
        .map_err(|error| damaged(run_id, &format!("entry {seq} of run {run_id} cannot be read ({error})")))
}

/// A journal row.
pub(super) fn record(run_id: &str, row: &Row<'_>, format: Format) -> Result<Record, Fault> {
    RawRecord::read(row)?.decode(run_id, format)
}

/// A journal row with what lists show of its payload, which no hash covers.
pub(super) fn outlined(run_id: &str, row: &Row<'_>) -> Result<Record, Fault> {
    let seq = seq(row.get(0)?);
    Ok(Record {
        seq,
        at: Timestamp(row.get(2)?),
        outsider: row.get(1)?,
        entry: entry(run_id, seq, text(row, 3)?, text(row, 4)?)?,
        hash: Hash::default(),
    })
}

/// A journal row that has to follow upon one with the hash `previous`. Without a chain only its place is checked.
pub(super) fn next_record(
    run_id: &str,
    row: &Row<'_>,
    place: u64,
    reading: &Reading,
    previous: &Hash,
) -> Result<Record, Fault> {
    let found = RawRecord::read(row)?;
    let chain = reading.chain.as_ref();
    if found.row.seq == place && chain.is_none_or(|chain| found.follows(previous, chain)) {
        return found.decode(run_id, reading.format);
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
    let is_known = Entry::KINDS.contains(&found.row.kind);
    if is_known && (found.row.seq != place || !found.follows(previous, chain)) {
        return Err(does_not_fit(run_id, place).into());
    }
    let (hash, at) = (found.hash, found.row.at);
    // What a newer release wrote may close a requirement, too: that it cannot be read is said here.
    let is_read = wanted.contains(&found.row.kind) || !is_known;
    if !is_read {
        let checked = found.row.check(chain.format());
        checked.map_err(|fault| misfit(run_id, place, fault))?;
    }
    let record = is_read.then(|| found.decode(run_id, chain.format())).transpose()?;
    Ok((hash, at, record))
}

fn does_not_fit(run_id: &str, place: u64) -> StoreError {
    let problem = format!("the journal of run {run_id} does not fit together at entry {place}");
    damaged(run_id, &problem)
}

/// Whether nobody without the key can have written an outsider's row. Without a key there is nothing to tell by.
pub(super) fn is_authentic(row: &Row<'_>, key: Option<&AuditKey>) -> rusqlite::Result<bool> {
    let (Some(key), key_id) = (key, row.get::<_, Option<Text>>(OUTSIDE + 2)?) else {
        return Ok(true);
    };
    let format = Format::of(row.get(OUTSIDE + 4)?);
    match (row.get::<_, Option<Hash>>(OUTSIDE + 3)?, format) {
        (Some(previous), Some(format)) if key_id.as_ref() == Some(key.id()) => {
            let found = RawRecord::read(row)?;
            Ok(found.follows(&previous, &Chain::new(format, Some(key))) && found.row.check(format).is_ok())
        }
        _ => Ok(false),
    }
}

/// A column's text as it stands in SQLite's memory: a payload of megabytes is not copied only to be parsed.
fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    optional_text(row, column)?.ok_or_else(|| of_another_type(column, "text", Type::Null))
}

/// As [`text`], of a column that may hold nothing.
pub(super) fn optional_text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a str>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|error| rusqlite::Error::Utf8Error(column, error))?;
            Ok(Some(text))
        }
        other => Err(of_another_type(column, "text", other.data_type())),
    }
}

fn optional_bytes<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a [u8]>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) => Ok(Some(bytes)),
        other => Err(of_another_type(column, "bytes", other.data_type())),
    }
}

fn of_another_type(column: usize, wanted: &str, found: Type) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, wanted.to_owned(), found)
}
