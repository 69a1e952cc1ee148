//! What keeps a database in good order: looking every run over, and writing a run's journal out.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::journal::{FORMAT, encode};
use crate::run::Run;
use crate::store::{Store, StoreError, StoredRun};

use super::EngineError;

const PAGE: u32 = 256;

/// What is wrong with a database: its file, the hash chain of each run's journal, and whether each journal can be read as a run.
/// Empty when all is well.
///
/// # Errors
/// What the store ran into on its way.
pub fn check(store: &mut dyn Store) -> Result<Vec<String>, EngineError> {
    let mut problems = store.check()?;
    let mut last: Option<String> = None;
    loop {
        let page = store.run_ids(last.as_deref(), PAGE)?;
        for run_id in &page {
            problems.extend(check_run(store, run_id));
        }
        match page.into_iter().next_back() {
            Some(run_id) => last = Some(run_id),
            None => return Ok(problems),
        }
    }
}

fn check_run(store: &mut dyn Store, run_id: &str) -> Option<String> {
    let stored = match store.load(run_id) {
        Ok(stored) => stored,
        Err(error) => return Some(error.to_string()),
    };
    match Run::replay(&stored.records) {
        Ok(_) => None,
        Err(error) => Some(format!("the journal of run {run_id} cannot be read: {error}")),
    }
}

#[derive(Serialize)]
struct ExportHead<'a> {
    haltpoint_journal: u32,
    run_id: &'a str,
    status: &'static str,
    entries: usize,
    /// The chain's last hash: who keeps it elsewhere can tell later whether the journal was changed.
    head: String,
}

#[derive(Serialize)]
struct ExportLine<'a> {
    seq: u64,
    at: i64,
    kind: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    outsider: bool,
    entry: &'a RawValue,
    hash: String,
}

/// A run's journal as JSON lines: first a line about the whole, then one for each entry. Times are microseconds since the Unix epoch.
///
/// # Errors
/// What the store ran into, or a journal that cannot be read.
pub fn export(store: &mut dyn Store, run_id: &str) -> Result<String, EngineError> {
    let stored = store.load(run_id)?;
    lines(&stored).map_err(|error| {
        let message = format!("the journal of run {run_id} cannot be written as JSON: {error}");
        StoreError::Unusable { message }.into()
    })
}

fn lines(stored: &StoredRun) -> Result<String, Box<dyn std::error::Error>> {
    let head = ExportHead {
        haltpoint_journal: FORMAT,
        run_id: &stored.row.run_id,
        status: stored.row.status.as_str(),
        entries: stored.records.len(),
        head: stored
            .records
            .last()
            .map(|record| hexadecimal(&record.hash))
            .unwrap_or_default(),
    };
    let mut text = serde_json::to_string(&head)?;
    for record in &stored.records {
        let entry = RawValue::from_string(encode(&record.entry)?)?;
        let line = ExportLine {
            seq: record.seq,
            at: record.at.0,
            kind: record.entry.kind(),
            outsider: record.outsider,
            entry: &entry,
            hash: hexadecimal(&record.hash),
        };
        text.push('\n');
        text.push_str(&serde_json::to_string(&line)?);
    }
    text.push('\n');
    Ok(text)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
