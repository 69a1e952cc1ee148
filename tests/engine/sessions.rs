//! A session on a real store: what anybody can see is on disk, except a model request, which can be repeated.

use std::sync::mpsc::{Receiver, channel};

use haltpoint_engine::journal::{CancelRequested, InDoubtRule, ModelReplied, RunStarted};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::{Effect, ToolOutcome, Verdict};
use haltpoint_engine::session::{
    Deliver, EngineError, Handed, Loaded, Memory, Opened, Session, Word, cancel, decide, decide_known, load,
    load_known, open, open_known,
};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::SqliteOptions;
use haltpoint_engine::store::{RunStatus, StoreError};
use haltpoint_engine::{Text, Timestamp};
use tempfile::TempDir;

use crate::scenario::{RUN_ID, calls, confirm, confirmed, plain, rejected, run_started, text};

pub(crate) const NOW: Timestamp = Timestamp(1_763_800_000_000_000);

/// What came of one commit.
pub(crate) type Commit = Receiver<Result<Vec<Effect>, StoreError>>;

pub(crate) fn commit() -> (Deliver, Commit) {
    let (sender, commit) = channel();
    let deliver = Box::new(move |committed| sender.send(committed).unwrap());
    (deliver, commit)
}

/// A store that keeps its callers waiting, as the disk does.
pub(crate) fn on_file() -> (TempDir, StoreHandle) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.db");
    let store = StoreHandle::open_sqlite(&path, SqliteOptions::default()).unwrap();
    (directory, store)
}

pub(crate) fn began(store: &StoreHandle) -> Session {
    let (deliver, commit) = commit();
    let (session, handed) = Session::start(store.clone(), run_started(), &Memory::default(), NOW, deliver);
    // Not even the model is asked before the run exists.
    assert_all_later(&handed);
    assert_eq!(commit.recv().unwrap(), Ok(vec![Effect::RequestModel]));
    session
}

#[track_caller]
fn assert_all_later(handed: &Handed) {
    assert_eq!(handed.now, []);
    assert!(handed.later.is_some());
}

#[track_caller]
fn assert_nothing(handed: &Handed) {
    assert_eq!(handed.now, []);
    assert!(handed.later.is_none());
}

pub(crate) fn replied(session: &mut Session, reply: ModelReplied) -> (Handed, Commit) {
    let (deliver, commit) = commit();
    let handed = session.notify_model_replied(reply, Verdict::Accept(None), NOW, deliver);
    (handed.unwrap(), commit)
}

pub(crate) fn returned(session: &mut Session, call_id: &str) -> (Handed, Commit) {
    let (deliver, commit) = commit();
    let outcome = ToolOutcome {
        content: "done".into(),
        is_error: false,
        duration_us: 1,
    };
    let handed = session.notify_tool_finished(call_id, outcome, NOW, deliver);
    (handed.unwrap(), commit)
}

/// Waits for what a function of the session hands to its callback.
pub(crate) fn wait<T: Send + 'static>(act: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (sender, receiver) = channel();
    act(Box::new(move |value| drop(sender.send(value))));
    receiver.recv().unwrap()
}

pub(crate) fn opened(store: &StoreHandle) -> Result<Opened, EngineError> {
    wait(|then| open(store, RUN_ID.into(), NOW, then))
}

