//! Whether a run's rows are those that were written: names the first one that does not fit.

use std::fmt;

use serde::Serialize;

use crate::journal::{
    Attribution, AuditKey, Chain, Entry, Format, Hash, Record, RowFault, StoredRow, decode, hexadecimal,
};
use crate::run::{ReplayError, Run};
use crate::store::outline;
use crate::store::raw::{RawContent, RawEntry, RawRun, Reading, index_of, open_among};
use crate::store::{RunRow, RunStatus, Store, StoreError, UnsupportedJournal};
use crate::{Text, Timestamp};

use super::EngineError;

/// What an examination of a run's rows found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The run.
    pub run_id: Text,
    /// Nothing was found wrong, and everything could be checked.
    pub ok: bool,
    /// How many entries its journal has.
    pub entries: usize,
    /// The hash of the last entry as it stands, in hexadecimal digits.
    pub head: Option<String>,
    /// Whether the run's row says that its hash chain is keyed.
    pub keyed: bool,
    /// The id of the audit key that the row names.
    pub key_id: Option<Text>,
    /// The first thing that does not fit.
    pub first_bad: Option<Mismatch>,
}

/// A row that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The entry's place in the journal; `None` where it is not about an entry: the run's row, the index of requirements, the key.
    pub seq: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

impl Mismatch {
    fn at(seq: u64, reason: impl Into<String>) -> Self {
        let (seq, reason) = (Some(seq), reason.into());
        Self { seq, reason }
    }

    fn of_run(reason: impl Into<String>) -> Self {
        let (seq, reason) = (None, reason.into());
        Self { seq, reason }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(formatter, "entry {seq}: {}", self.reason),
            None => formatter.write_str(&self.reason),
        }
    }
}

/// Examines a run's rows. `head` is a hash that was kept elsewhere: one of the entries must have it.
///
/// Rows that do not fit are no error, whatever is wrong with them.
///
/// # Errors
/// [`StoreError::RunNotFound`], or what the store ran into.
pub fn verify(store: &mut dyn Store, run_id: &str, head: Option<&Hash>) -> Result<Verification, EngineError> {
    let raw = store.raw(run_id)?;
    let key_id = raw.row.as_ref().ok().and_then(|row| row.audit_key_id.clone());
    let first_bad = match examine(run_id, &raw, head) {
        Ok(_) => None,
        Err(Flaw::Mismatch(mismatch)) => Some(mismatch),
        Err(Flaw::Unsupported(error)) => return Err(error.into()),
    };
    Ok(Verification {
        run_id: run_id.into(),
        ok: first_bad.is_none(),
        entries: raw.entries.len(),
        head: head_of(&raw),
        keyed: key_id.is_some(),
        key_id,
        first_bad,
    })
}

fn head_of(raw: &RawRun) -> Option<String> {
    let last = raw.entries.last()?.content.as_ref().ok()?;
    Some(hexadecimal(&last.hash))
}

/// Why nothing good can be said of a run.
pub(super) enum Flaw {
    Mismatch(Mismatch),
    /// This release cannot tell.
    Unsupported(StoreError),
}

