//! What is written reads back the same.

use std::collections::BTreeSet;
use std::sync::Mutex;

use haltpoint_engine::journal::{Entry, decode, encode};
use proptest::prelude::*;

use crate::harness::{check, same};
use crate::values::entry;

#[test]
fn every_entry_reads_back_as_it_was_and_is_written_again_to_the_same_bytes() {
    let seen = Mutex::new(BTreeSet::new());
    check(4_000, &entry(), |entry| {
        seen.lock().expect("no poison").insert(entry.kind());
        let payload = encode(&entry).expect("an entry has a JSON form");
        let again = decode(entry.kind(), &payload).expect("what was written can be read");
        same(&again, &entry)?;
        prop_assert_eq!(encode(&again).expect("it still has one"), payload);
        Ok(())
    });
    let all: BTreeSet<&str> = Entry::KINDS.iter().copied().collect();
    assert_eq!(seen.into_inner().expect("no poison"), all, "the cases hold every kind");
}

#[test]
fn a_payload_is_one_line_of_json_whatever_the_texts_in_it_hold() {
    check(500, &entry(), |entry| {
        let payload = encode(&entry).expect("an entry has a JSON form");
        let value: serde_json::Value = match serde_json::from_str(&payload) {
            Ok(value) => value,
            // Numbers and escapes that only a raw value can carry.
            Err(_) => return Ok(()),
        };
        prop_assert!(value.is_object());
        Ok(())
    });
}
