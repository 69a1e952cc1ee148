//! What is too long to be kept is refused before anything is written, by its name, and what is just short enough is kept.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{
    ApprovalRevoked, CancelRequested, Entry, LARGEST_VALUE, LONGEST_NAME, PayloadsErased, encode,
};
use haltpoint_engine::requirement::{Decision, RememberScope};
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::{Committed, NewRun, Operation, StoreError, WritableStore};
use serde_json::{Value, json};

use crate::support::{
    Deaths, at, confirmed, create, decided_by, drive, execute, execute_all, holder, on_each_blocking_store, opened,
    remembered, tool_finished,
};

fn read(kind: &str, payload: &Value) -> Entry {
    haltpoint_engine::journal::decode(kind, &payload.to_string()).unwrap()
}

/// The first entry of a run, with one of its names as given.
fn started(field: &str, name: &str) -> Entry {
    let mut payload = json!({
        "format": 2,
        "run_id": "new",
        "description": "d",
        "tool_call_limit": 9,
        "tools": [{"name": "pay", "module": "shop", "digest": "d1"}],
    });
    let place = if field == "tool" {
        &mut payload["tools"][0]["name"]
    } else {
        &mut payload[field]
    };
    *place = name.into();
    read("run_started", &payload)
}

fn begin(entries: Vec<Entry>) -> Operation {
    Operation::Create(NewRun {
        run_id: "new".into(),
        agent_name: None,
        session_id: None,
        user_id: None,
        holder: holder("a"),
        expires: at(1_000),
        at: at(0),
        entries,
    })
}

/// A reply with one call.
fn reply(id: &str, name: &str) -> Entry {
    let call = json!({"id": id, "name": name, "args": {}});
    read(
        "model_replied",
        &json!({"calls": [call], "duration_us": 1, "attempt": 1}),
    )
}

fn cancel(by: Option<Text>, reason: Option<Text>) -> Entry {
    let interrupt = false;
    Entry::CancelRequested(CancelRequested { interrupt, by, reason })
}

fn erased(by: Option<Text>, reason: Option<Text>) -> Entry {
    Entry::PayloadsErased(PayloadsErased { by, reason })
}

fn revoked(by: Option<Text>) -> Entry {
    let requirement_id = "q".into();
    Entry::ApprovalRevoked(ApprovalRevoked { requirement_id, by })
}

/// Writes this name somewhere.
type WritesName = Box<dyn Fn(&str) -> Operation>;
/// Writes an entry of this size.
type WritesSize = Box<dyn Fn(usize) -> Operation>;

/// Where a name stands, and what writes it there.
fn places() -> Vec<(&'static str, WritesName)> {
    fn driven(entries: Vec<Entry>) -> Operation {
        drive("r", 1, 1, entries)
    }
    vec![
        ("the run's id", Box::new(|name| begin(vec![started("run_id", name)]))),
        (
            "the agent's id",
            Box::new(|name| begin(vec![started("agent_id", name)])),
        ),
        (
            "the agent's name",
            Box::new(|name| begin(vec![started("agent_name", name)])),
        ),
        ("session_id", Box::new(|name| begin(vec![started("session_id", name)]))),
        ("user_id", Box::new(|name| begin(vec![started("user_id", name)]))),
        (
            "the model's name",
            Box::new(|name| begin(vec![started("model_name", name)])),
        ),
        ("a tool's name", Box::new(|name| begin(vec![started("tool", name)]))),
        (
            "the name of who says so",
            Box::new(|name| {
                begin(vec![
                    started("user_id", "ada"),
                    read("run_queued", &json!({"by": name})),
                ])
            }),
        ),
        ("the id of a call", Box::new(|name| driven(vec![reply(name, "pay")]))),
        (
            "the tool's name in a call",
            Box::new(|name| driven(vec![reply("0", name)])),
        ),
        (
            "the name of who says so",
            Box::new(|name| driven(vec![opened("q"), decided_by("q", Decision::confirm(), name)])),
        ),
        (
            "the name of who says so",
            Box::new(|name| {
                let approval = remembered("q", RememberScope::Run, "key");
                driven(vec![opened("q"), approval, revoked(Some(name.into()))])
            }),
        ),
        (
            "the name of who says so",
            Box::new(|name| driven(vec![cancel(Some(name.into()), None)])),
        ),
        (
            "the name of who says so",
            Box::new(|name| driven(vec![erased(Some(name.into()), None)])),
        ),
    ]
}

