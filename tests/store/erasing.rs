//! What a run said can be erased, and what it did can still be verified.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, Hash, RunStarted, decode};
use haltpoint_engine::session::{check, export, recall, verify};
use haltpoint_engine::store::sqlite::SqliteStore;
use haltpoint_engine::store::{
    ApprovalFilter, Erasure, NewRun, Operation, OutboxClaim, RequirementFilter, RunFilter, RunStatus, Store,
    StoreError, WritableStore,
};

use crate::support::{
    Deaths, LEASE, TestFile, acquire, advance_outbox, append, at, beside, cancel, claim_outbox, create, drive, execute,
    execute_all, holder, on_each_store, say, stop, tool_finished, tool_started,
};

const SECRET: &str = "the-word-that-has-to-go";

/// A completed run that somebody decided about, and whose every payload names the secret.
fn talkative(run_id: &str) -> Vec<Operation> {
    let started = serde_json::json!({
        "format": 2, "run_id": run_id, "session_id": "s", "description": SECRET, "tool_call_limit": 9,
    });
    let started: RunStarted = serde_json::from_value(started).unwrap();
    let reply = serde_json::json!({
        "calls": [{"id": SECRET, "name": "pay", "args": {"to": SECRET}, "asks": "confirmation",
                   "tool": {"module": "m", "digest": "d"}}],
        "text": SECRET.repeat(9000), "duration_us": 1, "attempt": 1,
    });
    let entry = |kind: &str, payload: serde_json::Value| decode(kind, &payload.to_string()).unwrap();
    let requirement_id = format!("q of {run_id}");
    let opened = serde_json::json!({"requirement_id": requirement_id, "call_id": SECRET, "kind": "confirmation"});
    let remember = serde_json::json!({"type": "confirm", "remember": {"scope": "session"}});
    let decided = serde_json::json!({
        "requirement_id": requirement_id, "decision": remember, "by": "ann", "memory_key": SECRET,
    });
    let author = haltpoint_engine::store::Author::Driver {
        epoch: 1,
        driver_entries: 3,
    };
    let completed = serde_json::json!({"output": SECRET});
    let finished = serde_json::json!({"call_id": SECRET, "content": SECRET, "duration_us": 1});
    vec![
        Operation::Create(NewRun {
            run_id: run_id.into(),
            agent_name: None,
            session_id: Some("s".into()),
            user_id: None,
            holder: holder("a"),
            expires: at(LEASE),
            at: at(0),
            entries: vec![Entry::RunStarted(Box::new(started))],
        }),
        drive(
            run_id,
            1,
            1,
            vec![entry("model_replied", reply), entry("requirement_opened", opened)],
        ),
        say(run_id, entry("requirement_decided", decided)),
        append(
            run_id,
            author,
            vec![
                entry(
                    "tool_started",
                    serde_json::json!({"call_id": SECRET, "attempt": 1, "holder": "a"}),
                ),
                entry("tool_finished", finished),
                entry("run_completed", completed),
            ],
            Some(haltpoint_engine::store::Finish::as_told(RunStatus::Completed)),
        ),
    ]
}

fn erasure(run_id: &str) -> Erasure {
    Erasure {
        run_id: run_id.into(),
        by: Some("dpo".into()),
        reason: Some("asked for".into()),
        at: at(90),
    }
}

fn erased<T>(run_id: &str) -> Result<T, StoreError> {
    Err(StoreError::RunErased { run_id: run_id.into() })
}

fn head(store: &mut dyn WritableStore, run_id: &str) -> Hash {
    store.load(run_id).unwrap().records.last().unwrap().hash
}

#[test]
fn an_erased_run_can_be_listed_and_verified_with_an_old_head_and_nothing_else() {
    on_each_store(|store, _| {
        execute_all(store, talkative("r"));
        let before = verify(store, "r", None).unwrap();
        assert_eq!(before.first_bad, None);
        let old = head(store, "r");
        assert_eq!(store.erase(&erasure("r")), Ok(true));
        assert_eq!(store.finish_erasures(), Ok(true));
        let found = verify(store, "r", Some(&old)).unwrap();
        assert_eq!((found.first_bad, found.entries), (None, before.entries + 1));
        let filter = RunFilter {
            limit: 9,
            ..RunFilter::default()
        };
        let row = store.runs(&filter).unwrap().remove(0).unwrap();
        assert!(row.is_erased);
        assert_eq!(row.status, RunStatus::Completed);
        assert_eq!(check(store).unwrap(), [""; 0]);

        assert_eq!(store.load("r").map(drop), erased("r"));
        assert_eq!(store.records_after("r", 0).map(drop), erased("r"));
        assert_eq!(export(store, "r").map(drop), erased("r").map_err(Into::into));
        for operation in [
            acquire("r", "b", 99),
            say("r", cancel()),
            drive("r", 1, 6, vec![tool_started("c")]),
        ] {
            assert_eq!(execute(store, operation).map(drop), erased("r"));
        }
        assert_eq!(store.erase(&erasure("r")), Ok(false), "once is enough");
    });
}

