//! Spinning for a commit instead of being told of it: whoever does either gets each effect once, and only when it is on disk.

use std::sync::mpsc::{Receiver, channel};
use std::thread;

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::RunStarted;
use haltpoint_engine::run::{Effect, ToolOutcome, Verdict};
use haltpoint_engine::session::{Deliver, Handed, Memory, Session};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::SqliteOptions;
use haltpoint_engine::store::{RunStatus, StoreError};
use tempfile::TempDir;

use crate::scenario::{calls, plain, run_started, text};

const NOW: Timestamp = Timestamp(1_763_800_000_000_000);
const STEPS: usize = 100;
const RUNS: usize = 8;

type Commit = Receiver<Result<Vec<Effect>, StoreError>>;

fn on_file() -> (TempDir, StoreHandle) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.db");
    let store = StoreHandle::open_sqlite(&path, SqliteOptions::default()).unwrap();
    (directory, store)
}

fn commit() -> (Deliver, Commit) {
    let (sender, commit) = channel();
    // Whoever has the effects already does not listen any more.
    (Box::new(move |committed| drop(sender.send(committed))), commit)
}

fn run_id(number: usize) -> String {
    format!("01936f00-0000-7000-8000-{number:012}")
}

fn began(store: &StoreHandle, number: usize) -> Session {
    let started = RunStarted {
        run_id: run_id(number).into(),
        ..run_started()
    };
    let (deliver, commit) = commit();
    let (session, _) = Session::start(store.clone(), started, &Memory::default(), NOW, deliver);
    assert_eq!(commit.recv().unwrap(), Ok(vec![Effect::RequestModel]));
    session
}

/// The effects that an input has, by whichever of the two ways they come.
fn effects_of(handed: Handed, commit: &Commit) -> Vec<Effect> {
    let handed = handed.spin();
    if handed.later.is_some() {
        assert_eq!(handed.now, []);
        return commit.recv().unwrap().unwrap();
    }
    assert!(commit.recv().is_err(), "nothing is handed out twice");
    handed.now
}

/// Takes one step; whether its commit was likely to be near.
fn step(session: &mut Session, call_id: &str) -> bool {
    let (deliver, commit) = commit();
    let handed = session.notify_model_replied(calls([plain(call_id)]), Verdict::Accept(None), NOW, deliver);
    let handed = handed.unwrap();
    let is_near = handed.is_near();
    let effects = effects_of(handed, &commit);
    assert!(matches!(&effects[..], [Effect::StartTool(start)] if &*start.call_id == call_id));
    let (deliver, _) = self::commit();
    let outcome = ToolOutcome {
        content: "done".into(),
        is_error: false,
        duration_us: 1,
    };
    let handed = session.notify_tool_finished(call_id, outcome, NOW, deliver).unwrap();
    assert_eq!(handed.now, [Effect::RequestModel]);
    assert!(!handed.is_near(), "nothing waits for it");
    is_near
}

fn complete(session: &mut Session) {
    let (deliver, commit) = commit();
    let handed = session.notify_model_replied(text("done"), Verdict::Accept(None), NOW, deliver);
    assert_eq!(effects_of(handed.unwrap(), &commit), [Effect::Stop]);
}

fn drive(store: &StoreHandle, number: usize) {
    let mut session = began(store, number);
    for place in 0..STEPS {
        step(&mut session, &format!("call-{place}"));
    }
    complete(&mut session);
}

fn assert_is_complete(store: &StoreHandle, number: usize) {
    let run = store.load_blocking(run_id(number).into()).unwrap();
    assert_eq!(run.row.status, RunStatus::Completed);
}

#[test]
fn a_run_whose_driver_spins_hands_each_effect_out_once() {
    let (_directory, store) = on_file();
    drive(&store, 1);
    assert_is_complete(&store, 1);
}

#[test]
fn runs_whose_drivers_spin_at_once_each_hand_out_their_own_effects() {
    let (_directory, store) = on_file();
    thread::scope(|scope| {
        let store = &store;
        for number in 0..RUNS {
            scope.spawn(move || drive(store, number));
        }
    });
    (0..RUNS).for_each(|number| assert_is_complete(&store, number));
}

#[test]
fn with_several_runs_under_way_no_commit_is_near() {
    let (_directory, store) = on_file();
    let mut sessions = [began(&store, 1), began(&store, 2)];
    for place in 0..STEPS {
        for session in &mut sessions {
            assert!(!step(session, &format!("call-{place}")));
        }
    }
}

#[test]
fn a_store_that_closes_tells_whoever_spins() {
    let (_directory, store) = on_file();
    let mut session = began(&store, 1);
    step(&mut session, "call");
    store.close();
    let (deliver, commit) = commit();
    let handed = session.notify_model_replied(text("done"), Verdict::Accept(None), NOW, deliver);
    assert!(handed.unwrap().spin().later.is_some());
    assert_eq!(commit.recv().unwrap(), Err(StoreError::Closed));
}
