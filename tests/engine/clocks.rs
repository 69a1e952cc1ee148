//! Clocks that are put back, or differ between processes: no decision that was taken is held against its run later, and no expiry is
//! undone.

use haltpoint_engine::journal::{CancelRequested, InDoubtRule, ModelReplied, OnExpiry};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::{ToolOutcome, Verdict};
use haltpoint_engine::session::{
    Deliver, EngineError, Handed, Opened, Session, Verification, Word, cancel, decide, expire, open, verify,
};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{RunStatus, StoreError};
use haltpoint_engine::{Text, Timestamp};

use crate::scenario::{Declared, RUN_ID, calls, confirm, confirmed, rejected};
use crate::sessions::{NOW, began, commit, on_disk, on_file, wait};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

fn later(micros: i64) -> Timestamp {
    NOW.plus_micros(micros)
}

/// A run that asks at that time about a call, for one minute, and about another one.
fn asked(store: &StoreHandle, at: Timestamp, then: OnExpiry) -> Session {
    let mut session = began(store);
    let reply = calls([
        confirm("pay").expiring(MINUTE, then),
        confirm("refund").expiring(MINUTE, then),
    ]);
    replied(&mut session, reply, at);
    session
}

/// Feeds an input and waits until what follows is on disk.
fn written(input: impl FnOnce(Deliver) -> Result<Handed, StoreError>) {
    let (deliver, commit) = commit();
    if input(deliver).unwrap().later.is_some() {
        commit.recv().unwrap().unwrap();
    }
}

fn replied(session: &mut Session, reply: ModelReplied, at: Timestamp) {
    written(|deliver| session.notify_model_replied(reply, Verdict::Accept(None), at, deliver));
}

fn returned(session: &mut Session, call_id: &str, at: Timestamp) {
    let outcome = ToolOutcome {
        content: "done".into(),
        is_error: false,
        duration_us: 1,
    };
    written(|deliver| session.notify_tool_finished(call_id, outcome, at, deliver));
}

fn requirement(store: &StoreHandle, place: usize) -> Text {
    on_disk(store).run.requirements()[place].id.clone()
}

fn decided(store: &StoreHandle, place: usize, decision: Decision, at: Timestamp) -> Result<(), EngineError> {
    let word = Word {
        requirement_id: requirement(store, place),
        decision,
        by: Some("ada".into()),
        expected_digest: None,
    };
    wait(|then| decide(store, RUN_ID.into(), word, at, then)).map(drop)
}

fn expired(store: &StoreHandle, place: usize, at: Timestamp) -> bool {
    let requirement_id = requirement(store, place);
    wait(|then| expire(store, RUN_ID.into(), requirement_id, at, then)).unwrap()
}

fn opened(store: &StoreHandle, at: Timestamp) -> Box<Session> {
    match wait(|then| open(store, RUN_ID.into(), at, then)).unwrap() {
        Opened::Session(session) => session,
        Opened::Idle(_) => panic!("there is something to drive"),
    }
}

fn continued(store: &StoreHandle, at: Timestamp) -> Box<Session> {
    let mut session = opened(store, at);
    written(|deliver| session.notify_continued(10, InDoubtRule::Ask, at, deliver));
    session
}

fn verification(store: &StoreHandle) -> Verification {
    store
        .read_blocking(|store| Ok(verify(store, RUN_ID, None).unwrap()))
        .unwrap()
}

/// What a decision or a driver's word must leave behind.
#[track_caller]
fn assert_sound(store: &StoreHandle) {
    let found = verification(store);
    assert!(found.ok, "{found:?}");
}

#[test]
fn a_question_that_is_asked_after_the_clock_was_put_back_is_waited_for_as_long_as_any_other() {
    let (_directory, store) = on_file();
    drop(asked(&store, later(HOUR), OnExpiry::Reject));
    decided(&store, 0, confirmed(), later(HOUR)).unwrap();
    decided(&store, 1, rejected(), later(HOUR)).unwrap();
    let mut session = continued(&store, later(0));
    returned(&mut session, "pay", later(1));
    replied(
        &mut session,
        calls([confirm("again").expiring(MINUTE, OnExpiry::Reject)]),
        later(2),
    );
    let loaded = on_disk(&store);
    let open = loaded.run.open_requirements().next().unwrap();
    assert_eq!(open.terms.expires_at, Some(open.opened_at.plus_micros(MINUTE)));
    assert_eq!(open.terms.expires_at, Some(later(2 + MINUTE)));
    assert!(!expired(&store, 2, later(1 + MINUTE)));
    assert_eq!(decided(&store, 2, confirmed(), later(3)), Ok(()));
    assert_sound(&store);
}

#[test]
fn a_decision_from_a_clock_behind_counts_and_stands_up_to_verify() {
    let (_directory, store) = on_file();
    drop(asked(&store, later(HOUR), OnExpiry::Reject));
    assert_eq!(decided(&store, 0, confirmed(), later(0)), Ok(()));
    assert_eq!(decided(&store, 1, rejected(), later(HOUR + MINUTE - 1)), Ok(()));
    assert_sound(&store);
    drop(continued(&store, later(-HOUR)));
    assert_sound(&store);
}

#[test]
fn an_expiry_is_not_undone_by_a_clock_that_is_put_back() {
    let (_directory, store) = on_file();
    drop(asked(&store, NOW, OnExpiry::Reject));
    assert!(expired(&store, 0, later(MINUTE)));
    for place in [0, 1] {
        let late = decided(&store, place, confirmed(), later(1));
        assert!(
            matches!(late, Err(EngineError::Store(StoreError::Expired { .. }))),
            "{late:?}"
        );
    }
    let run = on_disk(&store).run;
    assert!(
        run.requirements()
            .iter()
            .all(|requirement| requirement.expired == Some(later(MINUTE))),
        "what was refused as too late is written down as over: {:?}",
        run.requirements()
    );
    assert_sound(&store);
}

#[test]
fn whoever_looks_with_a_clock_behind_writes_down_what_the_journal_shows_to_be_over() {
    let (_directory, store) = on_file();
    drop(asked(&store, NOW, OnExpiry::Fail));
    assert!(expired(&store, 0, later(MINUTE)));
    assert!(expired(&store, 1, later(-HOUR)));
    assert!(!expired(&store, 1, later(-HOUR)), "once is enough");
    assert_eq!(on_disk(&store).run.status(), RunStatus::Error);
    assert_sound(&store);
}

#[test]
fn a_run_that_nobody_drives_is_cancelled_by_a_clock_behind() {
    let (_directory, store) = on_file();
    drop(asked(&store, later(HOUR), OnExpiry::Cancel));
    let request = CancelRequested {
        interrupt: false,
        by: None,
        reason: None,
    };
    assert!(wait(|then| cancel(&store, RUN_ID.into(), request, NOW, then)).unwrap());
    assert_eq!(on_disk(&store).run.status(), RunStatus::Cancelled);
    assert_sound(&store);
}
