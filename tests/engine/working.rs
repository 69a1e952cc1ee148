//! Runs on their way to workers and back, and those who listen to what their drivers write.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, FailureKind};
use haltpoint_engine::run::Effect;
use haltpoint_engine::session::{
    CommittedEntry, EngineError, Opened, event_lines, journal_after, requeue, submit, take,
};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{ExternalRecord, RunStatus, Store, StoreError};
use serde_json::{Value, json};

use crate::scenario::{RUN_ID, calls, confirm, confirmed, plain, run_started, text};
use crate::sessions::{NOW, began, cancelled, commit, continued, decided, on_disk, on_file, replied, wait};

fn on_each_store(test: impl Fn(&StoreHandle)) {
    test(&StoreHandle::in_memory());
    let (_directory, store) = on_file();
    test(&store);
}

fn requeued(store: &StoreHandle) -> Result<bool, EngineError> {
    wait(|then| requeue(store, RUN_ID.into(), Some("ann".into()), NOW, then))
}

fn taken(store: &StoreHandle, max_recoveries: u32) -> Opened {
    wait(|then| take(store, RUN_ID.into(), None, max_recoveries, NOW, then)).unwrap_or_else(|error| panic!("{error}"))
}

fn status(store: &StoreHandle) -> RunStatus {
    on_disk(store).run.status()
}

fn paused(store: &StoreHandle) {
    let mut session = began(store);
    let (handed, commit) = replied(&mut session, calls([confirm("a")]));
    if handed.later.is_some() {
        commit.recv().unwrap().unwrap();
    }
}

#[test]
fn a_paused_run_is_work_for_a_worker_once_something_was_decided() {
    on_each_store(|store| {
        paused(store);
        assert_eq!(requeued(store), Ok(false));
        assert_eq!(status(store), RunStatus::Paused);
        decided(store, confirmed()).unwrap();
        assert_eq!(requeued(store), Ok(true));
        assert_eq!(status(store), RunStatus::Queued);
        let Entry::RunQueued(queued) = &last_entry(store) else {
            panic!("{:?}", last_entry(store))
        };
        assert_eq!(queued.by.as_deref(), Some("ann"));
    });
}

fn last_entry(store: &StoreHandle) -> Entry {
    let stored = store.read_blocking(|store: &mut dyn Store| store.load(RUN_ID)).unwrap();
    stored.records.last().unwrap().entry.clone()
}

#[test]
fn a_run_that_was_stopped_is_queued_again_once() {
    on_each_store(|store| {
        paused(store);
        assert!(cancelled(store, RUN_ID));
        assert_eq!(requeued(store), Ok(true));
        let entries = || {
            store
                .read_blocking(|store: &mut dyn Store| store.load(RUN_ID))
                .unwrap()
                .records
                .len()
        };
        let before = entries();
        assert_eq!(requeued(store), Ok(true), "it is queued");
        assert_eq!((entries(), status(store)), (before, RunStatus::Queued));
    });
}

#[test]
fn a_run_that_is_over_or_unknown_is_not_queued() {
    on_each_store(|store| {
        let unknown: EngineError = StoreError::RunNotFound { run_id: RUN_ID.into() }.into();
        assert_eq!(requeued(store), Err(unknown));
        let mut session = began(store);
        let busy = requeued(store).unwrap_err();
        assert!(matches!(busy, EngineError::Store(StoreError::Busy { .. })), "{busy:?}");
        let (handed, commit) = replied(&mut session, text("done"));
        if handed.later.is_some() {
            commit.recv().unwrap().unwrap();
        }
        assert_eq!(requeued(store), Ok(false));
        assert_eq!(status(store), RunStatus::Completed);
    });
}

#[test]
fn a_queued_run_is_driven_by_whoever_takes_it() {
    on_each_store(|store| {
        wait(|then| submit(store, run_started(), Some("ann".into()), None, NOW, then)).unwrap();
        assert_eq!(status(store), RunStatus::Queued);
        let Opened::Session(mut session) = taken(store, 3) else {
            panic!("it is due")
        };
        assert_eq!(continued(&mut session), Ok(vec![Effect::RequestModel]));
    });
}

#[test]
fn a_worker_leaves_a_run_alone_that_waits_for_people() {
    on_each_store(|store| {
        paused(store);
        assert!(matches!(taken(store, 3), Opened::Idle(_)));
        decided(store, confirmed()).unwrap();
        assert!(matches!(taken(store, 3), Opened::Session(_)));
    });
}

