//! Outlines: what lists show of large entries, so that they need not read megabytes to show a line.
//!
//! An outline is an entry's payload with its long values cut; it is read like the payload. No hash covers it: nothing is decided,
//! run or verified by it.

use serde_json::Value;

use super::CUT;
use crate::journal;

/// Smaller payloads are read as they are.
const SMALLEST: usize = 64 * 1024;
/// How much is kept of a text, in bytes.
const TEXT_KEPT: usize = 4096;
/// How much is kept of a list or an object within a value, in members.
const MEMBERS_KEPT: usize = 64;
/// From this level on, lists and objects are values of tools and people, and no longer parts of an entry.
const LEVEL_OF_VALUES: usize = 4;

/// The outline of an entry, if it is large.
pub fn of(kind: &str, payload: &str) -> Option<String> {
    if payload.len() < SMALLEST {
        return None;
    }
    let mut value: Value = serde_json::from_str(payload).ok()?;
    cut(&mut value, 0);
    let outline = value.to_string();
    // One that could not be read would keep the run out of the lists.
    journal::decode(kind, &outline).ok().map(|_| outline)
}

/// Whether an outline is that of an entry.
pub(crate) fn is_of(outline: &str, kind: &str, payload: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    of(kind, payload).is_some_and(|expected| expected == outline || parse(&expected) == parse(outline))
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
        assert!(!is_of(&payload, "tool_finished", &payload));
    }

    #[test]
    fn an_outline_is_that_of_its_entry_alone() {
        let payload =
            |letter: &str| json!({"call_id": "c", "content": letter.repeat(90_000), "duration_us": 1}).to_string();
        let outline = of("tool_finished", &payload("x")).unwrap();
        assert!(is_of(&outline, "tool_finished", &payload("x")));
        assert!(!is_of(&outline, "tool_finished", &payload("y")));
        assert!(!is_of("{", "tool_finished", &payload("x")));
    }
}
