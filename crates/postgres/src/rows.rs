//! Turns rows into values, and says which row cannot be.

use std::borrow::Cow;

use haltpoint_engine::journal::{self, Attribution, AuditKey, Chain, Entry, Format, Hash, Record, StoredRow};
use haltpoint_engine::store::damage::damaged;
use haltpoint_engine::store::holder::{Expiry, Holder};
use haltpoint_engine::store::raw::Reading;
use haltpoint_engine::store::rules::{Lease, misfit};
use haltpoint_engine::store::{RunRow, RunStatus, StoreError};
use haltpoint_engine::{Text, Timestamp};
use tokio_postgres::Row;

use crate::connection::get;
use crate::fault::{Failure, Fault};
use crate::text::{restored, text};

/// Where a run's journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) driver_entries: u64,
    pub(crate) hash: Hash,
}

/// A run's row, with its number, its lease and the end of its journal.
#[derive(Clone, Debug)]
pub(crate) struct FoundRun {
    pub(crate) run: i64,
    pub(crate) row: RunRow,
    /// The number of the holder's row.
    pub(crate) holder: Option<i64>,
    pub(crate) held_since: Option<i64>,
    pub(crate) lease: Option<FoundLease>,
    pub(crate) head: Head,
    /// What the last entry requires of its readers.
    pub(crate) requires: Option<String>,
    pub(crate) open_requirements: i64,
    pub(crate) goes_on_with: i64,
}

/// A lease, and what stands of it in the holder's row.
#[derive(Clone, Debug)]
pub(crate) struct FoundLease {
    pub(crate) lease: Lease,
    pub(crate) holder: i64,
    pub(crate) host: String,
    pub(crate) expires: i64,
}

impl FoundLease {
    /// Takes over what stands in the holder's row.
    pub(crate) fn read(&mut self, host: String, expires: i64) {
        (_, self.lease.expiry) = Expiry::read_behind(&restored(&host), Timestamp(expires));
        (self.host, self.expires) = (host, expires);
    }
}

/// Selects what [`found_run`] reads, of all runs.
pub(crate) const SELECT_RUNS: &str = "
SELECT r.run, r.run_id, r.agent_name, r.session_id, r.user_id, r.status, r.created_at, r.updated_at, r.epoch,
       r.held_since, h.token, h.host, h.pid, h.started, h.expires, r.audit_key_id, r.format, r.erased IS NOT NULL,
       r.head_seq, r.driver_entries, r.head_hash, r.head_requires, r.open_requirements, h.holder, r.goes_on_with,
       r.not_before
FROM @runs r LEFT JOIN @holders h ON h.holder = r.holder";

pub(crate) fn found_run(row: &Row) -> Result<FoundRun, Fault> {
    let run_id = text(get(row, 1)?);
    let lease = lease(row)?;
    let status = status(&run_id, get(row, 5)?)?;
    let optional = |column| Ok::<_, Failure>(get::<Option<&str>>(row, column)?.map(text));
    let run = RunRow {
        agent_name: optional(2)?,
        session_id: optional(3)?,
        user_id: optional(4)?,
        status,
        created_at: Timestamp(get(row, 6)?),
        updated_at: Timestamp(get(row, 7)?),
        not_before: get::<Option<i64>>(row, 25)?.map(Timestamp),
        epoch: get::<i64>(row, 8)?.cast_unsigned(),
        holder: lease.as_ref().map(|found| found.lease.holder.clone()),
        format: get::<i32>(row, 16)?.cast_unsigned(),
        is_erased: get(row, 17)?,
        audit_key_id: optional(15)?,
        run_id,
    };
    Ok(FoundRun {
        run: get(row, 0)?,
        holder: get(row, 23)?,
        held_since: get(row, 9)?,
        lease,
        head: Head {
            seq: get::<i64>(row, 18)?.unsigned_abs(),
            driver_entries: get::<i64>(row, 19)?.unsigned_abs(),
            hash: hash(&run.run_id, get(row, 20)?)?,
        },
        requires: get(row, 21)?,
        open_requirements: get(row, 22)?,
        goes_on_with: get(row, 24)?,
        row: run,
    })
}

