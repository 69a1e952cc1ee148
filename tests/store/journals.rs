//! What stands in a journal comes out as it went in, and a journal that was tampered with is found out.

use haltpoint_engine::journal::{Chain, Entry, Format, decode};
use haltpoint_engine::store::{Store, StoreError, WritableStore};

use crate::support::{
    TestFile, acquire, beside, cancel, check_hashes, confirmed, create, drive, execute, execute_all, message,
    on_each_store, opened, say, tool_finished, tool_started,
};

const CALL: &str = r#"{"id": "c", "name": "pay", "args": {"b": 1.10, "a": "\u00e9"}, "asks": "confirmation"}"#;

fn one_of_each_kind() -> Vec<Entry> {
    let replied = format!(r#"{{"calls": [{CALL}], "provider_data": {{"z": [1]}}, "duration_us": 9, "attempt": 2}}"#);
    let planned = format!(r#"{{"calls": [{CALL}]}}"#);
    let entries = [
        (
            "run_started",
            r#"{"format": 2, "run_id": "r", "description": "d", "tool_call_limit": 3, "metadata": {"k": 1e2}}"#,
        ),
        ("run_queued", r#"{"by": "h"}"#),
        ("run_continued", r#"{"holder": "h", "tool_call_limit": 3}"#),
        ("model_replied", &replied),
        ("steps_planned", &planned),
        ("answer_refused", r#"{"reason": "not a number"}"#),
        ("tool_started", r#"{"call_id": "c", "attempt": 1, "holder": "h"}"#),
        (
            "tool_finished",
            r#"{"call_id": "c", "content": "\u0000 and \ud83d\ude00", "is_error": true, "duration_us": 1}"#,
        ),
        ("tool_interrupted", r#"{"call_id": "c", "reason": "cancelled"}"#),
        (
            "tool_reconciled",
            r#"{"call_id": "c", "reason": "no such payment yet"}"#,
        ),
        (
            "requirement_opened",
            r#"{"requirement_id": "q", "call_id": "c", "kind": "user_input"}"#,
        ),
        (
            "requirement_opened",
            r#"{"requirement_id": "e", "call_id": "d", "kind": "user_input", "terms": {"expires_at": 1}}"#,
        ),
        (
            "requirement_opened",
            r#"{"requirement_id": "m", "call_id": "c", "kind": "confirmation"}"#,
        ),
        (
            "requirement_decided",
            r#"{"requirement_id": "q", "decision": {"type": "input", "values": {"x": 0.1}}}"#,
        ),
        (
            "requirement_decided",
            r#"{"requirement_id": "m", "decision": {"type": "confirm", "remember": {"scope": "run"}}, "memory_key": "k"}"#,
        ),
        ("requirement_expired", r#"{"requirement_id": "e"}"#),
        ("approval_revoked", r#"{"requirement_id": "m", "by": "ada"}"#),
        ("run_paused", "{}"),
        ("cancel_requested", r#"{"interrupt": true, "by": "ada"}"#),
        ("run_cancelled", "{}"),
        (
            "run_failed",
            r#"{"failure": {"kind": "model", "message": "m", "status_code": 529}, "duration_us": 4}"#,
        ),
        ("run_completed", r#"{"output": "done"}"#),
        ("payloads_erased", r#"{"by": "ada", "reason": "asked for"}"#),
        ("run_moved", r#"{"to": "/data/runs.db", "by": "ada"}"#),
        (
            "run_arrived",
            r#"{"from": "/data/old.db", "status": "PAUSED", "by": "ada"}"#,
        ),
    ];
    let mut kinds: Vec<_> = entries.iter().map(|(kind, _)| *kind).collect();
    kinds.dedup();
    assert_eq!(kinds, *Entry::KINDS);
    entries
        .iter()
        .map(|(kind, payload)| decode(kind, payload).unwrap())
        .collect()
}

#[test]
fn every_kind_of_entry_comes_out_as_it_went_in() {
    on_each_store(|store, _| {
        let entries = one_of_each_kind();
        execute_all(store, vec![create("r", "a"), drive("r", 1, 1, entries.clone())]);
        let records = store.load("r").unwrap().records;
        assert_eq!(
            records
                .iter()
                .skip(1)
                .map(|record| record.entry.clone())
                .collect::<Vec<_>>(),
            entries
        );
    });
}

#[test]
fn each_hash_covers_its_row_and_all_before() {
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![
                create("r", "a"),
                drive("r", 1, 1, one_of_each_kind()),
                say("r", cancel()),
            ],
        );
        check_hashes(store, "r", &Chain::new(Format::Second, None));
    });
}

#[test]
fn a_result_of_ten_megabytes_comes_out_as_it_went_in() {
    let content: String = "0123456789".repeat(1 << 20);
    on_each_store(|store, _| {
        execute_all(
            store,
            vec![
                create("r", "a"),
                drive("r", 1, 1, vec![tool_finished("c", content.clone())]),
            ],
        );
        assert_eq!(
            store.load("r").unwrap().records[1].entry,
            tool_finished("c", content.clone())
        );
    });
}

#[test]
fn journals_survive_closing_and_opening_the_file() {
    let file = TestFile::new();
    let run = {
        let mut store = file.store();
        execute_all(&mut store, vec![create("r", "a"), drive("r", 1, 1, one_of_each_kind())]);
        store.load("r").unwrap()
    };
    assert_eq!(file.store().load("r").unwrap(), run);
}

/// A run of four entries with a decision, whose file somebody else then changes.
fn tampered(sql: &str) -> TestFile {
    let file = TestFile::new();
    let entries = vec![opened("q"), tool_started("second")];
    execute_all(
        &mut file.store(),
        vec![create("r", "a"), drive("r", 1, 1, entries), say("r", confirmed("q"))],
    );
    let other = beside(&file.path());
    other.pragma_update(None, "foreign_keys", 0).unwrap();
    assert_eq!(other.execute(sql, []).unwrap(), 1, "{sql}");
    file
}

#[test]
fn a_changed_journal_is_found_out_with_the_place_of_the_change() {
    for (sql, place) in [
        (
            "UPDATE entries SET payload = replace(payload, 'second', 'third') WHERE id & 255 = 3",
            3,
        ),
        ("UPDATE entries SET kind = 'tool_finished' WHERE id & 255 = 3", 3),
        ("UPDATE entries SET at = at + 1 WHERE id & 255 = 1", 1),
        ("UPDATE entries SET outsider = 0 WHERE id & 255 = 4", 4),
        ("UPDATE entries SET hash = zeroblob(32) WHERE id & 255 = 2", 2),
        ("UPDATE entries SET id = id + 1 WHERE id & 255 = 4", 4),
        ("DELETE FROM entries WHERE id & 255 = 3", 3),
    ] {
        let file = tampered(sql);
        let mut store = file.store();
        let expected = format!("the journal of run r does not fit together at entry {place}");
        assert!(message(store.load("r")).contains(&expected), "{sql}");
        assert!(
            message(execute(&mut store, acquire("r", "b", 5_000))).contains(&expected),
            "{sql}"
        );
        assert_eq!(store.row("r").unwrap().epoch, 1, "{sql}");
    }
}

#[test]
fn an_entry_of_unknown_kind_is_named() {
    let file = tampered("UPDATE entries SET kind = 'from_the_future' WHERE id & 255 = 4");
    let text = message(execute(&mut file.store(), say("r", confirmed("q"))));
    assert!(
        text.contains("entry 4 of run r cannot be read") && text.contains("from_the_future"),
        "{text}"
    );
    assert!(text.contains("newer haltpoint"), "{text}");
}

#[test]
fn an_unknown_status_is_named() {
    let file = tampered("UPDATE runs SET status = 'ASLEEP'");
    let text = message(file.store().row("r"));
    assert!(text.contains("run r has the unknown status \"ASLEEP\""), "{text}");
}

#[test]
fn one_damaged_run_leaves_the_others_usable() {
    let file = tampered("UPDATE entries SET hash = zeroblob(32) WHERE id & 255 = 2");
    let mut store = file.store();
    let outcomes = store.commit(&[create("s", "a"), acquire("r", "b", 5_000), create("t", "a")]);
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert!(matches!(outcomes[1], Err(StoreError::Damaged { .. })));
    assert_eq!(store.load("t").unwrap().records.len(), 1);
}
