//! How long a lease counts, and when a word on a requirement was said, whatever wall clocks say.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{Entry, Terms};
use haltpoint_engine::store::holder::{Expiry, Holder, Liveness, Now, Watch};
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{
    Append, Author, Committed, DueFilter, NewRun, Operation, OutboxClaim, Store, StoreError, WritableStore,
};

use crate::support::{
    LEASE, TestFile, acquire, advance_outbox, appended, at, beside, claim_outbox, confirmed, create, execute,
    execute_all, expired, granted, holder, opened_on, rejected, tool_finished,
};

const HOUR: i64 = 3_600_000_000;

/// Nobody can be seen; holders on the host "here" share a clock that nobody sets.
#[derive(Clone, Default)]
struct Clocks(Arc<AtomicI64>);

impl Clocks {
    fn pass(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Liveness for Clocks {
    fn is_alive(&self, _: &Holder) -> Option<bool> {
        None
    }

    fn shared_clock(&self, holder: &Holder) -> Option<i64> {
        holder.host.starts_with("here").then(|| self.0.load(Ordering::Relaxed))
    }
}

fn on_each_store(test: impl Fn(&mut dyn WritableStore, &Clocks)) {
    let clocks = Clocks::default();
    test(&mut MemoryStore::new(Box::new(clocks.clone())), &clocks);
    let (file, clocks) = (TestFile::new(), Clocks::default());
    let options = SqliteOptions::default();
    let store = SqliteStore::open_with_liveness(&file.path(), &options, Box::new(clocks.clone()));
    test(&mut store.unwrap(), &clocks);
}

/// A run whose holder had this time when it took its lease.
fn create_at(run_id: &str, holder: Holder, now: i64) -> Operation {
    let Operation::Create(new) = create(run_id, "a") else {
        panic!("not a run");
    };
    Operation::Create(NewRun {
        holder,
        at: at(now),
        expires: at(now + LEASE),
        ..new
    })
}

fn far(token: &str) -> Holder {
    Holder {
        host: "far boot=2".into(),
        ..holder(token)
    }
}

fn time_left(outcome: Result<Committed, StoreError>) -> Option<Duration> {
    match outcome {
        Err(StoreError::Busy { left, .. }) => left,
        other => panic!("not busy: {other:?}"),
    }
}

#[test]
fn a_wall_clock_ahead_takes_no_lease_on_the_same_machine() {
    on_each_store(|store, clocks| {
        execute_all(store, vec![create("r", "a")]);
        clocks.pass(LEASE - 1);
        assert!(time_left(execute(store, acquire("r", "b", HOUR))).is_some());
        clocks.pass(1);
        assert_eq!(granted(execute(store, acquire("r", "b", HOUR))).0, 2);
    });
}

#[test]
fn a_wall_clock_behind_keeps_no_lease_on_the_same_machine() {
    on_each_store(|store, clocks| {
        execute_all(store, vec![create_at("r", holder("a"), HOUR)]);
        clocks.pass(LEASE);
        assert_eq!(granted(execute(store, acquire("r", "b", 0))).0, 2);
    });
}

#[test]
fn a_heartbeat_counts_by_the_shared_clock_too() {
    on_each_store(|store, clocks| {
        execute_all(store, vec![create("r", "a")]);
        clocks.pass(LEASE - 1);
        store.heartbeat(&holder("a"), at(0), at(LEASE)).unwrap();
        clocks.pass(LEASE - 1);
        assert!(time_left(execute(store, acquire("r", "b", HOUR))).is_some());
        clocks.pass(1);
        assert_eq!(granted(execute(store, acquire("r", "b", HOUR))).0, 2);
    });
}

#[test]
fn a_lease_from_a_clock_ahead_lasts_one_lease_from_when_somebody_asks() {
    on_each_store(|store, _| {
        execute_all(store, vec![create_at("r", far("a"), HOUR)]);
        let left = time_left(execute(store, acquire("r", "b", 0)));
        assert_eq!(left, Some(Duration::from_micros(LEASE.unsigned_abs())));
        assert!(time_left(execute(store, acquire("r", "c", LEASE - 1))).is_some());
        assert_eq!(granted(execute(store, acquire("r", "c", LEASE))).0, 2);
    });
}

#[test]
fn a_holder_whose_clock_is_ahead_keeps_its_lease_as_long_as_its_heart_beats() {
    on_each_store(|store, _| {
        execute_all(store, vec![create_at("r", far("a"), HOUR)]);
        for now in [0, LEASE, 2 * LEASE] {
            assert!(time_left(execute(store, acquire("r", "b", now))).is_some());
            store
                .heartbeat(&far("a"), at(HOUR + now), at(HOUR + now + LEASE))
                .unwrap();
        }
    });
}

#[test]
fn workers_find_a_run_whose_lease_lasts_too_long_and_so_get_it_in_the_end() {
    on_each_store(|store, _| {
        execute_all(store, vec![create_at("r", far("a"), HOUR)]);
        let due = |store: &mut dyn WritableStore, now| {
            let filter = DueFilter {
                agent_names: vec!["clerk".into()],
                now: at(now),
                limit: 9,
                ..DueFilter::default()
            };
            store.due(&filter).unwrap().len()
        };
        assert_eq!(due(store, 0), 1);
        assert!(time_left(execute(store, acquire("r", "b", 0))).is_some());
        assert_eq!(due(store, 1), 0, "it has its proper length now");
        assert_eq!(due(store, LEASE), 1);
    });
}

#[test]
fn a_lease_of_an_older_release_counts_by_the_wall_clock_and_for_one_lease_at_most() {
    let file = TestFile::new();
    let open = || {
        let clocks = Box::new(Clocks::default());
        SqliteStore::open_with_liveness(&file.path(), &SqliteOptions::default(), clocks).unwrap()
    };
    execute_all(&mut open(), vec![create("r", "a")]);
    let old = "UPDATE holders SET host = 'here boot=1', expires = ?1";
    beside(&file.path()).execute(old, [HOUR]).unwrap();
    let mut store = open();
    assert_eq!(store.row("r").unwrap().holder, Some(holder("a")));
    assert!(time_left(execute(&mut store, acquire("r", "b", 0))).is_some());
    assert_eq!(granted(execute(&mut store, acquire("r", "b", LEASE))).0, 2);
}

#[test]
fn what_is_stored_of_an_expiry_does_not_show_in_the_holder() {
    let file = TestFile::new();
    let mut store =
        SqliteStore::open_with_liveness(&file.path(), &SqliteOptions::default(), Box::new(Clocks::default())).unwrap();
    execute_all(&mut store, vec![create("r", "a")]);
    assert_eq!(store.row("r").unwrap().holder, Some(holder("a")));
    let stored: String = beside(&file.path())
        .query_row("SELECT host FROM holders", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, format!("here boot=1 lease={LEASE} until={LEASE}"));
}

#[test]
fn a_clock_that_both_share_decides_and_else_the_wall_clock() {
    let now = |wall, steady| Now {
        wall: Timestamp(wall),
        steady,
    };
    let expiry = Expiry::renewed(now(1_000, Some(50)), at(1_010));
    assert_eq!(expiry.left(now(9_999, Some(55))), 5);
    assert_eq!(expiry.left(now(1_004, None)), 6);
    assert!(!expiry.is_clearly_too_long(now(0, Some(50))));
    assert!(!expiry.is_clearly_too_long(now(999, None)));
    assert!(expiry.is_clearly_too_long(now(998, None)));
    assert_eq!(expiry.capped(now(0, Some(50)), 7), None);
    assert_eq!(expiry.capped(now(0, None), 7).unwrap().left(now(0, None)), 10);
}

#[test]
fn a_refusal_says_of_a_holder_that_cannot_be_seen_until_when_it_has_the_run() {
    on_each_store(|store, _| {
        execute_all(store, vec![create("r", "a")]);
        let refused = execute(store, acquire("r", "b", 0)).unwrap_err().to_string();
        assert!(
            refused.contains("cannot be seen from here; it is free in 1 s"),
            "{refused}"
        );
    });
}

/// Nobody can be seen, and nobody shares a clock with a holder; each has one of their own that nobody sets.
#[derive(Clone, Default)]
struct Blind(Clocks);

impl Liveness for Blind {
    fn is_alive(&self, _: &Holder) -> Option<bool> {
        None
    }

    fn own_clock(&self, _: &Holder) -> Option<Watch> {
        let time = self.0.0.load(Ordering::Relaxed);
        Some(Watch { clock: 7, time })
    }
}

fn on_each_blind_store(test: impl Fn(&mut dyn WritableStore, &Clocks)) {
    let blind = Blind::default();
    test(&mut MemoryStore::new(Box::new(blind.clone())), &blind.0);
    let (file, blind) = (TestFile::new(), Blind::default());
    test(&mut blind_store(&file, &blind), &blind.0);
}

fn blind_store(file: &TestFile, blind: &Blind) -> SqliteStore {
    SqliteStore::open_with_liveness(&file.path(), &SqliteOptions::default(), Box::new(blind.clone())).unwrap()
}

fn count_due(store: &mut dyn WritableStore, now: i64) -> usize {
    let filter = DueFilter {
        agent_names: vec!["clerk".into()],
        now: at(now),
        limit: 9,
        ..DueFilter::default()
    };
    store.due(&filter).unwrap().len()
}

#[test]
fn of_a_holder_that_cannot_be_seen_a_whole_lease_of_silence_is_watched() {
    on_each_blind_store(|store, clocks| {
        execute_all(store, vec![create("r", "a")]);
        let left = time_left(execute(store, acquire("r", "b", HOUR)));
        assert_eq!(left, Some(Duration::from_micros(LEASE.unsigned_abs())));
        clocks.pass(LEASE - 1);
        let left = time_left(execute(store, acquire("r", "c", 24 * HOUR)));
        assert_eq!(left, Some(Duration::from_micros(1)));
        clocks.pass(1);
        assert_eq!(granted(execute(store, acquire("r", "c", HOUR))).0, 2);
    });
}

#[test]
fn a_sign_of_life_begins_the_watch_anew() {
    on_each_blind_store(|store, clocks| {
        execute_all(store, vec![create("r", "a")]);
        for now in [0, 1, 2] {
            assert!(time_left(execute(store, acquire("r", "b", HOUR))).is_some());
            clocks.pass(LEASE - 1);
            assert!(time_left(execute(store, acquire("r", "b", HOUR))).is_some());
            store.heartbeat(&holder("a"), at(now), at(now + LEASE)).unwrap();
            clocks.pass(LEASE);
        }
    });
}

#[test]
fn a_wall_clock_behind_keeps_no_lease_of_a_holder_that_cannot_be_seen() {
    on_each_blind_store(|store, clocks| {
        execute_all(store, vec![create_at("r", holder("a"), HOUR)]);
        assert!(time_left(execute(store, acquire("r", "b", 0))).is_some());
        clocks.pass(LEASE);
        assert_eq!(granted(execute(store, acquire("r", "b", LEASE))).0, 2);
    });
}

#[test]
fn workers_begin_the_watch_and_come_again_when_it_is_over() {
    on_each_blind_store(|store, clocks| {
        execute_all(store, vec![create("r", "a")]);
        assert_eq!(count_due(store, LEASE - 1), 0);
        assert_eq!(count_due(store, LEASE), 1);
        assert!(time_left(execute(store, acquire("r", "b", LEASE))).is_some());
        assert_eq!(count_due(store, HOUR), 0);
        clocks.pass(LEASE);
        assert_eq!(count_due(store, HOUR), 1);
    });
}

#[test]
fn a_process_that_comes_later_need_not_begin_the_watch_anew_and_a_machine_that_was_restarted_does() {
    let (file, blind) = (TestFile::new(), Blind::default());
    blind.0.pass(HOUR);
    execute_all(&mut blind_store(&file, &blind), vec![create("r", "a")]);
    assert!(time_left(execute(&mut blind_store(&file, &blind), acquire("r", "b", HOUR))).is_some());
    let restarted = Blind::default();
    assert!(time_left(execute(&mut blind_store(&file, &restarted), acquire("r", "c", HOUR))).is_some());
    restarted.0.pass(LEASE);
    assert_eq!(
        granted(execute(&mut blind_store(&file, &restarted), acquire("r", "d", HOUR))).0,
        2
    );
}

const MINUTE: i64 = 60_000_000;

fn written_at(time: i64, author: Author, entries: Vec<Entry>) -> Operation {
    Operation::Append(Append {
        run_id: "r".into(),
        author,
        at: at(time),
        entries,
        finish: None,
    })
}

fn said_at(time: i64, entry: Entry) -> Operation {
    written_at(time, Author::External, vec![entry])
}

fn driven_at(time: i64, driver_entries: u64, entries: Vec<Entry>) -> Operation {
    let epoch = 1;
    written_at(time, Author::Driver { epoch, driver_entries }, entries)
}

/// Asked at [`HOUR`], and waited for until a minute later.
fn ask(store: &mut dyn WritableStore, requirement_ids: &[&str]) {
    let terms = Terms {
        expires_at: Some(at(HOUR + MINUTE)),
        ..Terms::default()
    };
    let opened = requirement_ids.iter().map(|id| opened_on(id, terms)).collect();
    execute_all(store, vec![create("r", "a"), driven_at(HOUR, 1, opened)]);
}

fn last_time(store: &mut dyn WritableStore) -> i64 {
    store.load("r").unwrap().records.last().unwrap().at.0
}

#[track_caller]
fn assert_too_late(outcome: &Result<Committed, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Expired { .. })), "{outcome:?}");
}