fn lease(row: &Row) -> Result<Option<FoundLease>, Failure> {
    let Some(token) = get::<Option<&str>>(row, 10)? else {
        return Ok(None);
    };
    let (stored_host, expires): (String, i64) = (get(row, 11)?, get(row, 14)?);
    let (host, expiry) = Expiry::read_behind(&restored(&stored_host), Timestamp(expires));
    let holder = Holder {
        token: text(token),
        host: host.into(),
        pid: u32::try_from(get::<i64>(row, 12)?).unwrap_or(u32::MAX),
        started: get::<i64>(row, 13)?.cast_unsigned(),
    };
    let since = Timestamp(get::<Option<i64>>(row, 9)?.unwrap_or_default());
    Ok(Some(FoundLease {
        lease: Lease { holder, expiry, since },
        holder: get(row, 23)?,
        host: stored_host,
        expires,
    }))
}

/// The status of that name.
fn status(run_id: &str, name: &str) -> Result<RunStatus, StoreError> {
    RunStatus::parse(name).ok_or_else(|| damaged(run_id, &format!("run {run_id} has the unknown status {name:?}")))
}

fn hash(run_id: &str, bytes: &[u8]) -> Result<Hash, StoreError> {
    Hash::try_from(bytes).map_err(|_| damaged(run_id, &format!("a hash of run {run_id} has {} bytes", bytes.len())))
}

/// The columns that [`RawRecord::read`] reads of the table `e`.
macro_rules! entry_columns {
    () => {
        "e.seq, e.outsider, e.at, e.kind, e.payload, e.hash, e.salt, e.commitment, e.requires, e.action, e.actor, e.requirement_id"
    };
}

/// Selects what [`next_record`] reads: a part of one journal.
pub(crate) const SELECT_JOURNAL: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM @entries e WHERE e.run = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq"
);

/// Where the columns begin that do not belong to the entry itself.
pub(crate) const OUTSIDE: usize = 12;

/// Selects what [`record`] reads, then the run's id, the place among all that outsiders appended, and what [`is_authentic`] reads.
pub(crate) const SELECT_OUTSIDERS: &str = concat!(
    "SELECT ",
    entry_columns!(),
    ", r.run_id, o.place, r.audit_key_id, b.hash, r.format \
     FROM @outsiders o JOIN @entries e ON e.run = o.run AND e.seq = o.seq JOIN @runs r ON r.run = o.run \
     LEFT JOIN @entries b ON b.run = o.run AND b.seq = o.seq - 1 \
     WHERE o.place > $1 ORDER BY o.place"
);

/// Selects the cancel requests of outsiders in a part of one journal, with what [`is_authentic`] reads.
pub(crate) const SELECT_CANCELS: &str = concat!(
    "SELECT ",
    entry_columns!(),
    ", r.run_id, 0::bigint, r.audit_key_id, b.hash, r.format \
     FROM @entries e JOIN @runs r ON r.run = e.run LEFT JOIN @entries b ON b.run = e.run AND b.seq = e.seq - 1 \
     WHERE e.run = $1 AND e.seq > $2 AND e.seq <= $3 AND e.outsider AND e.kind = 'cancel_requested'"
);

/// A journal row as it is stored.
struct RawRecord<'a> {
    seq: u64,
    outsider: bool,
    at: Timestamp,
    kind: &'a str,
    payload: Option<&'a str>,
    hash: &'a [u8],
    salt: Option<&'a [u8]>,
    commitment: Option<&'a [u8]>,
    requires: Option<&'a str>,
    attribution: [Option<Cow<'a, str>>; 3],
}

impl<'a> RawRecord<'a> {
    fn read(row: &'a Row) -> Result<Self, Failure> {
        let column = |column| Ok::<_, Failure>(get::<Option<&str>>(row, column)?.map(restored));
        Ok(Self {
            seq: get::<i64>(row, 0)?.unsigned_abs(),
            outsider: get(row, 1)?,
            at: Timestamp(get(row, 2)?),
            kind: get(row, 3)?,
            payload: get(row, 4)?,
            hash: get(row, 5)?,
            salt: get(row, 6)?,
            commitment: get(row, 7)?,
            requires: get(row, 8)?,
            attribution: [column(9)?, column(10)?, column(11)?],
        })
    }

