//! A cancel that was granted holds, however far the driver has come by then without hearing of it.

use std::sync::Barrier;
use std::thread;

use haltpoint_engine::journal::{CancelRequested, Failure, FailureKind, OutcomeSource};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::{CallState, Effect, Reconciliation, ToolOutcome};
use haltpoint_engine::session::{Handed, Opened, Session, take};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};
use haltpoint_engine::store::{RunStatus, Store};

use crate::scenario::{Declared, RUN_ID, calls, confirm, confirmed, plain, text};
use crate::sessions::{
    Commit, NOW, began, cancelled, commit, continued, decided, on_disk, opened, replied, returned, wait,
};

/// Each kind of store, and each way in which a session hears of its commits.
fn on_each_store(test: impl Fn(&StoreHandle)) {
    test(&StoreHandle::in_memory());
    for durability in [Durability::Full, Durability::Normal] {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            durability,
            ..SqliteOptions::default()
        };
        test(&StoreHandle::open_sqlite(&directory.path().join("runs.db"), options).unwrap());
    }
}

fn wish() -> CancelRequested {
    CancelRequested {
        interrupt: false,
        by: Some("ada".into()),
        reason: None,
    }
}

fn kinds(store: &StoreHandle) -> Vec<String> {
    let journal = store.read_blocking(|store: &mut dyn Store| store.load(RUN_ID)).unwrap();
    let kinds = journal.records.iter().map(|record| record.entry.kind().to_owned());
    kinds.collect()
}

/// What is handed out now and later, together.
fn effects((handed, commit): (Handed, Commit)) -> Vec<Effect> {
    let later = if handed.later.is_some() {
        commit.recv().unwrap().unwrap()
    } else {
        Vec::new()
    };
    handed.now.into_iter().chain(later).collect()
}

fn assert_cancelled(store: &StoreHandle, session: &Session) {
    assert_eq!(on_disk(store).run.status(), RunStatus::Cancelled);
    assert_eq!(*session.run(), *on_disk(store).run);
    assert_eq!(session.snapshot().run.status(), RunStatus::Cancelled);
}

#[test]
fn a_run_that_would_be_completed_is_cancelled_and_asks_its_model_again() {
    on_each_store(|store| {
        let mut session = began(store);
        assert!(cancelled(store, RUN_ID));
        assert_eq!(effects(replied(&mut session, text("done"))), [Effect::Stop]);
        assert_cancelled(store, &session);
        assert_eq!(kinds(store), ["run_started", "cancel_requested", "run_cancelled"]);
        drop(session);
        let Ok(Opened::Session(mut session)) = opened(store) else {
            panic!("not ours")
        };
        assert_eq!(continued(&mut session), Ok(vec![Effect::RequestModel]));
        assert_eq!(effects(replied(&mut session, text("done"))), [Effect::Stop]);
        assert_eq!(on_disk(store).run.status(), RunStatus::Completed);
    });
}

#[test]
fn a_run_that_would_pause_is_cancelled() {
    on_each_store(|store| {
        let mut session = began(store);
        assert!(cancelled(store, RUN_ID));
        assert_eq!(effects(replied(&mut session, calls([confirm("a")]))), [Effect::Stop]);
        assert_cancelled(store, &session);
        assert!(session.run().requirements().is_empty());
    });
}

#[test]
fn a_run_that_would_fail_is_cancelled() {
    on_each_store(|store| {
        let mut session = began(store);
        assert!(cancelled(store, RUN_ID));
        let (deliver, commit) = commit();
        let failure = Failure {
            kind: FailureKind::Model,
            message: "no luck".into(),
            provider: None,
            status_code: None,
        };
        let handed = session.notify_model_failed(failure, 1, NOW, deliver).unwrap();
        assert_eq!(effects((handed, commit)), [Effect::Stop]);
        assert_cancelled(store, &session);
        assert_eq!(session.run().failure(), None);
    });
}

#[test]
fn a_run_that_would_be_handed_back_to_the_workers_is_cancelled() {
    on_each_store(|store| {
        let mut session = began(store);
        assert!(cancelled(store, RUN_ID));
        let (deliver, commit) = commit();
        let handed = session.notify_drained(true, NOW, deliver).unwrap();
        assert_eq!(effects((handed, commit)), [Effect::Stop]);
        assert_cancelled(store, &session);
    });
}