#[test]
fn a_decision_is_dated_no_earlier_than_the_question_and_counts() {
    on_each_store(|store, _| {
        ask(store, &["q"]);
        assert_eq!(execute(store, said_at(0, confirmed("q"))), appended(3));
        assert_eq!(last_time(store), HOUR);
    });
}

#[test]
fn a_decision_of_a_clock_that_is_right_is_dated_by_it() {
    on_each_store(|store, _| {
        ask(store, &["q"]);
        assert_eq!(execute(store, said_at(HOUR + 7, confirmed("q"))), appended(3));
        assert_eq!(last_time(store), HOUR + 7);
    });
}

#[test]
fn a_clock_that_is_put_back_gives_no_time_back_once_the_journal_shows_that_it_is_over() {
    let show_that_it_is_over = [
        said_at(HOUR + MINUTE, expired("other")),
        driven_at(HOUR + MINUTE, 3, vec![tool_finished("call", "done")]),
    ];
    for entry in show_that_it_is_over {
        on_each_store(|store, _| {
            ask(store, &["q", "other"]);
            execute_all(store, vec![entry.clone()]);
            assert_too_late(&execute(store, said_at(HOUR + 1, confirmed("q"))));
            assert_too_late(&execute(store, said_at(0, rejected("q"))));
            assert_eq!(execute(store, said_at(0, expired("q"))), appended(5));
            assert_eq!(last_time(store), HOUR + MINUTE);
        });
    }
}

