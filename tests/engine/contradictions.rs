//! Journals whose entries contradict each other: no store writes one, so somebody else did.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{Entry, OnExpiry, Record, RequirementDecided, RequirementExpired};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::{ReplayError, Run};

use crate::scenario::{Declared, Scenario, calls, confirm, confirmed, rejected};

const MINUTE_US: i64 = 60_000_000;

fn asked() -> Scenario {
    Scenario::new().replies(calls([confirm("pay").expiring(MINUTE_US, OnExpiry::Reject)]))
}

fn asked_of_two() -> Scenario {
    Scenario::new().replies(calls([confirm("pay").approved_by(2)]))
}

fn decides(scenario: &Scenario, decision: Decision, by: &str) -> Entry {
    Entry::RequirementDecided(RequirementDecided {
        requirement_id: scenario.run().requirements()[0].id.clone(),
        decision,
        by: Some(by.into()),
        memory_key: None,
        remembered: None,
    })
}

fn expires(scenario: &Scenario) -> Entry {
    let requirement_id = scenario.run().requirements()[0].id.clone();
    Entry::RequirementExpired(RequirementExpired { requirement_id })
}

/// What reading the journal with one more entry says, which was written so many microseconds after the last.
fn contradiction(scenario: &Scenario, entry: Entry, after_us: i64) -> String {
    let mut records = scenario.journal().records().to_vec();
    let last = records.last().unwrap().clone();
    records.push(Record {
        seq: last.seq + 1,
        at: Timestamp(last.at.0 + after_us),
        outsider: true,
        entry,
        hash: last.hash,
    });
    match Run::replay(&records) {
        Err(ReplayError::Contradiction { seq, what, .. }) if seq == last.seq + 1 => what,
        other => panic!("expected a contradiction at entry {}, got {other:?}", last.seq + 1),
    }
}

#[test]
fn what_was_decided_is_not_decided_again() {
    for first in [confirmed(), rejected()] {
        let scenario = asked().decides("pay", first);
        for second in [confirmed(), rejected()] {
            let what = contradiction(&scenario, decides(&scenario, second, "eve"), 1);
            assert!(what.ends_with("was decided before"), "{what}");
        }
        let what = contradiction(&scenario, expires(&scenario), 2 * MINUTE_US);
        assert!(what.ends_with("was decided before"), "{what}");
    }
}

#[test]
fn what_expired_is_not_decided() {
    let scenario = asked().expires("pay");
    let what = contradiction(&scenario, decides(&scenario, confirmed(), "eve"), 1);
    assert!(what.ends_with("expired before"), "{what}");
    let what = contradiction(&scenario, expires(&scenario), 1);
    assert!(what.ends_with("expired before"), "{what}");
}

#[test]
fn nothing_is_decided_when_its_time_is_over_and_nothing_expires_before() {
    let scenario = asked();
    let what = contradiction(&scenario, decides(&scenario, confirmed(), "eve"), MINUTE_US);
    assert!(what.ends_with("had expired by then"), "{what}");
    let what = contradiction(&scenario, expires(&scenario), 1);
    assert!(what.ends_with("had not expired by then"), "{what}");
}

#[test]
fn what_all_have_approved_is_not_approved_by_one_more() {
    let scenario = asked_of_two()
        .decides_as("ann", "pay", confirmed())
        .decides_as("bob", "pay", confirmed());
    for (second, by) in [(confirmed(), "ann"), (confirmed(), "eve"), (rejected(), "eve")] {
        let what = contradiction(&scenario, decides(&scenario, second, by), 1);
        assert!(what.ends_with("was decided before"), "{what}");
    }
}

#[test]
fn nothing_is_asked_for_twice() {
    let scenario = asked();
    let opened = scenario.journal().records().iter().map(|record| &record.entry);
    let mut opened = opened.filter(|entry| matches!(entry, Entry::RequirementOpened(_)));
    let again = opened.next_back().unwrap().clone();
    let what = contradiction(&scenario, again, 1);
    assert!(what.ends_with("was opened before"), "{what}");
}