#[test]
fn what_a_tool_returned_is_kept() {
    on_each_store(|store| {
        let mut session = began(store);
        effects(replied(&mut session, calls([plain("a"), confirm("b")])));
        assert!(cancelled(store, RUN_ID));
        assert_eq!(effects(returned(&mut session, "a")), [Effect::Stop]);
        assert_cancelled(store, &session);
        assert_eq!(
            kinds(store)[4..],
            ["cancel_requested", "tool_finished", "run_cancelled"]
        );
        drop(session);
        let Ok(Opened::Session(mut session)) = opened(store) else {
            panic!("not ours")
        };
        assert_eq!(continued(&mut session), Ok(vec![Effect::Stop]));
        assert_eq!(session.run().status(), RunStatus::Paused);
        let outcomes: Vec<_> = session.run().calls().iter().map(|call| call.state.clone()).collect();
        assert!(matches!(&outcomes[0], CallState::Finished(outcome) if outcome.source == OutcomeSource::Tool));
    });
}

#[test]
fn what_this_process_wants_before_the_end_is_written_holds() {
    on_each_store(|store| {
        let mut session = began(store);
        let cell = session.wish().clone();
        assert!(cell.want(wish()));
        assert_eq!(effects(replied(&mut session, text("done"))), [Effect::Stop]);
        assert_cancelled(store, &session);
        assert_eq!(kinds(store), ["run_started", "cancel_requested", "run_cancelled"]);
    });
}

#[test]
fn what_this_process_wants_once_the_end_is_on_disk_comes_too_late() {
    on_each_store(|store| {
        let mut session = began(store);
        let cell = session.wish().clone();
        effects(replied(&mut session, text("done")));
        assert!(!cell.want(wish()));
        assert!(!cancelled(store, RUN_ID));
        assert_eq!(session.run().status(), RunStatus::Completed);
    });
}

#[test]
fn what_this_process_wants_of_a_run_that_it_let_go_is_for_the_store_to_say() {
    let store = StoreHandle::in_memory();
    let session = began(&store);
    let cell = session.wish().clone();
    drop(session);
    assert!(!cell.want(wish()));
    assert!(cancelled(&store, RUN_ID));
}

#[test]
fn a_cancel_of_an_earlier_stretch_does_not_end_a_later_one() {
    on_each_store(|store| {
        let mut session = began(store);
        assert!(cancelled(store, RUN_ID));
        effects(replied(&mut session, text("done")));
        drop(session);
        let Ok(Opened::Session(mut session)) = opened(store) else {
            panic!("not ours")
        };
        continued(&mut session).unwrap();
        assert_eq!(effects(replied(&mut session, calls([confirm("a")]))), [Effect::Stop]);
        assert_eq!(on_disk(store).run.status(), RunStatus::Paused);
    });
}

#[test]
fn a_cancel_that_an_earlier_driver_heard_of_is_not_found_again_beside_a_new_decision() {
    on_each_store(|store| {
        let mut session = began(store);
        assert!(cancelled(store, RUN_ID));
        effects(replied(&mut session, text("done")));
        drop(session);
        let Ok(Opened::Session(mut session)) = opened(store) else {
            panic!("not ours")
        };
        continued(&mut session).unwrap();
        effects(replied(&mut session, calls([plain("a"), confirm("b")])));
        decided(store, confirmed()).unwrap();
        assert_eq!(effects(returned(&mut session, "a")), [Effect::Stop]);
        assert_eq!(on_disk(store).run.status(), RunStatus::Paused);
    });
}

#[test]
fn a_decision_that_the_driver_has_not_heard_of_cancels_nothing() {
    on_each_store(|store| {
        let mut session = began(store);
        effects(replied(&mut session, calls([plain("a"), confirm("b")])));
        decided(store, confirmed()).unwrap();
        assert_eq!(effects(returned(&mut session, "a")), [Effect::Stop]);
        assert_eq!(on_disk(store).run.status(), RunStatus::Paused);
    });
}