fn too_long(outcome: Result<Committed, StoreError>) -> String {
    let Err(StoreError::TooLong { problem, .. }) = outcome else {
        panic!("not refused as too long: {outcome:?}")
    };
    problem.to_string()
}

/// What becomes of it in a store that has the run `r`.
fn outcome(store: &mut dyn WritableStore, operation: Operation) -> Result<Committed, StoreError> {
    execute_all(store, vec![create("r", "a")]);
    let outcome = execute(store, operation);
    if outcome.is_err() {
        assert_eq!(store.load("r").unwrap().records.len(), 1);
        assert!(matches!(store.load("new"), Err(StoreError::RunNotFound { .. })));
    }
    outcome
}

#[test]
fn ids_and_names_take_512_bytes_at_most() {
    assert_eq!(LONGEST_NAME, 512);
    for (what, write) in places() {
        on_each_blocking_store(|store, _| {
            let refused = too_long(outcome(store, write(&"x".repeat(513))));
            assert_eq!(
                refused,
                format!("{what} takes 513 bytes, and 512 are allowed; nothing was written")
            );
        });
        on_each_blocking_store(|store, _| {
            outcome(store, write(&"é".repeat(256))).unwrap();
        });
    }
}

#[test]
fn ids_and_names_hold_no_nul() {
    for (what, write) in places() {
        on_each_blocking_store(|store, _| {
            let refused = too_long(outcome(store, write("a\0b")));
            assert_eq!(
                refused,
                format!("{what} holds the character U+0000, which ids and names must not; nothing was written")
            );
        });
    }
}

/// An entry that takes so many bytes as JSON.
fn of_size(size: usize, entry: impl Fn(&str) -> Entry) -> Entry {
    let bare = encode(&entry("")).unwrap().len();
    let filled = entry(&"x".repeat(size - bare));
    assert_eq!(encode(&filled).unwrap().len(), size);
    filled
}

#[test]
fn a_value_takes_64_mib_at_most() {
    assert_eq!(LARGEST_VALUE, 67_108_864);
    let (largest, larger) = (67_108_864, 67_108_865);
    let rejection = |note: &str| {
        let note = Some(note.into());
        decided_by("q", Decision::Reject { note }, "ada")
    };
    let written: [(_, WritesSize); 4] = [
        (
            "what the run begins with",
            Box::new(|size| begin(vec![of_size(size, |text| started("description", text))])),
        ),
        (
            "the decision",
            Box::new(move |size| drive("r", 1, 1, vec![opened("q"), of_size(size, rejection)])),
        ),
        (
            "the request to cancel",
            Box::new(|size| drive("r", 1, 1, vec![of_size(size, |text| cancel(None, Some(text.into())))])),
        ),
        (
            "the erasure",
            Box::new(|size| drive("r", 1, 1, vec![of_size(size, |text| erased(None, Some(text.into())))])),
        ),
    ];
    for (what, write) in written {
        on_each_blocking_store(|store, _| {
            let refused = too_long(outcome(store, write(larger)));
            assert_eq!(
                refused,
                format!("{what} takes {larger} bytes, and {largest} are allowed; nothing was written")
            );
        });
        let mut store = MemoryStore::new(Box::new(Deaths::default()));
        outcome(&mut store, write(largest)).unwrap();
    }
}

#[test]
fn a_decision_that_is_refused_for_its_length_names_its_requirement() {
    on_each_blocking_store(|store, _| {
        let decision = decided_by("q", Decision::confirm(), &"x".repeat(513));
        let refused = outcome(store, drive("r", 1, 1, vec![opened("q"), decision]));
        let Err(StoreError::TooLong { requirement_id, .. }) = refused else {
            panic!("not refused")
        };
        assert_eq!(requirement_id.as_deref(), Some("q"));
        execute_all(store, vec![drive("r", 1, 1, vec![opened("q"), confirmed("q")])]);
    });
}

#[test]
fn what_a_model_says_and_what_holds_a_tools_result_may_take_more() {
    let content = "x".repeat(LARGEST_VALUE + 1);
    on_each_blocking_store(|store, _| {
        let reply = read(
            "model_replied",
            &json!({"text": content, "duration_us": 1, "attempt": 1}),
        );
        outcome(store, drive("r", 1, 1, vec![reply, tool_finished("0", &*content)])).unwrap();
    });
}
