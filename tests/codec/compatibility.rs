//! Journals of other releases: fields that came later are passed over, kinds and formats that came later are refused.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{CodecError, Entry, FORMAT, Record, decode, encode};
use haltpoint_engine::run::{ReplayError, Run};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::harness::{check, same};
use crate::values::{entry, json, run_started, text};

/// The structures of the journal itself within a payload, as pointers; what stands deeper is the users' own.
const STRUCTURES: [&str; 9] = [
    "",
    "/response_format",
    "/tools/0",
    "/usage",
    "/calls/0",
    "/calls/0/tool",
    "/calls/1",
    "/decision",
    "/failure",
];

#[test]
fn a_field_that_came_later_is_passed_over_at_the_end_of_a_payload() {
    check(2_000, &(entry(), json()), |(entry, later)| {
        let payload = encode(&entry).expect("an entry has a JSON form");
        let longer = with_field(&payload, later.get());
        same(&decode(entry.kind(), &longer).expect("passed over"), &entry)
    });
}

fn with_field(payload: &str, later: &str) -> String {
    let open = payload.strip_suffix('}').expect("an object");
    let comma = if open == "{" { "" } else { "," };
    format!("{open}{comma}\"of a later release\":{later}}}")
}

#[test]
fn a_field_that_came_later_is_passed_over_in_every_structure() {
    check(2_000, &(entry(), any::<Index>()), |(entry, at)| {
        let payload = encode(&entry).expect("an entry has a JSON form");
        // Values that only a raw text can carry are the previous property's.
        let Ok(mut value) = serde_json::from_str::<Value>(&payload) else {
            return Ok(());
        };
        let plain = decode(entry.kind(), &value.to_string()).expect("the same in other words");
        let found: Vec<&str> = STRUCTURES
            .into_iter()
            .filter(|place| is_object(&value, place))
            .collect();
        let place = found[at.index(found.len())];
        object_at(&mut value, place).insert("of a later release".to_owned(), Value::from(vec![1]));
        same(&decode(entry.kind(), &value.to_string()).expect("passed over"), &plain)
    });
}

fn is_object(value: &Value, place: &str) -> bool {
    value.pointer(place).is_some_and(Value::is_object)
}

fn object_at<'a>(value: &'a mut Value, place: &str) -> &'a mut Map<String, Value> {
    value
        .pointer_mut(place)
        .and_then(Value::as_object_mut)
        .expect("looked for before")
}

#[test]
fn a_kind_that_came_later_is_refused_by_name() {
    check(500, &(text(), entry()), |(kind, entry)| {
        prop_assume!(!Entry::KINDS.contains(&&*kind));
        let payload = encode(&entry).expect("an entry has a JSON form");
        let refusal = decode(&kind, &payload).expect_err("unknown");
        prop_assert!(refusal.to_string().contains("newer haltpoint"));
        let CodecError::UnknownKind { kind: named } = refusal else {
            return Err(TestCaseError::fail("another refusal"));
        };
        prop_assert_eq!(named, &*kind);
        Ok(())
    });
}

#[test]
fn a_format_that_came_later_is_refused() {
    check(200, &(run_started(), FORMAT + 1..), |(mut started, format)| {
        started.format = format;
        let record = Record {
            seq: 1,
            at: Timestamp(0),
            outsider: false,
            entry: Entry::RunStarted(Box::new(started)),
            hash: [0; 32],
        };
        let refusal = Run::replay(&[record]).expect_err("newer");
        prop_assert_eq!(
            refusal,
            ReplayError::NewerFormat {
                found: format,
                known: FORMAT
            }
        );
        Ok(())
    });
}

#[test]
fn what_the_user_gave_is_kept_to_the_byte() {
    check(500, &(run_started(), json()), |(mut started, metadata)| {
        started.metadata = Some(metadata.clone());
        let payload = encode(&Entry::RunStarted(Box::new(started))).expect("an entry has a JSON form");
        let fields: std::collections::HashMap<String, Box<RawValue>> =
            serde_json::from_str(&payload).expect("an object");
        prop_assert_eq!(fields["metadata"].get(), metadata.get());
        Ok(())
    });
}