#[test]
fn who_decided_what_and_when_stays() {
    on_each_store(|store, _| {
        execute_all(store, talkative("r"));
        store.erase(&erasure("r")).unwrap();
        let entries = store.raw("r").unwrap().entries;
        let contents = entries.into_iter().map(|entry| entry.content.unwrap());
        let acts: Vec<_> = contents
            .filter_map(|content| Some((content.action?, content.actor, content.payload)))
            .collect();
        let why = r#"{"by":"dpo","reason":"asked for"}"#.to_owned();
        assert_eq!(
            acts,
            [
                ("confirm".to_owned(), Some("ann".to_owned()), None),
                ("erase".to_owned(), Some("dpo".to_owned()), Some(why)),
            ]
        );
    });
}

#[test]
fn what_a_run_asked_for_and_remembered_goes_with_it() {
    on_each_store(|store, _| {
        execute_all(store, talkative("r"));
        execute_all(store, talkative("s"));
        let requirements = RequirementFilter {
            limit: 9,
            ..RequirementFilter::default()
        };
        let approvals = ApprovalFilter {
            limit: 9,
            ..ApprovalFilter::default()
        };
        assert_eq!(store.requirements(&requirements).unwrap().len(), 2);
        assert_eq!(store.approvals(&approvals).unwrap().len(), 2);
        store.erase(&erasure("r")).unwrap();
        let left = store.requirements(&requirements).unwrap();
        assert_eq!(left, store.approvals(&approvals).unwrap());
        assert_eq!(left.len(), 1);
        assert_eq!(&*left[0].run_id, "s");
    });
}

#[test]
fn a_session_leaves_erased_runs_out_and_names_them() {
    on_each_store(|store, _| {
        for run_id in ["r", "s"] {
            execute_all(store, talkative(run_id));
        }
        store.erase(&erasure("r")).unwrap();
        let memory = recall(store, "s").unwrap();
        assert_eq!(
            (memory.runs, memory.erased),
            (vec![Text::from("s")], vec![Text::from("r")])
        );
    });
}

#[test]
fn a_run_that_can_be_continued_is_not_erased() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        let refused = store.erase(&erasure("r"));
        assert!(
            matches!(
                &refused,
                Err(StoreError::NotStopped {
                    status: RunStatus::Running,
                    ..
                })
            ),
            "{refused:?}"
        );
        assert_eq!(store.load("r").unwrap().records.len(), 1);
        assert!(matches!(
            store.erase(&erasure("none")),
            Err(StoreError::RunNotFound { .. })
        ));
    });
}