impl From<Mismatch> for Flaw {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

/// The rows, where nothing is wrong with them.
pub(super) fn examine(run_id: &str, raw: &RawRun, head: Option<&Hash>) -> Result<Vec<CheckedRow>, Flaw> {
    let row = raw
        .row
        .as_ref()
        .map_err(|why| Mismatch::of_run(format!("the run's row cannot be read: {why}")))?;
    let reading = reading_of(run_id, row, raw)?;
    let rows = check_rows(run_id, &raw.entries, &reading)?;
    match last_erasure(&rows) {
        Some(place) => check_erased(row, raw, &rows, place)?,
        None => check_whole(row, raw, &rows)?,
    }
    check_head(&rows, head)?;
    check_trust(row, raw.key.as_ref(), reading.chain.as_ref(), &rows, head)?;
    Ok(rows)
}

/// Everything that was written is there.
fn check_whole(row: &RunRow, raw: &RawRun, rows: &[CheckedRow]) -> Result<(), Mismatch> {
    let records = records(rows)?;
    if row.is_erased {
        return Err(Mismatch::of_run("the run's row has another erased than its journal"));
    }
    let run = Run::replay(&records).map_err(|error| unreadable(&error))?;
    check_row(row, &run, rows)?;
    check_outlines(&raw.entries)?;
    check_index(raw, &run, &records)
}

/// The place of the last entry that says that what came before was erased.
fn last_erasure(rows: &[CheckedRow]) -> Option<u64> {
    let is_erasure = |row: &&CheckedRow| matches!(row.entry, Some(Entry::PayloadsErased(_)));
    rows.iter().rev().find(is_erasure).map(|row| row.seq)
}

/// What was erased is gone from everywhere, and nothing else is. Of the run's row the journal says by now no more than what is compared.
fn check_erased(row: &RunRow, raw: &RawRun, rows: &[CheckedRow], erased: u64) -> Result<(), Mismatch> {
    if let Some(missing) = rows.iter().find(|row| row.entry.is_none() && row.seq > erased) {
        return Err(Mismatch::at(missing.seq, RowFault::Missing.to_string()));
    }
    check_facts(&[
        ("erased", row.is_erased),
        ("status", Some(row.status) == statuses(rows).0),
        ("created_at", Some(row.created_at) == rows.first().map(|row| row.at)),
        ("updated_at", Some(row.updated_at) == last_change(rows)),
    ])?;
    match raw.requirements.is_empty() && raw.open_requirements == 0 {
        true => Ok(()),
        false => Err(Mismatch::of_run(
            "the index of requirements does not say what the journal says",
        )),
    }
}

/// How the row says that the journal is to be read.
fn reading_of(run_id: &str, row: &RunRow, raw: &RawRun) -> Result<Reading, Flaw> {
    let said = Reading::of(row, raw.key.as_ref()).map_err(Flaw::Unsupported)?;
    let Some(key) = &raw.key else { return Ok(said) };
    let ours = Reading {
        chain: Some(Chain::new(said.format, Some(key))),
        ..said.clone()
    };
    let first = raw.entries.first();
    let is_ours = first.is_some_and(|entry| check_rows(run_id, std::slice::from_ref(entry), &ours).is_ok());
    if is_ours && said.chain != ours.chain {
        return Err(Mismatch::of_run(format!(
            "the run's row says that its hash chain is {}, but it is keyed with the audit key {}",
            keying(row),
            key.id()
        ))
        .into());
    }
    Ok(said)
}

fn keying(row: &RunRow) -> String {
    row.audit_key_id
        .as_ref()
        .map_or_else(|| "not keyed".to_owned(), |id| format!("keyed with the audit key {id}"))
}

/// A row that follows upon the one before.
pub(super) struct CheckedRow {
    seq: u64,
    at: Timestamp,
    outsider: bool,
    kind: String,
    pub(super) hash: Hash,
    /// `None`: its payload is gone.
    entry: Option<Entry>,
}

impl CheckedRow {
    /// The status that it leaves the run with, where it changes it.
    fn status(&self) -> Option<RunStatus> {
        match &*self.kind {
            "run_started" | "run_continued" => Some(RunStatus::Running),
            "run_queued" => Some(RunStatus::Queued),
            "run_paused" => Some(RunStatus::Paused),
            "run_cancelled" => Some(RunStatus::Cancelled),
            "run_failed" => Some(RunStatus::Error),
            "run_completed" => Some(RunStatus::Completed),
            _ => None,
        }
    }
}

/// The status that the rows leave the run with, and the one that it had when it was last moved.
pub(super) fn statuses(rows: &[CheckedRow]) -> (Option<RunStatus>, Option<RunStatus>) {
    rows.iter()
        .fold((None, None), |(status, before), row| match &*row.kind {
            "run_moved" => (Some(RunStatus::Moved), status),
            "run_arrived" => (before, before),
            _ => (row.status().or(status), before),
        })
}

/// The records of rows none of whose payloads may be missing.
fn records(rows: &[CheckedRow]) -> Result<Vec<Record>, Mismatch> {
    let record = |row: &CheckedRow| {
        let missing = || Mismatch::at(row.seq, RowFault::Missing.to_string());
        Ok(Record {
            seq: row.seq,
            at: row.at,
            outsider: row.outsider,
            entry: row.entry.clone().ok_or_else(missing)?,
            hash: row.hash,
        })
    };
    rows.iter().map(record).collect()
}

/// The rows, each of which follows upon the one before. Without a chain the hashes are not checked.
pub(super) fn check_rows(run_id: &str, entries: &[RawEntry], reading: &Reading) -> Result<Vec<CheckedRow>, Flaw> {
    if entries.is_empty() {
        return Err(Mismatch::at(1, "it is missing").into());
    }
    let genesis = |chain: &Chain| chain.genesis(run_id);
    let mut walk = Walk {
        run_id,
        reading,
        previous: reading.chain.as_ref().map_or(Hash::default(), genesis),
        driver_entries: 0,
    };
    (1..)
        .zip(entries)
        .map(|(place, entry)| walk.step(place, entry))
        .collect()
}

struct Walk<'a> {
    run_id: &'a str,
    reading: &'a Reading,
    previous: Hash,
    driver_entries: i64,
}