    fn row(&self) -> StoredRow<'_> {
        let [action, actor, requirement_id] = self.attribution.each_ref().map(|text| text.as_deref());
        StoredRow {
            seq: self.seq,
            at: self.at,
            outsider: self.outsider,
            kind: self.kind,
            payload: self.payload,
            salt: self.salt,
            commitment: self.commitment,
            requires: self.requires,
            attribution: Attribution {
                action,
                actor,
                requirement_id,
            },
        }
    }

    /// Whether its hash is that of a row that follows upon one with the hash `previous`.
    fn follows(&self, previous: &Hash, chain: &Chain) -> bool {
        self.row().hash(chain, previous).is_ok_and(|hash| hash == self.hash)
    }

    fn decode(&self, run_id: &str, format: Format) -> Result<Record, Fault> {
        let payload = self.check(run_id, format)?;
        Ok(Record {
            seq: self.seq,
            at: self.at,
            outsider: self.outsider,
            entry: entry(run_id, self.seq, self.kind, payload)?,
            hash: hash(run_id, self.hash)?,
        })
    }

    fn check(&self, run_id: &str, format: Format) -> Result<&'a str, StoreError> {
        self.row()
            .check(format)
            .map_err(|fault| misfit(run_id, self.seq, fault))?;
        // Checked: it is there.
        Ok(self.payload.unwrap_or_default())
    }
}

fn entry(run_id: &str, seq: u64, kind: &str, payload: &str) -> Result<Entry, StoreError> {
    journal::decode(kind, payload)
        .map_err(|error| damaged(run_id, &format!("entry {seq} of run {run_id} cannot be read ({error})")))
}

/// A journal row.
pub(crate) fn record(run_id: &str, row: &Row, format: Format) -> Result<Record, Fault> {
    RawRecord::read(row)?.decode(run_id, format)
}

/// A journal row with what lists show of its payload, which no hash covers.
pub(crate) fn outlined(run_id: &str, row: &Row) -> Result<Record, Fault> {
    let seq = get::<i64>(row, 0)?.unsigned_abs();
    Ok(Record {
        seq,
        at: Timestamp(get(row, 2)?),
        outsider: get(row, 1)?,
        entry: entry(run_id, seq, get(row, 3)?, get(row, 4)?)?,
        hash: Hash::default(),
    })
}

/// A journal row that has to follow upon one with the hash `previous`. Without a chain only its place is checked.
pub(crate) fn next_record(
    run_id: &str,
    row: &Row,
    place: u64,
    reading: &Reading,
    previous: &Hash,
) -> Result<Record, Fault> {
    let found = RawRecord::read(row)?;
    let chain = reading.chain.as_ref();
    if found.seq == place && chain.is_none_or(|chain| found.follows(previous, chain)) {
        return found.decode(run_id, reading.format);
    }
    Err(does_not_fit(run_id, place).into())
}

/// The hash and the time of a journal row that has to follow upon one with the hash `previous`, and the record where it is of a wanted kind.
pub(crate) fn next_record_of(
    run_id: &str,
    row: &Row,
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
    // What a newer release wrote may close a requirement, too: that it cannot be read is said here.
    let is_read = wanted.contains(&found.kind) || !is_known;
    if !is_read {
        found.check(run_id, chain.format())?;
    }
    let record = is_read.then(|| found.decode(run_id, chain.format())).transpose()?;
    Ok((hash(run_id, found.hash)?, found.at, record))
}

pub(crate) fn does_not_fit(run_id: &str, place: u64) -> StoreError {
    let problem = format!("the journal of run {run_id} does not fit together at entry {place}");
    damaged(run_id, &problem)
}

/// Whether nobody without the key can have written an outsider's row. Without a key there is nothing to tell by.
pub(crate) fn is_authentic(row: &Row, key: Option<&AuditKey>) -> Result<bool, Failure> {
    let Some(key) = key else {
        return Ok(true);
    };
    let key_id: Option<Text> = get::<Option<&str>>(row, OUTSIDE + 2)?.map(text);
    let format = Format::of(get::<i32>(row, OUTSIDE + 4)?.cast_unsigned());
    let previous: Option<&[u8]> = get(row, OUTSIDE + 3)?;
    match (previous.and_then(|bytes| Hash::try_from(bytes).ok()), format) {
        (Some(previous), Some(format)) if key_id.as_ref() == Some(key.id()) => {
            let found = RawRecord::read(row)?;
            Ok(found.follows(&previous, &Chain::new(format, Some(key))) && found.row().check(format).is_ok())
        }
        _ => Ok(false),
    }
}