fn bytes_of(file: &TestFile) -> Vec<u8> {
    let log = file.path().with_file_name("runs.db-wal");
    let mut bytes = std::fs::read(file.path()).unwrap();
    bytes.extend(std::fs::read(log).unwrap_or_default());
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn nothing_that_was_erased_is_found_in_the_file_or_its_log() {
    let file = TestFile::new();
    let mut store = file.store();
    execute_all(&mut store, talkative("r"));
    assert!(holds(&bytes_of(&file), SECRET));
    store.erase(&erasure("r")).unwrap();
    assert!(store.finish_erasures().unwrap());
    assert!(!holds(&bytes_of(&file), SECRET));
    drop(store);
    assert!(!holds(&bytes_of(&file), SECRET));
}

/// Drives so many runs, side by side or one after the other, erases all of them, and says whether anything is left: before the file is
/// compacted, and after.
fn what_is_left(runs: usize, steps: u8, at_once: bool) -> [bool; 2] {
    let file = TestFile::new();
    let deaths = Deaths::default();
    let mut store = file.store_with(deaths.clone());
    let said = |number: usize, place: u8| {
        let content = format!("{SECRET} {}", "x".repeat((number * 37 + usize::from(place) * 11) % 700));
        drive(
            &format!("r{number}"),
            1,
            u64::from(place),
            vec![tool_finished("c", content)],
        )
    };
    let begin = |number: usize| create(&format!("r{number}"), "a");
    if at_once {
        execute_all(&mut store, (0..runs).map(begin).collect());
        for place in 1..=steps {
            execute_all(&mut store, (0..runs).map(|number| said(number, place)).collect());
        }
    } else {
        for number in 0..runs {
            execute_all(&mut store, vec![begin(number)]);
            execute_all(&mut store, (1..=steps).map(|place| said(number, place)).collect());
        }
    }
    for number in 0..runs {
        let run_id = format!("r{number}");
        execute_all(
            &mut store,
            vec![stop(&run_id, 1, u64::from(steps) + 1, RunStatus::Completed)],
        );
        assert_eq!(store.erase(&erasure(&run_id)), Ok(true));
    }
    assert!(store.finish_erasures().unwrap());
    let before = holds(&bytes_of(&file), SECRET);
    // Nobody gives the lease back here.
    deaths.kill(&holder("a"));
    store.compact().unwrap();
    [before, holds(&bytes_of(&file), SECRET)]
}

#[test]
fn nothing_is_left_where_it_stood_before_its_page_was_divided() {
    assert_eq!(what_is_left(40, 30, false), [false; 2]);
}

/// SQLite leaves copies in the unused part of pages that it builds anew while it divides them.
#[test]
fn nothing_is_left_in_a_compacted_file_of_runs_that_were_driven_side_by_side() {
    assert!(!what_is_left(40, 30, true)[1]);
}

#[test]
fn an_erasure_is_not_finished_while_somebody_reads_from_the_log() {
    let file = TestFile::new();
    let mut store = file.store();
    execute_all(&mut store, talkative("r"));
    let reader = beside(&file.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM runs").unwrap();
    store.erase(&erasure("r")).unwrap();
    assert!(!store.finish_erasures().unwrap());
    let problems = store.check().unwrap();
    assert!(
        problems[0].contains("the erasure of run r is not finished"),
        "{problems:?}"
    );
    reader.execute_batch("COMMIT").unwrap();
    assert!(store.finish_erasures().unwrap());
    assert_eq!(store.check().unwrap(), [""; 0]);
    assert!(!holds(&bytes_of(&file), SECRET));
}

#[test]
fn a_payload_that_is_missing_without_an_erasure_is_tampering() {
    for change in [
        "UPDATE entries SET payload = NULL WHERE id & 255 = 2",
        "UPDATE entries SET payload = NULL, salt = NULL WHERE id & 255 = 2",
        "UPDATE entries SET payload = NULL, salt = NULL; UPDATE runs SET erased = 1",
        "UPDATE runs SET erased = 1",
    ] {
        let file = TestFile::new();
        let mut store = file.store();
        execute_all(&mut store, talkative("r"));
        beside(&file.path()).execute_batch(change).unwrap();
        let found = verify(&mut store, "r", None).unwrap();
        assert!(!found.ok, "{change}");
        assert!(store.load("r").is_err(), "{change}");
    }
}

#[test]
fn what_becomes_of_an_erased_run_later_is_found() {
    for change in [
        "UPDATE runs SET erased = NULL",
        "UPDATE runs SET status = 'PAUSED'",
        "DELETE FROM entries WHERE kind = 'payloads_erased'",
        "UPDATE entries SET payload = NULL, salt = NULL WHERE kind = 'payloads_erased'",
        "UPDATE entries SET actor = 'eve' WHERE action = 'confirm'",
        "UPDATE entries SET payload = '{}' WHERE id & 255 = 2",
        "UPDATE entries SET salt = zeroblob(16) WHERE id & 255 = 2",
    ] {
        let file = TestFile::new();
        let mut store = file.store();
        execute_all(&mut store, talkative("r"));
        store.erase(&erasure("r")).unwrap();
        let other = beside(&file.path());
        other.pragma_update(None, "foreign_keys", 0).unwrap();
        other.execute_batch(change).unwrap();
        let found = verify(&mut store, "r", None).unwrap();
        assert!(!found.ok, "{change}");
    }
}

#[test]
fn what_a_webhook_has_not_got_yet_holds_a_run_back() {
    let file = TestFile::new();
    let mut store: SqliteStore = file.store();
    let claim = OutboxClaim {
        name: "hook".into(),
        claimant: "a".into(),
        holder: holder("a"),
        now: at(0),
        until: at(10),
    };
    assert_eq!(claim_outbox(&mut store, &claim), Ok(Some(0)));
    execute_all(&mut store, talkative("r"));
    assert!(matches!(
        store.erase(&erasure("r")),
        Err(StoreError::Undelivered { .. })
    ));
    let place = store.outbox_after(0, 99).unwrap().last().unwrap().place;
    assert_eq!(advance_outbox(&mut store, &claim, place), Ok(true));
    assert_eq!(store.erase(&erasure("r")), Ok(true));
}
