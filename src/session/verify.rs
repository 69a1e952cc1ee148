//! Whether a run's rows are those that were written: names the first one that does not fit.

use std::fmt;

use serde::Serialize;

use crate::Text;
use crate::journal::{AuditKey, Chain, Entry, Hash, Record, decode, hexadecimal};
use crate::run::{ReplayError, Run};
use crate::store::outline;
use crate::store::raw::{RawContent, RawEntry, RawRun, chain_to_read, index_of, open_among};
use crate::store::{RunRow, RunStatus, Store};

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
/// [`StoreError::RunNotFound`](crate::store::StoreError::RunNotFound), or what the store ran into.
pub fn verify(store: &mut dyn Store, run_id: &str, head: Option<&Hash>) -> Result<Verification, EngineError> {
    let raw = store.raw(run_id)?;
    let key_id = raw.row.as_ref().ok().and_then(|row| row.audit_key_id.clone());
    let first_bad = examine(run_id, &raw, head).err();
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

fn examine(run_id: &str, raw: &RawRun, head: Option<&Hash>) -> Result<(), Mismatch> {
    let row = raw
        .row
        .as_ref()
        .map_err(|why| Mismatch::of_run(format!("the run's row cannot be read: {why}")))?;
    let chain = chain_of(run_id, row, raw)?;
    let records = check_entries(run_id, &raw.entries, chain.as_ref())?;
    let run = Run::replay(&records).map_err(|error| unreadable(&error))?;
    check_row(row, &run, &records)?;
    check_outlines(&raw.entries)?;
    check_index(raw, &run, &records)?;
    check_head(&records, head)?;
    check_trust(row, raw.key.as_ref(), chain.as_ref(), &records, head)
}

/// What the row says that the hashes were computed with. `None`: with a key that is not at hand.
fn chain_of(run_id: &str, row: &RunRow, raw: &RawRun) -> Result<Option<Chain>, Mismatch> {
    let said = chain_to_read(row.audit_key_id.as_ref(), raw.key.as_ref());
    let Some(key) = &raw.key else { return Ok(said) };
    let ours = Chain::Keyed(key.clone());
    let first = raw.entries.first();
    let is_ours = first.is_some_and(|entry| check_entries(run_id, std::slice::from_ref(entry), Some(&ours)).is_ok());
    if is_ours && said.as_ref() != Some(&ours) {
        return Err(Mismatch::of_run(format!(
            "the run's row says that its hash chain is {}, but it is keyed with the audit key {}",
            keying(row),
            key.id()
        )));
    }
    Ok(said)
}

fn keying(row: &RunRow) -> String {
    row.audit_key_id
        .as_ref()
        .map_or_else(|| "not keyed".to_owned(), |id| format!("keyed with the audit key {id}"))
}

/// The records that the rows hold, each of which follows upon the one before. Without a chain the hashes are not checked.
pub(super) fn check_entries(
    run_id: &str,
    entries: &[RawEntry],
    chain: Option<&Chain>,
) -> Result<Vec<Record>, Mismatch> {
    if entries.is_empty() {
        return Err(Mismatch::at(1, "it is missing"));
    }
    let mut walk = Walk {
        chain,
        previous: chain.map_or(Hash::default(), |chain| chain.genesis(run_id)),
        driver_entries: 0,
    };
    (1..)
        .zip(entries)
        .map(|(place, entry)| walk.step(place, entry))
        .collect()
}

struct Walk<'a> {
    chain: Option<&'a Chain>,
    previous: Hash,
    driver_entries: i64,
}

impl Walk<'_> {
    fn step(&mut self, place: u64, entry: &RawEntry) -> Result<Record, Mismatch> {
        if entry.seq < place {
            return Err(Mismatch::at(entry.seq, "no entry has its place there"));
        }
        if entry.seq > place {
            return Err(Mismatch::at(place, "it is missing"));
        }
        let read = entry
            .content
            .as_ref()
            .map_err(|why| format!("it cannot be read: {why}"));
        read.and_then(|content| self.record(place, content))
            .map_err(|reason| Mismatch::at(place, reason))
    }

    fn record(&mut self, seq: u64, content: &RawContent) -> Result<Record, String> {
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
        self.check_hash(seq, outsider, content, &hash)?;
        self.count(outsider, content)?;
        let entry = decode(&content.kind, &content.payload).map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(Record {
            seq,
            at: content.at,
            outsider,
            entry,
            hash,
        })
    }

    fn check_hash(&mut self, seq: u64, outsider: bool, content: &RawContent, hash: &Hash) -> Result<(), String> {
        let RawContent { at, kind, payload, .. } = content;
        let follows = |chain: &Chain| chain.next(&self.previous, seq, *at, outsider, kind, payload) == *hash;
        if !self.chain.is_none_or(follows) {
            return Err("its hash is not that of its content and the entry before".to_owned());
        }
        self.previous = *hash;
        Ok(())
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
fn check_row(row: &RunRow, run: &Run, records: &[Record]) -> Result<(), Mismatch> {
    let started = run.started();
    let first = records.first().map(|record| record.at);
    let facts = [
        ("run_id", row.run_id == started.run_id),
        ("agent_name", row.agent_name == started.agent_name),
        ("session_id", row.session_id == started.session_id),
        ("user_id", row.user_id == started.user_id),
        ("status", row.status == run.status()),
        ("created_at", Some(row.created_at) == first),
        ("updated_at", Some(row.updated_at) == last_change(records)),
    ];
    match facts.iter().find(|(_, fits)| !fits) {
        Some((column, _)) => Err(Mismatch::of_run(format!(
            "the run's row has another {column} than its journal"
        ))),
        None => Ok(()),
    }
}

/// When the run's status changed for the last time.
fn last_change(records: &[Record]) -> Option<crate::Timestamp> {
    let changes = |record: &&Record| {
        matches!(
            record.entry,
            Entry::RunStarted(_)
                | Entry::RunQueued(_)
                | Entry::RunContinued(_)
                | Entry::RunPaused(_)
                | Entry::RunCancelled(_)
                | Entry::RunFailed(_)
                | Entry::RunCompleted(_)
        )
    };
    records.iter().rev().find(changes).map(|record| record.at)
}

/// What lists show of large entries must be what follows from them. An entry that has none is shown itself.
fn check_outlines(entries: &[RawEntry]) -> Result<(), Mismatch> {
    for entry in entries {
        let Ok(RawContent {
            kind, payload, outline, ..
        }) = &entry.content
        else {
            continue;
        };
        if outline
            .as_ref()
            .is_some_and(|outline| !outline::is_of(outline, kind, payload))
        {
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
    Ok(())
}

fn check_head(records: &[Record], head: Option<&Hash>) -> Result<(), Mismatch> {
    match head {
        Some(head) if !records.iter().any(|record| record.hash == *head) => Err(Mismatch::of_run(
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
    records: &[Record],
    head: Option<&Hash>,
) -> Result<(), Mismatch> {
    // Who kept the last hash elsewhere needs no key: nobody can find another journal with that hash.
    let is_whole = head.is_some() && head == records.last().map(|record| &record.hash);
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
        (Some(Chain::Plain), Some(_)) if !is_whole => Err(Mismatch::of_run(
            "its hash chain is not keyed: whoever can write the file could have rewritten it; compare its last hash with one \
             that was kept elsewhere",
        )),
        _ => Ok(()),
    }
}
