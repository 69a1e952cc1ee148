//! Payloads that went wrong: real ones with a part replaced, removed or doubled, and with bytes changed.

use haltpoint_engine::journal::{Entry, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::values::{entry, value};

/// What is done to a JSON value, at a place that is counted through all of its parts.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, Value),
    Remove(Index),
    Nest(Index, usize),
}

#[derive(Clone, Debug)]
enum ByteChange {
    Set(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

/// A kind and a payload that may or may not fit it.
pub(crate) fn stored() -> BoxedStrategy<(String, String)> {
    let kind = prop_oneof![6 => Just(None), 1 => select(Entry::KINDS).prop_map(Some)];
    let changes = (vec(change(), 0..4), vec(byte_change(), 0..3));
    (entry(), kind, changes)
        .prop_map(|(entry, kind, (changes, byte_changes))| {
            let payload = encode(&entry).expect("an entry has a JSON form");
            let payload = changed_text(changed_value(&payload, &changes), &byte_changes);
            (kind.unwrap_or(entry.kind()).to_owned(), payload)
        })
        .boxed()
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), value()).prop_map(|(at, value)| Change::Replace(at, value)),
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), 1..300usize).prop_map(|(at, depth)| Change::Nest(at, depth)),
    ]
}

fn byte_change() -> impl Strategy<Value = ByteChange> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| ByteChange::Set(at, byte)),
        any::<Index>().prop_map(ByteChange::Cut),
        (any::<Index>(), vec(any::<u8>(), 1..6)).prop_map(|(at, bytes)| ByteChange::Insert(at, bytes)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| ByteChange::Repeat(from, to)),
    ]
}

fn changed_value(payload: &str, changes: &[Change]) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(payload) else {
        return payload.to_owned();
    };
    for change in changes {
        apply(&mut value, change);
    }
    value.to_string()
}

fn apply(value: &mut Value, change: &Change) {
    let (Change::Replace(at, _) | Change::Remove(at) | Change::Nest(at, _)) = change;
    let place = at.index(count(value));
    let Some(part) = part_mut(value, &mut { place }) else {
        return;
    };
    match change {
        Change::Replace(_, by) => *part = by.clone(),
        Change::Nest(_, depth) => *part = (0..*depth).fold(part.take(), |inner, _| Value::from(vec![inner])),
        Change::Remove(_) => remove_first(part),
    }
}

fn remove_first(part: &mut Value) {
    match part {
        Value::Object(members) => {
            if let Some(name) = members.keys().next().cloned() {
                members.remove(&name);
            }
        }
        Value::Array(members) => drop(members.pop()),
        _ => *part = Value::Null,
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(members) => Box::new(members.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn count(value: &Value) -> usize {
    1 + children(value).map(count).sum::<usize>()
}

/// The part that is reached after `left` others, depth first.
fn part_mut<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(members) => members.iter_mut().find_map(|member| part_mut(member, left)),
        Value::Object(members) => members.values_mut().find_map(|member| part_mut(member, left)),
        _ => None,
    }
}

fn changed_text(text: String, changes: &[ByteChange]) -> String {
    let mut bytes = text.into_bytes();
    for change in changes
        .iter()
        .filter(|_| !bytes.is_empty())
        .cloned()
        .collect::<Vec<_>>()
    {
        change_bytes(&mut bytes, change);
    }
    // What SQLite hands out as text is UTF-8, or it is refused before the codec.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn change_bytes(bytes: &mut Vec<u8>, change: ByteChange) {
    if bytes.is_empty() {
        return;
    }
    let place = |at: Index| at.index(bytes.len());
    match change {
        ByteChange::Set(at, byte) => {
            let at = place(at);
            bytes[at] = byte;
        }
        ByteChange::Cut(at) => bytes.truncate(place(at)),
        ByteChange::Insert(at, inserted) => {
            let at = place(at);
            bytes.splice(at..at, inserted);
        }
        ByteChange::Repeat(from, to) => {
            let (from, to) = (place(from), place(to));
            let piece = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(to..to, piece);
        }
    }
}