/// A driver that ends in the middle.
fn driven_to_death(store: &StoreHandle) {
    let Opened::Session(mut session) = taken(store, 99) else {
        panic!("an orphan is due")
    };
    continued(&mut session).unwrap();
}

#[test]
fn a_run_that_ends_one_driver_after_the_other_is_set_aside() {
    on_each_store(|store| {
        drop(began(store));
        driven_to_death(store);
        driven_to_death(store);
        assert!(matches!(taken(store, 3), Opened::Session(_)));
        let Opened::Idle(found) = taken(store, 2) else {
            panic!("two recoveries are enough")
        };
        assert_eq!(found.run.status(), RunStatus::Error);
        let failure = on_disk(store).run.failure().cloned().unwrap();
        assert_eq!(failure.kind, FailureKind::SetAside);
        assert_eq!(requeued(store), Ok(true), "somebody looked at it");
        assert!(matches!(taken(store, 2), Opened::Session(_)));
    });
}

#[test]
fn who_listens_to_a_run_gets_what_is_committed_from_then_on() {
    on_each_store(|store| {
        let mut session = began(store);
        let listening = session.listen();
        let (handed, written) = replied(&mut session, calls([plain("a")]));
        if handed.later.is_some() {
            written.recv().unwrap().unwrap();
        }
        let stored = store.read_blocking(|store: &mut dyn Store| store.load(RUN_ID)).unwrap();
        let expected: Vec<_> = stored.records[1..]
            .iter()
            .map(|record| (record.seq, record.at, record.outsider, record.entry.clone()))
            .collect();
        let found = listening.take(1, false).unwrap().into_iter();
        let found: Vec<_> = found
            .map(|entry| (entry.seq, entry.at, entry.outsider, entry.entry))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(listening.take(0, true), None, "how it began was not told");
        let place = stored.records.len() as u64;
        assert_eq!(
            session.listen().take(place, false),
            Some(vec![]),
            "it is the same for all"
        );

        // What others append is told as soon as the driver notices it.
        assert!(cancelled(store, RUN_ID));
        let stored = store.read_blocking(|store: &mut dyn Store| store.load(RUN_ID)).unwrap();
        let notice = ExternalRecord {
            run_id: RUN_ID.into(),
            record: stored.records.last().unwrap().clone(),
            authentic: false,
        };
        let (deliver, _commit) = commit();
        let handed = session.notify_noticed(&notice, NOW, deliver).unwrap();
        assert_eq!(handed.now, [], "anybody could have written it");
        assert_eq!(session.run().cancellation(), None);
        let found = listening.take(place, false).unwrap();
        let [
            CommittedEntry {
                seq,
                outsider: true,
                entry: Entry::CancelRequested(_),
                ..
            },
        ] = found[..]
        else {
            panic!("{found:?}")
        };
        assert_eq!(seq, place + 1);
    });
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_entries_behind_a_place_are_lines_of_json() {
    on_each_store(|store| {
        paused(store);
        decided(store, confirmed()).unwrap();
        let stored = store.read_blocking(|store: &mut dyn Store| store.load(RUN_ID)).unwrap();
        let after = |place: u64| {
            let text = store.read_blocking(move |store: &mut dyn Store| Ok(journal_after(store, RUN_ID, place)));
            text.unwrap().unwrap()
        };
        let all = lines(&after(0));
        assert_eq!(all.len(), stored.records.len());
        for (line, record) in all.iter().zip(&stored.records) {
            assert_eq!(line["seq"], json!(record.seq));
            assert_eq!(line["at"], json!(record.at.0));
            assert_eq!(line["kind"], json!(record.entry.kind()));
            assert_eq!(line.get("outsider"), record.outsider.then_some(&json!(true)));
        }
        let last = stored.records.last().unwrap();
        assert_eq!(all.last().unwrap()["entry"]["by"], "ada");
        assert_eq!(lines(&after(last.seq - 1)), all[all.len() - 1..]);
        assert_eq!(after(last.seq), "");
        let committed = stored.records.iter().map(|record| CommittedEntry {
            seq: record.seq,
            at: record.at,
            outsider: record.outsider,
            entry: record.entry.clone(),
        });
        assert_eq!(event_lines(committed).unwrap(), after(0));
        let unknown: Text = "x".into();
        let missing = store.read_blocking(|store: &mut dyn Store| Ok(journal_after(store, "x", 0)));
        assert_eq!(
            missing.unwrap(),
            Err(StoreError::RunNotFound { run_id: unknown }.into())
        );
    });
}