#[test]
fn a_clock_that_was_ahead_before_the_question_ends_no_time_and_prolongs_none() {
    on_each_store(|store, _| {
        let early = [24 * HOUR, 20 * HOUR];
        let ahead = early
            .iter()
            .zip(1..)
            .map(|(&time, place)| driven_at(time, place, vec![tool_finished("call", "done")]));
        execute_all(store, std::iter::once(create("r", "a")).chain(ahead).collect());
        let terms = Terms {
            expires_at: Some(at(HOUR + MINUTE)),
            ..Terms::default()
        };
        let opened = vec![opened_on("q", terms), opened_on("late", terms)];
        execute_all(store, vec![driven_at(HOUR, 3, opened)]);
        assert_eq!(execute(store, said_at(HOUR + 7, confirmed("q"))), appended(6));
        assert_eq!(last_time(store), HOUR + 7);
        assert_too_late(&execute(store, said_at(HOUR + MINUTE, confirmed("late"))));
        assert_eq!(execute(store, said_at(HOUR + MINUTE, expired("late"))), appended(7));
    });
}

#[test]
fn a_driver_that_has_not_heard_of_it_gives_no_time_back_either() {
    on_each_store(|store, _| {
        ask(store, &["q", "other"]);
        let unheard = driven_at(HOUR + 1, 3, vec![tool_finished("call", "done")]);
        execute_all(store, vec![said_at(HOUR + MINUTE, expired("other")), unheard]);
        assert_too_late(&execute(store, said_at(HOUR + 2, confirmed("q"))));
    });
}