impl Walk<'_> {
    fn step(&mut self, place: u64, entry: &RawEntry) -> Result<CheckedRow, Flaw> {
        if entry.seq < place {
            return Err(Mismatch::at(entry.seq, "no entry has its place there").into());
        }
        if entry.seq > place {
            return Err(Mismatch::at(place, "it is missing").into());
        }
        let read = entry
            .content
            .as_ref()
            .map_err(|why| format!("it cannot be read: {why}"));
        match read.and_then(|content| self.record(place, content)) {
            Ok(Ok(row)) => Ok(row),
            Ok(Err(features)) => Err(Flaw::Unsupported(StoreError::UnsupportedJournal {
                run_id: self.run_id.into(),
                problem: UnsupportedJournal::Features(features),
            })),
            Err(reason) => Err(Mismatch::at(place, reason).into()),
        }
    }

    /// The row, or the features that are not known here.
    fn record(&mut self, seq: u64, content: &RawContent) -> Result<Result<CheckedRow, Vec<String>>, String> {
        let outsider = match content.outsider {
            0 => false,
            1 => true,
            other => {
                return Err(format!(
                    "its column outsider holds {other}, where only 0 and 1 have a meaning"
                ));
            }
        };
        let hash = Hash::try_from(content.hash.as_slice())
            .map_err(|_| format!("its hash has {} bytes instead of 32", content.hash.len()))?;
        let row = content.stored(seq, outsider);
        self.check_hash(&row, &hash).map_err(|fault| fault.to_string())?;
        let entry = match row.check(self.reading.format) {
            Ok(payload) => Some(self.entry(content, payload)?),
            // Whether that was erased shows further on.
            Err(RowFault::Missing) => None,
            Err(RowFault::Features(features)) => return Ok(Err(features)),
            Err(fault) => return Err(fault.to_string()),
        };
        self.count(outsider, content)?;
        Ok(Ok(CheckedRow {
            seq,
            at: content.at,
            outsider,
            kind: content.kind.clone(),
            hash,
            entry,
        }))
    }

    fn entry(&self, content: &RawContent, payload: &str) -> Result<Entry, String> {
        let entry = decode(&content.kind, payload).map_err(|error| format!("it cannot be read: {error}"))?;
        self.check_attribution(content, &entry)?;
        Ok(entry)
    }

    fn check_hash(&mut self, row: &StoredRow<'_>, hash: &Hash) -> Result<(), RowFault> {
        if let Some(chain) = &self.reading.chain
            && row.hash(chain, &self.previous)? != *hash
        {
            return Err(RowFault::Hash);
        }
        self.previous = *hash;
        Ok(())
    }

    /// What stays when the payload is erased must say the same as the payload.
    fn check_attribution(&self, content: &RawContent, entry: &Entry) -> Result<(), String> {
        if self.reading.format == Format::First || content.attribution() == Attribution::of(entry) {
            return Ok(());
        }
        Err("its columns action, actor and requirement_id do not say what its payload says".to_owned())
    }

    fn count(&mut self, outsider: bool, content: &RawContent) -> Result<(), String> {
        self.driver_entries += i64::from(!outsider);
        if content.driver_entries == self.driver_entries {
            return Ok(());
        }
        Err(format!(
            "it counts {} entries by drivers, where there are {}",
            content.driver_entries, self.driver_entries
        ))
    }
}

fn unreadable(error: &ReplayError) -> Mismatch {
    match error {
        ReplayError::Dangling { seq, .. } | ReplayError::Contradiction { seq, .. } => {
            Mismatch::at(*seq, error.to_string())
        }
        _ => Mismatch::at(1, error.to_string()),
    }
}

