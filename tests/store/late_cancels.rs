//! A driver's last append meets what others wanted before: whichever is on disk first holds.

use haltpoint_engine::journal::{CancelRequested, Entry};
use haltpoint_engine::store::{
    Author, CancelFlag, Committed, Finish, LateCancel, Operation, RunStatus, StoreError, WritableStore,
};

use crate::support::{
    append, appended, cancel, confirmed, create, drive, execute, execute_all, kinds, on_each_store, opened, say,
    tool_finished, tool_started,
};

pub(crate) fn wanted_by(name: &str) -> CancelRequested {
    CancelRequested {
        interrupt: false,
        by: Some(name.into()),
        reason: None,
    }
}

/// The end of run `r`, whose driver has heard of so many entries of outsiders.
pub(crate) fn end(driver_entries: u64, (heard, heard_seq): (u64, u64), wish: &CancelFlag) -> Operation {
    let late_cancel = LateCancel {
        heard,
        heard_seq,
        facts: vec![tool_finished("first", "x")],
        dropped_request: false,
        wish: wish.clone(),
    };
    let finish = Finish {
        status: RunStatus::Paused,
        goes_on_with: 0,
        if_cancelled: Some(late_cancel),
    };
    let author = Author::Driver {
        epoch: 1,
        driver_entries,
    };
    let entries = vec![tool_finished("first", "x"), opened("q"), tool_started("never")];
    append("r", author, entries, Some(finish))
}

pub(crate) fn cancelled(seq: u64) -> Result<Committed, StoreError> {
    Ok(Committed::Cancelled { seq })
}

pub(crate) fn assert_cancelled(store: &mut dyn WritableStore, last: &[&str]) {
    let run = store.load("r").unwrap();
    assert!(kinds(&run).ends_with(last), "{:?}", kinds(&run));
    assert_eq!((run.row.status, run.row.holder), (RunStatus::Cancelled, None));
    assert_eq!(store.requirements(&Default::default()), Ok(vec![]));
    assert_eq!(
        execute(store, drive("r", 1, 3, vec![tool_started("late")])),
        Err(StoreError::LeaseLost { run_id: "r".into() }),
        "the lease went back"
    );
}

#[test]
fn a_cancel_that_the_driver_has_not_heard_of_is_what_the_run_ends_with() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), say("r", cancel())]);
        let wish = CancelFlag::default();
        assert_eq!(execute(store, end(1, (0, 0), &wish)), cancelled(4));
        assert_cancelled(store, &["cancel_requested", "tool_finished", "run_cancelled"]);
        assert!(!wish.want(wanted_by("ann")), "the run is over");
    });
}

#[test]
fn a_cancel_that_the_driver_has_heard_of_is_its_own_affair() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), say("r", cancel())]);
        assert_eq!(execute(store, end(1, (1, 2), &CancelFlag::default())), appended(5));
        assert_eq!(store.row("r").unwrap().status, RunStatus::Paused);
    });
}

#[test]
fn a_cancel_among_other_things_that_the_driver_has_not_heard_of_is_found() {
    on_each_store(|store, _| {
        let first = append(
            "r",
            Author::Driver {
                epoch: 1,
                driver_entries: 1,
            },
            vec![opened("p")],
            None,
        );
        execute_all(
            store,
            vec![create("r", "a"), first, say("r", confirmed("p")), say("r", cancel())],
        );
        assert_eq!(execute(store, end(2, (1, 3), &CancelFlag::default())), cancelled(6));
    });
}

#[test]
fn what_else_the_driver_has_not_heard_of_changes_nothing() {
    on_each_store(|store, _| {
        let first = append(
            "r",
            Author::Driver {
                epoch: 1,
                driver_entries: 1,
            },
            vec![opened("p")],
            None,
        );
        execute_all(
            store,
            vec![create("r", "a"), say("r", cancel()), first, say("r", confirmed("p"))],
        );
        assert_eq!(execute(store, end(2, (1, 2), &CancelFlag::default())), appended(7));
    });
}

#[test]
fn a_cancel_of_another_run_changes_nothing() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), create("s", "a"), say("s", cancel())]);
        assert_eq!(execute(store, end(1, (0, 0), &CancelFlag::default())), appended(4));
    });
}

#[test]
fn what_the_drivers_process_wanted_before_is_written_down_and_holds() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        let wish = CancelFlag::default();
        assert!(wish.want(wanted_by("ann")));
        assert!(wish.want(wanted_by("bob")), "it is going to be cancelled");
        assert_eq!(execute(store, end(1, (0, 0), &wish)), cancelled(4));
        assert_cancelled(store, &["tool_finished", "cancel_requested", "run_cancelled"]);
        let records = store.load("r").unwrap().records;
        assert_eq!(records[2].entry, Entry::CancelRequested(wanted_by("ann")));
        assert!(!records[2].outsider);
    });
}

#[test]
fn what_the_drivers_process_wants_after_the_end_comes_too_late() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        let wish = CancelFlag::default();
        assert_eq!(execute(store, end(1, (0, 0), &wish)), appended(4));
        assert!(!wish.want(wanted_by("ann")));
    });
}

#[test]
fn a_driver_that_lost_its_lease_ends_nothing_and_keeps_nobody_from_cancelling() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a"), say("r", cancel())]);
        let wish = CancelFlag::default();
        let fenced = end(7, (0, 0), &wish);
        assert_eq!(
            execute(store, fenced),
            Err(StoreError::LeaseLost { run_id: "r".into() })
        );
        assert_eq!(kinds(&store.load("r").unwrap()), ["tool_started", "cancel_requested"]);
        assert!(wish.want(wanted_by("ann")));
    });
}
