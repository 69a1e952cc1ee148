//! Outlines: what lists show of large entries, so that they need not read megabytes to show a line.
//!
//! An outline is an entry's payload with its long values cut; it is read like the payload. No hash covers it: nothing is decided,
//! run or verified by it.

use rusqlite::{Connection, params};
use serde_json::Value;

use super::entry_id::{entry_id, ids_of};
use super::fault::Fault;
use super::read::find_run;
use super::rows::{NumberedRun, outlined};
use crate::journal;
use crate::store::rules::check_not_erased;
use crate::store::{CUT, StoredRun};

/// Smaller payloads are read as they are.
const SMALLEST: usize = 64 * 1024;
/// How much is kept of a text, in bytes.
const TEXT_KEPT: usize = 4096;
/// How much is kept of a list or an object within a value, in members.
const MEMBERS_KEPT: usize = 64;
/// From this level on, lists and objects are values of tools and people, and no longer parts of an entry.
const LEVEL_OF_VALUES: usize = 4;

const SELECT_OUTLINED: &str = "
SELECT e.id, e.outsider, e.at, e.kind, iif(o.entry IS NULL, e.payload, o.payload)
FROM entries e LEFT JOIN outlines o ON o.entry = e.id WHERE e.id BETWEEN ?1 AND ?2 ORDER BY e.id";

/// Keeps the outline of an entry, if it has one.
pub(super) fn note(connection: &Connection, id: i64, outline: Option<String>) -> rusqlite::Result<()> {
    if let Some(outline) = outline {
        connection
            .prepare_cached("INSERT INTO outlines (entry, payload) VALUES (?1, ?2)")?
            .execute(params![id, outline])?;
    }
    Ok(())
}

/// The run with the outlines of its large entries; `None` for one without any.
pub(super) fn run(connection: &Connection, run_id: &str) -> Result<Option<StoredRun>, Fault> {
    let NumberedRun { run, row, .. } = find_run(connection, run_id)?;
    check_not_erased(&row)?;
    let ids = ids_of(run);
    let has_any: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM outlines WHERE entry BETWEEN ?1 AND ?2)")?
        .query_row(ids, |row| row.get(0))?;
    if !has_any {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(SELECT_OUTLINED)?;
    let mut rows = statement.query((entry_id(run, 1)?, ids.1))?;
    let mut records = Vec::new();
    while let Some(next) = rows.next()? {
        records.push(outlined(run_id, next)?);
    }
    Ok(Some(StoredRun { row, records }))
}

/// The outline of an entry, if it is large.
pub(super) fn of(kind: &str, payload: &str) -> Option<String> {
    if payload.len() < SMALLEST {
        return None;
    }
    let mut value: Value = serde_json::from_str(payload).ok()?;
    cut(&mut value, 0);
    let outline = value.to_string();
    // One that could not be read would keep the run out of the lists.
    journal::decode(kind, &outline).ok().map(|_| outline)
}

fn cut(value: &mut Value, level: usize) {
    match value {
        Value::String(text) => cut_text(text),
        Value::Array(items) => {
            if level >= LEVEL_OF_VALUES && items.len() > MEMBERS_KEPT {
                items.truncate(MEMBERS_KEPT);
                items.push(CUT.into());
            }
            items.iter_mut().for_each(|item| cut(item, level + 1));
        }
        Value::Object(members) => {
            if level >= LEVEL_OF_VALUES && members.len() > MEMBERS_KEPT {
                *members = std::mem::take(members).into_iter().take(MEMBERS_KEPT).collect();
                members.insert(CUT.to_owned(), Value::Null);
            }
            members.values_mut().for_each(|member| cut(member, level + 1));
        }
        _ => {}
    }
}

fn cut_text(text: &mut String) {
    if text.len() <= TEXT_KEPT {
        return;
    }
    let ends = text.char_indices().map(|(begin, _)| begin);
    let end = ends.take_while(|end| *end <= TEXT_KEPT).last().unwrap_or_default();
    text.truncate(end);
    text.push_str(CUT);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_and_lists_within_values_are_cut_and_an_entry_keeps_its_shape() {
        let calls: Vec<_> = (0..70)
            .map(|index| {
                let args = json!({"text": "ü".repeat(9000), "list": vec![7; 1000], "index": index});
                json!({"id": format!("c{index}"), "name": "act", "args": args})
            })
            .collect();
        let payload = json!({"calls": calls, "duration_us": 1, "attempt": 1}).to_string();
        let outline: Value = serde_json::from_str(&of("model_replied", &payload).unwrap()).unwrap();
        let calls = outline["calls"].as_array().unwrap();
        assert_eq!(calls.len(), 70);
        assert_eq!(calls[69]["args"]["text"], format!("{}{CUT}", "ü".repeat(TEXT_KEPT / 2)));
        assert_eq!(calls[69]["args"]["list"].as_array().unwrap().len(), MEMBERS_KEPT + 1);
        assert_eq!(calls[69]["args"]["index"], 69);
    }

    #[test]
    fn a_small_entry_has_no_outline() {
        let payload = json!({"call_id": "c", "content": "x".repeat(9000), "duration_us": 1}).to_string();
        assert_eq!(of("tool_finished", &payload), None);
    }
}
