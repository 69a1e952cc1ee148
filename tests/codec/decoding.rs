//! Whatever a file holds in place of a payload, reading it ends in an entry or an error.

use haltpoint_engine::journal::{Entry, decode, encode};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;

use crate::harness::fuzz;
use crate::mutations::stored;

/// What can be read can be written, and reads back as the same.
fn settles(kind: &str, payload: &str) -> TestCaseResult {
    if let Ok(entry) = decode(kind, payload) {
        prop_assert_eq!(entry.kind(), kind);
        let written = encode(&entry).expect("what was read has a JSON form");
        let again = decode(kind, &written).expect("what was written can be read");
        prop_assert_eq!(encode(&again).expect("it still has one"), written);
    }
    Ok(())
}

#[test]
fn fuzz_payloads_that_went_wrong_are_read_or_refused() {
    fuzz(4_000, &stored(), |(kind, payload)| settles(&kind, &payload));
}

#[test]
fn fuzz_arbitrary_texts_are_refused() {
    fuzz(4_000, &(select(Entry::KINDS), any::<String>()), |(kind, payload)| {
        settles(kind, &payload)
    });
}

#[test]
fn nesting_without_end_is_refused() {
    for opening in ["[", "{\"a\":"] {
        let payload = format!("{{\"output\":{}", opening.repeat(200_000));
        assert!(decode("run_completed", &payload).is_err());
    }
}
