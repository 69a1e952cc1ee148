//! A run's journal as JSON lines.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::Text;
use crate::journal::{RowFault, encode, hexadecimal};
use crate::store::raw::{RawContent, RawRun, Reading};
use crate::store::{RunRow, Store, StoreError};

use super::verify::{Flaw, check_rows};
use super::{CommittedEntry, EngineError};

#[derive(Serialize)]
struct ExportHead<'a> {
    haltpoint_journal: u32,
    run_id: &'a str,
    status: &'static str,
    entries: usize,
    /// The chain's last hash: who keeps it elsewhere can tell later whether the journal was changed.
    head: String,
    keyed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_key_id: Option<&'a Text>,
    /// Whether the hashes were checked: a keyed chain's cannot be without its key.
    verified: bool,
}

/// The order of the fields is part of the format: whoever checks the hashes finds the payload's exact bytes by it.
#[derive(Serialize)]
struct ExportLine<'a> {
    seq: u64,
    at: i64,
    kind: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    outsider: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    requires: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requirement_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    entry: &'a RawValue,
    hash: String,
}

/// A run's journal as JSON lines: first a line about the whole, then one for each entry. Times are microseconds since the Unix epoch.
///
/// # Errors
/// What the store ran into, or a journal that does not fit together.
pub fn export(store: &mut dyn Store, run_id: &str) -> Result<String, EngineError> {
    let raw = store.raw(run_id)?;
    let row = raw.row.clone().map_err(|problem| not_exported(run_id, &problem))?;
    lines(&row, &raw)
}

fn not_exported(run_id: &str, problem: &dyn std::fmt::Display) -> StoreError {
    let message = format!("the journal of run {run_id} cannot be exported: {problem}; restore it from a backup");
    StoreError::Unusable { message }
}

#[derive(Serialize)]
struct EventLine<'a> {
    seq: u64,
    at: i64,
    kind: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    outsider: bool,
    entry: &'a RawValue,
}

/// A run's entries behind place `after`, as the lines of [`export`] without what only a check of the hashes needs, which is not made.
///
/// # Errors
/// What the store ran into, or an entry that cannot be read.
pub fn journal_after(store: &mut dyn Store, run_id: &str, after: u64) -> Result<String, EngineError> {
    let records = store.records_after(run_id, after)?.into_iter();
    event_lines(records.map(|record| CommittedEntry {
        seq: record.seq,
        at: record.at,
        outsider: record.outsider,
        entry: record.entry,
    }))
}

/// The lines of [`journal_after`] for these entries.
///
/// # Errors
/// An entry that cannot be written as JSON.
pub fn event_lines(entries: impl IntoIterator<Item = CommittedEntry>) -> Result<String, EngineError> {
    let mut text = String::new();
    for CommittedEntry {
        seq,
        at,
        outsider,
        entry,
    } in entries
    {
        let payload = encode(&entry).map_err(unwritable)?;
        let line = EventLine {
            seq,
            at: at.0,
            kind: entry.kind(),
            outsider,
            entry: serde_json::from_str(&payload).map_err(unwritable)?,
        };
        text.push_str(&serde_json::to_string(&line).map_err(unwritable)?);
        text.push('\n');
    }
    Ok(text)
}

fn unwritable(error: impl std::fmt::Display) -> EngineError {
    let message = error.to_string();
    StoreError::Unusable { message }.into()
}

fn lines(row: &RunRow, raw: &RawRun) -> Result<String, EngineError> {
    if row.is_erased {
        let run_id = row.run_id.clone();
        return Err(StoreError::RunErased { run_id }.into());
    }
    let reading = Reading::of(row, raw.key.as_ref())?;
    let rows = check_rows(&row.run_id, &raw.entries, &reading).map_err(|flaw| match flaw {
        Flaw::Mismatch(mismatch) => not_exported(&row.run_id, &mismatch),
        Flaw::Unsupported(error) => error,
    })?;
    let head = ExportHead {
        haltpoint_journal: row.format,
        run_id: &row.run_id,
        status: row.status.as_str(),
        entries: rows.len(),
        head: rows.last().map(|row| hexadecimal(&row.hash)).unwrap_or_default(),
        keyed: row.audit_key_id.is_some(),
        audit_key_id: row.audit_key_id.as_ref(),
        verified: reading.chain.is_some(),
    };
    let mut text = serde_json::to_string(&head).map_err(unwritable)?;
    for entry in &raw.entries {
        let content = entry
            .content
            .as_ref()
            .map_err(|problem| not_exported(&row.run_id, problem))?;
        text.push('\n');
        let payload = content.payload.as_deref();
        let payload = payload.ok_or_else(|| not_exported(&row.run_id, &RowFault::Missing))?;
        text.push_str(&line(entry.seq, content, payload).map_err(unwritable)?);
    }
    text.push('\n');
    Ok(text)
}

fn line(seq: u64, content: &RawContent, payload: &str) -> serde_json::Result<String> {
    let requires = content.requires.as_deref().map(serde_json::from_str).transpose()?;
    serde_json::to_string(&ExportLine {
        seq,
        at: content.at.0,
        kind: &content.kind,
        outsider: content.outsider != 0,
        requires,
        action: content.action.as_deref(),
        actor: content.actor.as_deref(),
        requirement_id: content.requirement_id.as_deref(),
        salt: content.salt.as_deref().map(hexadecimal),
        entry: serde_json::from_str(payload)?,
        hash: hexadecimal(&content.hash),
    })
}
