//! Runs that are over are removed a few at a time.

use std::time::Duration;

use haltpoint_engine::store::{Author, Finish, OutboxClaim, PruneFilter, Pruned, RunStatus, Store, WritableStore};

use crate::support::{
    TestFile, advance_outbox, append, at, beside, claim_outbox, completed_entry, continued, create, execute,
    execute_all, holder, on_each_store,
};

const OVER: [RunStatus; 3] = [RunStatus::Completed, RunStatus::Cancelled, RunStatus::Error];

fn filter(after: i64, patience: Duration) -> PruneFilter {
    PruneFilter {
        statuses: OVER.to_vec(),
        before: at(i64::MAX),
        after,
        is_dry: false,
        patience,
    }
}

fn complete(store: &mut dyn WritableStore, run_id: &str) {
    let author = Author::Driver {
        epoch: 1,
        driver_entries: 1,
    };
    let finish = Some(Finish::as_told(RunStatus::Completed));
    execute_all(
        store,
        vec![
            create(run_id, "a"),
            append(run_id, author, vec![completed_entry()], finish),
        ],
    );
}

#[test]
fn a_part_ends_when_its_time_is_over_and_the_next_goes_on_behind_it() {
    let file = TestFile::new();
    let mut store = file.store();
    for number in 0..40 {
        complete(&mut store, &format!("r{number}"));
    }
    execute_all(&mut store, vec![create("running", "a")]);
    let mut after = 0;
    for _ in 0..40 {
        let pruned = store.prune(&filter(after, Duration::ZERO)).unwrap();
        assert_eq!(pruned.runs, 1);
        after = pruned.next.unwrap_or_default();
    }
    assert_eq!(after, 0, "nothing is behind the last part");
    assert_eq!(store.run_ids(None, 99).unwrap(), ["running"]);
    for table in [
        "entries",
        "requirements",
        "outsiders",
        "outlines",
        "remembered",
        "approvals",
    ] {
        let sql = format!("SELECT count(*) FROM {table}");
        let left: i64 = beside(&file.path()).query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(left, i64::from(table == "entries"), "{table}");
    }
    assert_eq!(store.check().unwrap(), [""; 0]);
}

#[test]
fn what_is_only_counted_stays() {
    on_each_store(|store, _| {
        complete(store, "r");
        let dry = PruneFilter {
            is_dry: true,
            ..filter(0, Duration::from_secs(9))
        };
        assert_eq!(store.prune(&dry), Ok(Pruned { runs: 1, next: None }));
        assert_eq!(store.load("r").unwrap().records.len(), 2);
        let young = PruneFilter {
            before: at(5),
            ..filter(0, Duration::from_secs(9))
        };
        assert_eq!(store.prune(&young).unwrap().runs, 0);
        assert_eq!(store.prune(&filter(0, Duration::from_secs(9))).unwrap().runs, 1);
        assert!(store.load("r").is_err());
        execute(store, create("r", "a")).unwrap();
    });
}

#[test]
fn what_a_webhook_has_not_got_yet_holds_a_run_back() {
    let file = TestFile::new();
    let mut store = file.store();
    let claim = OutboxClaim {
        name: "hook".into(),
        claimant: "a".into(),
        holder: holder("a"),
        now: at(0),
        until: at(10),
    };
    assert_eq!(claim_outbox(&mut store, &claim), Ok(Some(0)));
    complete(&mut store, "r");
    let all = filter(0, Duration::from_secs(9));
    assert_eq!(store.prune(&all).unwrap().runs, 0);
    let place = store.outbox_after(0, 99).unwrap().last().unwrap().place;
    assert_eq!(advance_outbox(&mut store, &claim, place), Ok(true));
    assert_eq!(store.prune(&all).unwrap().runs, 1);
}

#[test]
fn a_run_with_many_entries_is_gone_at_once_and_its_entries_go_in_parts() {
    let file = TestFile::new();
    let mut store = file.store();
    let author = Author::Driver {
        epoch: 1,
        driver_entries: 1,
    };
    let entries = std::iter::repeat_with(continued).take(20).chain([completed_entry()]);
    let finish = Some(Finish::as_told(RunStatus::Completed));
    let completed = append("long", author, entries.collect(), finish);
    execute_all(&mut store, vec![create("long", "a"), completed]);
    assert_eq!(store.prune(&filter(0, Duration::ZERO)).unwrap().runs, 1);
    assert_eq!(store.run_ids(None, 9).unwrap(), [""; 0]);
    assert!(store.load("long").is_err());
    assert_eq!(store.check().unwrap(), [""; 0]);
    assert_eq!(rows_of(&file, "entries"), 18, "some are left for the next part");

    // A run that begins meanwhile, in a process that knows nothing of it, has a number of its own.
    execute_all(&mut file.store(), vec![create("next", "a")]);
    assert_eq!(file.store().load("next").unwrap().records.len(), 1);

    let mut parts = 1;
    while let Some(after) = store.prune(&filter(0, Duration::ZERO)).unwrap().next {
        assert_eq!(after, 0);
        parts += 1;
    }
    assert_eq!(parts, 5);
    assert_eq!((rows_of(&file, "entries"), rows_of(&file, "removals")), (1, 0));
    assert_eq!(store.load("next").unwrap().records.len(), 1);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

#[test]
fn a_run_that_is_there_is_not_removed_by_what_a_stranger_wrote() {
    let file = TestFile::new();
    let mut store = file.store();
    complete(&mut store, "r");
    beside(&file.path())
        .execute("INSERT INTO removals SELECT run FROM runs", [])
        .unwrap();
    let young = PruneFilter {
        before: at(5),
        ..filter(0, Duration::from_secs(9))
    };
    assert_eq!(store.prune(&young), Ok(Pruned { runs: 0, next: None }));
    assert_eq!(store.load("r").unwrap().records.len(), 2);
}

fn rows_of(file: &TestFile, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    beside(&file.path()).query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_was_found_is_removed_page_by_page() {
    let file = TestFile::new();
    let mut store = file.store();
    for number in 0..1100 {
        complete(&mut store, &format!("r{number}"));
    }
    execute_all(&mut store, vec![create("running", "a")]);
    let (mut after, mut found) = (Some(0), Vec::new());
    while let Some(place) = after {
        let pruned = store.prune(&filter(place, Duration::from_secs(9))).unwrap();
        found.push(pruned.runs);
        after = pruned.next;
    }
    assert_eq!(found, [512, 512, 76]);
    assert_eq!(store.run_ids(None, 9).unwrap(), ["running"]);
}
