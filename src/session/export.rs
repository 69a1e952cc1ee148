//! A run's journal as JSON lines.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::Text;
use crate::journal::{FORMAT, encode, hexadecimal};
use crate::store::raw::{RawContent, RawRun, chain_to_read};
use crate::store::{RunRow, Store, StoreError};

use super::EngineError;
use super::verify::check_entries;

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
    entry: &'a RawValue,
    hash: String,
}

/// A run's journal as JSON lines: first a line about the whole, then one for each entry. Times are microseconds since the Unix epoch.
///
/// # Errors
/// What the store ran into, or a journal that does not fit together.
pub fn export(store: &mut dyn Store, run_id: &str) -> Result<String, EngineError> {
    let raw = store.raw(run_id)?;
    let text = raw.row.as_ref().map_err(Clone::clone).and_then(|row| lines(row, &raw));
    text.map_err(|problem| {
        let message = format!("the journal of run {run_id} cannot be exported: {problem}; restore it from a backup");
        StoreError::Unusable { message }.into()
    })
}

/// A run's entries behind place `after`, as the lines of [`export`]; the hashes are not checked.
///
/// # Errors
/// What the store ran into, or an entry that cannot be read.
pub fn journal_after(store: &mut dyn Store, run_id: &str, after: u64) -> Result<String, EngineError> {
    let mut text = String::new();
    for record in store.records_after(run_id, after)? {
        let content = RawContent {
            driver_entries: 0,
            outsider: i64::from(record.outsider),
            at: record.at,
            kind: record.entry.kind().to_owned(),
            payload: encode(&record.entry).map_err(unwritable)?,
            hash: record.hash.to_vec(),
            outline: None,
        };
        text.push_str(&line(record.seq, &content).map_err(unwritable)?);
        text.push('\n');
    }
    Ok(text)
}

fn unwritable(error: impl std::fmt::Display) -> EngineError {
    let message = error.to_string();
    StoreError::Unusable { message }.into()
}

fn lines(row: &RunRow, raw: &RawRun) -> Result<String, String> {
    let chain = chain_to_read(row.audit_key_id.as_ref(), raw.key.as_ref());
    let records = check_entries(&row.run_id, &raw.entries, chain.as_ref()).map_err(|error| error.to_string())?;
    let head = ExportHead {
        haltpoint_journal: FORMAT,
        run_id: &row.run_id,
        status: row.status.as_str(),
        entries: records.len(),
        head: records
            .last()
            .map(|record| hexadecimal(&record.hash))
            .unwrap_or_default(),
        keyed: row.audit_key_id.is_some(),
        audit_key_id: row.audit_key_id.as_ref(),
        verified: chain.is_some(),
    };
    let mut text = serde_json::to_string(&head).map_err(|error| error.to_string())?;
    for entry in &raw.entries {
        text.push('\n');
        text.push_str(&line(entry.seq, entry.content.as_ref()?).map_err(|error| error.to_string())?);
    }
    text.push('\n');
    Ok(text)
}

fn line(seq: u64, content: &RawContent) -> serde_json::Result<String> {
    serde_json::to_string(&ExportLine {
        seq,
        at: content.at.0,
        kind: &content.kind,
        outsider: content.outsider != 0,
        entry: serde_json::from_str(&content.payload)?,
        hash: hexadecimal(&content.hash),
    })
}