#[test]
fn what_a_driver_writes_keeps_the_time_that_its_state_has() {
    on_each_store(|store, _| {
        ask(store, &["q"]);
        execute_all(store, vec![driven_at(HOUR - 1, 2, vec![tool_finished("call", "done")])]);
        assert_eq!(last_time(store), HOUR - 1);
    });
}

#[test]
fn what_is_not_over_by_any_clock_does_not_expire() {
    on_each_store(|store, _| {
        ask(store, &["q"]);
        for time in [0, HOUR + MINUTE - 1] {
            let outcome = execute(store, said_at(time, expired("q")));
            assert!(matches!(outcome, Err(StoreError::NotDue { .. })), "{outcome:?}");
        }
    });
}

fn on_a_file(test: impl Fn(&mut dyn WritableStore, &Clocks, &TestFile)) {
    let (file, clocks) = (TestFile::new(), Clocks::default());
    let options = SqliteOptions::default();
    let store = SqliteStore::open_with_liveness(&file.path(), &options, Box::new(clocks.clone()));
    test(&mut store.unwrap(), &clocks, &file);
}

/// A claim to deliver, made at this time for as long as a lease.
fn claim(holder: Holder, now: i64) -> OutboxClaim {
    OutboxClaim {
        name: "hook".into(),
        claimant: holder.token.clone(),
        holder,
        now: at(now),
        until: at(now + LEASE),
    }
}