#[test]
fn a_worker_does_not_go_on_with_a_run_that_was_cancelled_before_its_driver_ended() {
    on_each_store(|store| {
        let mut session = began(store);
        effects(replied(&mut session, calls([plain("a")])));
        assert!(cancelled(store, RUN_ID));
        drop(session);
        let taken = wait(|then| take(store, RUN_ID.into(), None, 3, NOW, then));
        let Ok(Opened::Idle(loaded)) = taken else {
            panic!("there is nothing to go on with")
        };
        assert_eq!(loaded.run.status(), RunStatus::Cancelled);
        assert_eq!(*loaded.run, *on_disk(store).run);
        let Ok(Opened::Session(mut session)) = opened(store) else {
            panic!("not ours")
        };
        assert_eq!(continued(&mut session), Ok(vec![Effect::Stop]));
        assert_eq!(
            session.run().requirements()[0].kind,
            RequirementKind::Recovery,
            "what the tool did is in doubt"
        );
    });
}

/// A call in doubt of a tool that tells what became of it, and a cancel before the tool's answer, with which the run would pause.
fn reconciled_and_cancelled(store: &StoreHandle, answer: Reconciliation) -> Session {
    let mut session = began(store);
    effects(replied(&mut session, calls([plain("a").reconcilable(), confirm("b")])));
    drop(session);
    let Ok(Opened::Session(mut session)) = opened(store) else {
        panic!("not ours")
    };
    let asked = continued(&mut session).unwrap();
    assert!(
        matches!(&asked[..], [Effect::ReconcileTool(call)] if &*call.call_id == "a"),
        "{asked:?}"
    );
    assert!(cancelled(store, RUN_ID));
    let (deliver, commit) = commit();
    let handed = session.notify_reconciled("a", answer, NOW, deliver).unwrap();
    assert_eq!(effects((handed, commit)), [Effect::Stop]);
    assert_cancelled(store, &session);
    drop(session);
    let Ok(Opened::Session(session)) = opened(store) else {
        panic!("not ours")
    };
    *session
}

#[test]
fn what_a_tool_found_of_a_call_in_doubt_is_kept_and_not_asked_for_again() {
    on_each_store(|store| {
        let found = Reconciliation::Finished(ToolOutcome {
            content: "it ran".into(),
            is_error: false,
            duration_us: 1,
        });
        let mut session = reconciled_and_cancelled(store, found);
        assert_eq!(continued(&mut session), Ok(vec![Effect::Stop]), "nobody is asked again");
        let state = session.run().calls()[0].state.clone();
        assert!(
            matches!(&state, CallState::Finished(outcome) if outcome.source == OutcomeSource::Reconciled && &*outcome.content == "it ran"),
            "{state:?}"
        );
    });
}

#[test]
fn that_a_tool_cannot_tell_of_a_call_in_doubt_is_written_down_and_it_is_asked_once_more() {
    on_each_store(|store| {
        let mut session = reconciled_and_cancelled(store, Reconciliation::Unknown(Some("no record".into())));
        let written = kinds(store);
        assert!(
            written.ends_with(&["tool_reconciled".to_owned(), "run_cancelled".to_owned()]),
            "{written:?}"
        );
        let asked = continued(&mut session).unwrap();
        assert!(
            matches!(asked[..], [Effect::ReconcileTool(_)]),
            "it may know by now: {asked:?}"
        );
    });
}

/// How often a cancel and a pause set out at once: each comes first some of the time.
const RACES: usize = 500;

#[test]
fn a_cancel_that_races_with_a_pause_holds() {
    for race in 0..RACES {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            durability: Durability::Normal,
            ..SqliteOptions::default()
        };
        let store = StoreHandle::open_sqlite(&directory.path().join("runs.db"), options).unwrap();
        let mut session = began(&store);
        let start = Barrier::new(2);
        let is_cancelled = thread::scope(|scope| {
            let canceller = scope.spawn(|| {
                start.wait();
                cancelled(&store, RUN_ID)
            });
            start.wait();
            assert_eq!(effects(replied(&mut session, calls([confirm("a")]))), [Effect::Stop]);
            canceller.join().unwrap()
        });
        assert!(is_cancelled, "race {race}: nothing was cancelled");
        assert_eq!(on_disk(&store).run.status(), RunStatus::Cancelled, "race {race}");
    }
}
