//! A journal that was read before is read on from where it ended then.

use haltpoint_engine::journal::JournalEnd;
use haltpoint_engine::store::{Operation, RunStatus, StoredRun, WritableStore};

use crate::support::{
    acquire, appended, create, drive, execute, execute_all, granted, on_each_store, stop, tool_started,
};

pub(crate) fn begun(store: &mut dyn WritableStore) -> JournalEnd {
    execute_all(store, vec![create("r", "a"), drive("r", 1, 1, vec![tool_started("b")])]);
    end_of(&store.load("r").unwrap())
}

pub(crate) fn end_of(run: &StoredRun) -> JournalEnd {
    JournalEnd::of(&run.records).unwrap()
}

pub(crate) fn acquire_knowing(end: JournalEnd) -> Operation {
    let mut operation = acquire("r", "b", 2);
    if let Operation::Acquire { known, .. } = &mut operation {
        *known = Some(end);
    }
    operation
}

#[test]
fn only_what_came_since_is_handed_out() {
    on_each_store(|store, _| {
        let end = begun(store);
        assert_eq!(store.load_behind("r", end).unwrap().records, []);
        assert_eq!(execute(store, drive("r", 1, 2, vec![tool_started("c")])), appended(3));
        let whole = store.load("r").unwrap();
        let rest = store.load_behind("r", end).unwrap();
        assert_eq!((&rest.row, &rest.records[..]), (&whole.row, &whole.records[2..]));
        assert_eq!(end_of(&rest), end_of(&whole));
    });
}

#[test]
fn a_lease_brings_what_came_since() {
    on_each_store(|store, _| {
        let end = begun(store);
        execute_all(store, vec![stop("r", 1, 2, RunStatus::Paused)]);
        let whole = store.load("r").unwrap();
        let (epoch, run) = granted(execute(store, acquire_knowing(end)));
        assert_eq!((epoch, &run.records[..]), (2, &whole.records[2..]));
    });
}
