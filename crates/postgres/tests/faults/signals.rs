//! Signals and waits that come at the same time, through connections of their own: none misses the other, and none is taken twice.

use std::collections::BTreeMap;
use std::thread;

use haltpoint_engine::journal::{Entry, Event, RequirementOpened, Terms};
use haltpoint_engine::requirement::{Decision, RequirementKind};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{Append, Author, Committed, NewSignal, Operation, SignalFilter};
use haltpoint_engine::{Json, Text};

use crate::runs::{create, opened};
use crate::server::Database;

const EVENTS: usize = 25;

/// What one connection does, with a beginning of ids.
type Role = fn(&StoreHandle, &str);

fn event(number: usize) -> Event {
    Event {
        name: "paid".into(),
        key: Some(number.to_string().into()),
    }
}

/// Sends a signal of each event, the ids of which begin so; some of them twice.
fn send(handle: &StoreHandle, prefix: &str) {
    for number in 0..EVENTS {
        for _ in 0..=number % 2 {
            let signal = NewSignal {
                id: format!("{prefix}{number}").into(),
                event: event(number),
                payload: Json::parse(number.to_string()).unwrap(),
                by: None,
                at: handle.now(),
            };
            let sent = handle.execute(Operation::Signal(signal)).unwrap();
            assert!(matches!(sent, Committed::Signalled(_)), "{sent:?}");
        }
    }
}

/// Begins a run for each event, which waits for it.
fn wait(handle: &StoreHandle, prefix: &str) {
    for number in 0..EVENTS {
        let run_id = format!("{prefix}{number}");
        create(handle, &run_id).unwrap();
        let opened = Entry::RequirementOpened(RequirementOpened {
            requirement_id: "wait".into(),
            call_id: "call".into(),
            kind: RequirementKind::Wait,
            terms: Terms::default(),
            event: Some(event(number)),
        });
        let append = Append {
            run_id: run_id.into(),
            author: Author::Driver {
                epoch: 1,
                driver_entries: 1,
            },
            at: handle.now(),
            entries: vec![opened],
            finish: None,
        };
        handle.execute(Operation::Append(append)).unwrap();
    }
}

/// The ids of the signals that ended waits of a run.
fn taken(handle: &StoreHandle, run_id: &str) -> Vec<Text> {
    let records = handle.load_blocking(run_id.into()).unwrap().records;
    let decisions = records.into_iter().filter_map(|record| match record.entry {
        Entry::RequirementDecided(decided) => Some(decided.decision),
        _ => None,
    });
    let ids = decisions.filter_map(|decision| match decision {
        Decision::Signal { signal_id, .. } => Some(signal_id),
        _ => None,
    });
    ids.collect()
}

#[test]
fn each_wait_gets_a_signal_of_its_own_whoever_comes_first() {
    let Some(database) = Database::new() else { return };
    // The tables are made once.
    let looking = opened(&database.url());
    let url = database.url();
    let roles: [(Role, &str); 4] = [(send, "s"), (send, "t"), (wait, "a"), (wait, "b")];
    let threads = roles.map(|(play, prefix)| {
        let url = url.clone();
        thread::spawn(move || {
            let handle = opened(&url);
            play(&handle, prefix);
            handle.close();
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut runs_of: BTreeMap<Text, usize> = BTreeMap::new();
    for prefix in ["a", "b"] {
        for number in 0..EVENTS {
            let ids = taken(&looking, &format!("{prefix}{number}"));
            assert_eq!(ids.len(), 1, "{prefix}{number} got {ids:?}");
            *runs_of.entry(ids[0].clone()).or_default() += 1;
        }
    }
    assert_eq!(runs_of.len(), 2 * EVENTS);
    assert!(runs_of.values().all(|count| *count == 1), "{runs_of:?}");
    let filter = SignalFilter {
        limit: 9,
        ..SignalFilter::default()
    };
    let kept = looking.read_blocking(move |store| store.signals(&filter)).unwrap();
    assert_eq!(kept, []);
    looking.close();
}