/// What stands in the run's row for finding it must be what its journal says.
fn check_row(row: &RunRow, run: &Run, rows: &[CheckedRow]) -> Result<(), Mismatch> {
    let started = run.started();
    let first = rows.first().map(|row| row.at);
    let facts = [
        ("run_id", row.run_id == started.run_id),
        ("agent_name", row.agent_name == started.agent_name),
        ("session_id", row.session_id == started.session_id),
        ("user_id", row.user_id == started.user_id),
        ("status", row.status == run.status()),
        ("created_at", Some(row.created_at) == first),
        ("updated_at", Some(row.updated_at) == last_change(rows)),
        ("format", row.format == started.format),
        ("not_before", row.not_before == run.not_before()),
    ];
    check_facts(&facts)
}

fn check_facts(facts: &[(&str, bool)]) -> Result<(), Mismatch> {
    match facts.iter().find(|(_, fits)| !fits) {
        Some((column, _)) => Err(Mismatch::of_run(format!(
            "the run's row has another {column} than its journal"
        ))),
        None => Ok(()),
    }
}

/// When the run's status changed for the last time.
fn last_change(rows: &[CheckedRow]) -> Option<Timestamp> {
    let is_change = |row: &&CheckedRow| row.status().is_some() || matches!(&*row.kind, "run_moved" | "run_arrived");
    rows.iter().rev().find(is_change).map(|row| row.at)
}

/// What lists show of large entries must be what follows from them. An entry that has none is shown itself.
fn check_outlines(entries: &[RawEntry]) -> Result<(), Mismatch> {
    for entry in entries {
        let Ok(RawContent {
            kind,
            payload: Some(payload),
            outline: Some(outline),
            ..
        }) = &entry.content
        else {
            continue;
        };
        if !outline::is_of(outline, kind, payload) {
            return Err(Mismatch::at(
                entry.seq,
                "its outline, which lists show in its place, is not that of its content",
            ));
        }
    }
    Ok(())
}

fn check_index(raw: &RawRun, run: &Run, records: &[Record]) -> Result<(), Mismatch> {
    let expected = index_of(records.iter().map(|record| &record.entry));
    let fits = raw.requirements.iter().map(Result::as_ref).eq(expected.iter().map(Ok));
    if !fits {
        return Err(Mismatch::of_run(
            "the index of requirements does not say what the journal says",
        ));
    }
    // Of runs that were over by then, an older release did not count them.
    let is_uncounted = run.status() == RunStatus::Completed && raw.open_requirements == 0;
    if !is_uncounted && raw.open_requirements != open_among(&expected) {
        return Err(Mismatch::of_run(format!(
            "the run's row counts {} open requirements, where its journal has {}",
            raw.open_requirements,
            open_among(&expected)
        )));
    }
    let is_misled = run.status() == RunStatus::Paused && raw.goes_on_with.cast_unsigned() != run.goes_on_with();
    match is_misled {
        true => Err(Mismatch::of_run(format!(
            "the run's row says that it goes on with {} open requirements, where its journal says {}",
            raw.goes_on_with,
            run.goes_on_with()
        ))),
        false => Ok(()),
    }
}

fn check_head(rows: &[CheckedRow], head: Option<&Hash>) -> Result<(), Mismatch> {
    match head {
        Some(head) if !rows.iter().any(|row| row.hash == *head) => Err(Mismatch::of_run(
            "no entry has the hash that was kept as its head: entries were removed from its end, or all were rewritten",
        )),
        _ => Ok(()),
    }
}

/// Refuses to vouch for what could not be checked, or what anybody could have computed.
fn check_trust(
    row: &RunRow,
    key: Option<&AuditKey>,
    chain: Option<&Chain>,
    rows: &[CheckedRow],
    head: Option<&Hash>,
) -> Result<(), Mismatch> {
    // Who kept the last hash elsewhere needs no key: nobody can find another journal with that hash.
    let is_whole = head.is_some() && head == rows.last().map(|row| &row.hash);
    match (chain, key) {
        (None, None) => Err(Mismatch::of_run(format!(
            "its hash chain is {}, which was not given: its hashes were not checked",
            keying(row)
        ))),
        (None, Some(key)) => Err(Mismatch::of_run(format!(
            "its hash chain is {}, and the key that was given is {}: its hashes were not checked",
            keying(row),
            key.id()
        ))),
        (Some(chain), Some(_)) if !chain.is_keyed() && !is_whole => Err(Mismatch::of_run(
            "its hash chain is not keyed: whoever can write the file could have rewritten it; compare its last hash with one \
             that was kept elsewhere",
        )),
        _ => Ok(()),
    }
}