pub(crate) fn on_disk(store: &StoreHandle) -> Loaded {
    wait(|then| load(store, RUN_ID.into(), then)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn decided(store: &StoreHandle, decision: Decision) -> Result<(), EngineError> {
    let requirement: Text = on_disk(store).run.requirements()[0].id.clone();
    let word = Word {
        requirement_id: requirement,
        decision,
        by: Some("ada".into()),
        expected_digest: None,
    };
    wait(|then| decide(store, RUN_ID.into(), word, NOW, then)).map(drop)
}

pub(crate) fn cancelled(store: &StoreHandle, run_id: &str) -> bool {
    let request = CancelRequested {
        interrupt: false,
        by: None,
        reason: None,
    };
    wait(|then| cancel(store, run_id.into(), request, NOW, then)).unwrap()
}

pub(crate) fn continued(session: &mut Session) -> Result<Vec<Effect>, StoreError> {
    let (deliver, commit) = commit();
    let handed = session.notify_continued(10, InDoubtRule::Ask, NOW, deliver).unwrap();
    let gated = if handed.later.is_some() {
        commit.recv().unwrap()?
    } else {
        Vec::new()
    };
    Ok(handed.now.into_iter().chain(gated).collect())
}

#[test]
fn a_tool_starts_only_once_its_start_is_on_disk() {
    let (_directory, store) = on_file();
    let mut session = began(&store);
    let (handed, commit) = replied(&mut session, calls([plain("a")]));
    assert_all_later(&handed);
    let effects = commit.recv().unwrap().unwrap();
    assert!(matches!(&effects[..], [Effect::StartTool(start)] if &*start.call_id == "a"));
}

#[test]
fn where_the_store_keeps_nobody_waiting_a_tool_starts_at_once() {
    let store = StoreHandle::in_memory();
    let mut session = began(&store);
    let (handed, commit) = replied(&mut session, calls([plain("a")]));
    assert!(matches!(&handed.now[..], [Effect::StartTool(start)] if &*start.call_id == "a"));
    assert!(on_disk(&store).run.calls()[0].is_started());
    assert!(handed.later.is_none());
    assert!(commit.recv().is_err(), "nothing is handed out twice");
}

#[test]
fn a_model_request_leaves_while_the_outcome_before_it_is_still_being_written() {
    let (_directory, store) = on_file();
    let mut session = began(&store);
    let (_, started) = replied(&mut session, calls([plain("a")]));
    started.recv().unwrap().unwrap();
    let (handed, commit) = returned(&mut session, "a");
    assert_eq!(handed.now, [Effect::RequestModel]);
    assert!(handed.later.is_some());
    assert_eq!(commit.recv().unwrap(), Ok(vec![]));
}

#[test]
fn a_pause_is_seen_only_once_it_is_on_disk_and_only_once() {
    let (_directory, store) = on_file();
    let mut session = began(&store);
    let (handed, commit) = replied(&mut session, calls([confirm("a")]));
    assert_all_later(&handed);
    let (late, _) = returned(&mut session, "a");
    // A fact after the stop must not announce it before the disk has it.
    assert_nothing(&late);
    assert_eq!(commit.recv().unwrap(), Ok(vec![Effect::Stop]));
}

#[test]
fn the_state_on_disk_is_the_state_of_the_session() {
    let store = StoreHandle::in_memory();
    let mut session = began(&store);
    replied(&mut session, calls([plain("a"), confirm("b")]));
    returned(&mut session, "a");
    assert_eq!(*on_disk(&store).run, *session.run());
}

#[test]
fn a_run_decided_by_somebody_else_goes_on_in_the_next_session() {
    let store = StoreHandle::in_memory();
    let mut session = began(&store);
    replied(&mut session, calls([confirm("a")]));
    drop(session);
    decided(&store, confirmed()).unwrap();
    let Ok(Opened::Session(mut session)) = opened(&store) else {
        panic!("not ours")
    };
    let effects = continued(&mut session).unwrap();
    assert!(matches!(&effects[..], [Effect::StartTool(_)]));
}

#[test]
fn a_run_that_was_loaded_before_is_taken_up_with_what_came_since() {
    let (_directory, store) = on_file();
    let mut session = began(&store);
    let (_, commit) = replied(&mut session, calls([confirm("a")]));
    commit.recv().unwrap().unwrap();
    drop(session);
    let known = on_disk(&store);
    decided(&store, confirmed()).unwrap();
    let now = wait(|then| load_known(&store, known.clone(), then)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(*now.run, *on_disk(&store).run);
    let Ok(Opened::Session(mut session)) = wait(|then| open_known(&store, known.clone(), NOW, then)) else {
        panic!("not ours")
    };
    assert_eq!(*session.run(), *now.run);
    assert!(!known.run.has_news(), "who holds what was loaded keeps it as it was");
    let effects = continued(&mut session).unwrap();
    assert!(matches!(&effects[..], [Effect::StartTool(_)]));
}

#[test]
fn a_requirement_that_came_after_a_run_was_loaded_can_be_decided_all_the_same() {
    let store = StoreHandle::in_memory();
    let mut session = began(&store);
    let known = on_disk(&store);
    replied(&mut session, calls([confirm("a")]));
    let requirement = on_disk(&store).run.requirements()[0].id.clone();
    let word = Word {
        requirement_id: requirement,
        decision: confirmed(),
        by: None,
        expected_digest: None,
    };
    let decided = wait(|then| decide_known(&store, known, word, NOW, then)).unwrap_or_else(|error| panic!("{error}"));
    assert!(decided.run.has_news());
    assert_eq!(*decided.run, *on_disk(&store).run);
}

#[test]
fn the_same_decision_again_is_no_error_and_another_one_is() {
    let store = StoreHandle::in_memory();
    replied(&mut began(&store), calls([confirm("a")]));
    assert_eq!(decided(&store, confirmed()), Ok(()));
    assert_eq!(decided(&store, confirmed()), Ok(()));
    let conflict = decided(&store, rejected()).unwrap_err();
    assert!(
        matches!(conflict, EngineError::Store(StoreError::Decided { .. })),
        "{conflict}"
    );
}

#[test]
fn a_driven_run_is_busy_and_one_whose_session_is_gone_is_not() {
    let store = StoreHandle::in_memory();
    let session = began(&store);
    assert!(matches!(
        opened(&store),
        Err(EngineError::Store(StoreError::Busy { .. }))
    ));
    drop(session);
    assert!(matches!(opened(&store), Ok(Opened::Session(_))));
}

#[test]
fn a_completed_run_is_handed_out_to_be_looked_at() {
    let store = StoreHandle::in_memory();
    replied(&mut began(&store), text("done"));
    let Ok(Opened::Idle(loaded)) = opened(&store) else {
        panic!("not completed")
    };
    assert_eq!(loaded.run.status(), RunStatus::Completed);
}

#[test]
fn running_and_paused_runs_can_be_cancelled_and_no_others() {
    let store = StoreHandle::in_memory();
    assert!(!cancelled(&store, "unknown"));
    let mut session = began(&store);
    replied(&mut session, calls([confirm("a")]));
    drop(session);
    assert!(cancelled(&store, RUN_ID), "nobody drives it");
    assert_eq!(on_disk(&store).run.status(), RunStatus::Cancelled);
    assert!(!cancelled(&store, RUN_ID), "it is cancelled already");
    let Ok(Opened::Session(mut session)) = opened(&store) else {
        panic!("not ours")
    };
    continued(&mut session).unwrap();
    decided(&store, confirmed()).unwrap();
    drop(session);
    let Ok(Opened::Session(mut session)) = opened(&store) else {
        panic!("not ours")
    };
    continued(&mut session).unwrap();
    assert!(cancelled(&store, RUN_ID), "its driver is told");
    assert_eq!(on_disk(&store).run.status(), RunStatus::Running);
}

#[test]
fn a_paused_run_that_somebody_has_just_opened_is_not_cancelled_behind_their_back() {
    let store = StoreHandle::in_memory();
    replied(&mut began(&store), calls([confirm("a")]));
    let held = opened(&store);
    assert!(!cancelled(&store, RUN_ID));
    drop(held);
    assert!(cancelled(&store, RUN_ID));
}

#[test]
fn a_session_whose_commit_failed_accepts_nothing_more() {
    let store = StoreHandle::in_memory();
    let mut session = began(&store);
    store.close();
    let (_, commit) = replied(&mut session, calls([plain("a")]));
    assert_eq!(commit.recv().unwrap(), Err(StoreError::Closed));
    let (deliver, _commit) = self::commit();
    let refused = session.notify_cancelled(false, None, NOW, deliver);
    assert_eq!(refused.err(), Some(StoreError::Closed));
}

#[test]
fn instructions_and_remembered_runs_stand_before_the_runs_own_messages() {
    let store = StoreHandle::in_memory();
    replied(&mut began(&store), text("done"));
    let started = RunStarted {
        run_id: "01936f00-0000-7000-8000-000000000002".into(),
        system_prompt: Some("Be brief.".into()),
        remembers: vec![RUN_ID.into()],
        ..run_started()
    };
    let memory = store
        .read_blocking(|reader| Ok(Memory::load(reader, vec![RUN_ID.into()])))
        .unwrap()
        .unwrap();
    let (deliver, commit) = commit();
    let (session, _) = Session::start(store.clone(), started, &memory, NOW, deliver);
    commit.recv().unwrap().unwrap();
    let contents: Vec<_> = session
        .before()
        .iter()
        .map(|message| message.content.as_deref())
        .collect();
    assert_eq!(contents, [Some("Be brief."), Some("Pay the invoice"), Some("done")]);
    let found =
        wait(|then| load(&store, session.run().run_id().clone(), then)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.before, *session.before());
}