fn may_deliver(store: &mut dyn WritableStore, holder: Holder, now: i64) -> bool {
    claim_outbox(store, &claim(holder, now)).unwrap().is_some()
}

fn goes_on_delivering(store: &mut dyn WritableStore, holder: Holder, now: i64) -> bool {
    advance_outbox(store, &claim(holder, now), 0).unwrap()
}

#[test]
fn a_wall_clock_ahead_takes_no_delivery_on_the_same_machine() {
    on_a_file(|store, clocks, _| {
        assert!(may_deliver(store, holder("a"), 0));
        clocks.pass(LEASE - 1);
        assert!(!may_deliver(store, holder("b"), HOUR));
        assert!(goes_on_delivering(store, holder("a"), 0));
        clocks.pass(LEASE - 1);
        assert!(!may_deliver(store, holder("b"), HOUR));
        clocks.pass(1);
        assert!(may_deliver(store, holder("b"), HOUR));
        assert!(!goes_on_delivering(store, holder("a"), 0));
    });
}

#[test]
fn a_wall_clock_behind_keeps_no_delivery_on_the_same_machine() {
    on_a_file(|store, clocks, _| {
        assert!(may_deliver(store, holder("a"), HOUR));
        clocks.pass(LEASE);
        assert!(may_deliver(store, holder("b"), 0));
    });
}

#[test]
fn a_claim_from_a_clock_ahead_lasts_its_length_from_when_somebody_asks() {
    on_a_file(|store, _, _| {
        assert!(may_deliver(store, far("a"), HOUR));
        assert!(!may_deliver(store, far("b"), 0));
        assert!(!may_deliver(store, far("b"), LEASE - 1));
        assert!(may_deliver(store, far("b"), LEASE));
    });
}

#[test]
fn a_claimant_whose_clock_is_ahead_goes_on_delivering_as_long_as_it_says_so() {
    on_a_file(|store, _, _| {
        assert!(may_deliver(store, far("a"), HOUR));
        for now in [0, LEASE - 1, 2 * LEASE - 2] {
            assert!(!may_deliver(store, far("b"), now));
            assert!(goes_on_delivering(store, far("a"), HOUR + now));
        }
    });
}

#[test]
fn a_claim_that_is_given_up_is_free_at_once_whatever_the_clocks() {
    on_a_file(|store, _, _| {
        assert!(may_deliver(store, holder("a"), HOUR));
        let given_up = OutboxClaim {
            until: at(HOUR),
            ..claim(holder("a"), HOUR)
        };
        assert_eq!(advance_outbox(store, &given_up, 0), Ok(true));
        assert!(may_deliver(store, holder("b"), 0));
    });
}

#[test]
fn a_claim_of_an_older_release_counts_by_the_wall_clock_and_for_one_length_at_most() {
    let without_length = serde_json::to_string(&("a", holder("a"))).unwrap();
    for claimed_by in [without_length.as_str(), "somebody"] {
        on_a_file(|store, _, file| {
            assert!(may_deliver(store, holder("a"), 0));
            beside(&file.path())
                .execute(
                    "UPDATE subscriptions SET claimed_by = ?1, claimed_until = ?2",
                    (claimed_by, HOUR),
                )
                .unwrap();
            assert!(!may_deliver(store, holder("b"), 0));
            assert!(!may_deliver(store, holder("b"), LEASE - 1));
            assert!(may_deliver(store, holder("b"), LEASE));
        });
    }
}
