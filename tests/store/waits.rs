//! Runs that wait for a time: what lists leave out, when the next time comes, and what lets such a run go on.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, RunQueued};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::store::{
    Author, DueFilter, NewRun, Operation, RequirementFilter, RequirementSet, RunStatus, WritableStore,
};

use crate::support::{
    acquire, append, at, confirmed, continued, create, drive, execute_all, expired, on_each_store, opened, say,
    sleeping, stop, stop_until, tool_started,
};

/// What [`say`] appends happens at this time.
const NOW: i64 = 5;

fn asleep(run_id: &str, until: i64) -> Vec<Operation> {
    vec![
        create(run_id, "a"),
        drive(run_id, 1, 1, vec![sleeping("nap", until)]),
        stop_until(run_id, 2, 0),
    ]
}

fn ids(store: &mut dyn WritableStore, filter: &RequirementFilter) -> Vec<Text> {
    let filter = RequirementFilter {
        limit: 9,
        ..filter.clone()
    };
    let found = store.requirements(&filter).unwrap();
    assert_eq!(store.count_requirements(&filter).unwrap(), found.len() as u64);
    found.into_iter().map(|row| row.requirement_id).collect()
}

fn due(store: &mut dyn WritableStore) -> Vec<Text> {
    due_by(store, 0)
}

fn due_by(store: &mut dyn WritableStore, now: i64) -> Vec<Text> {
    let filter = DueFilter {
        agent_names: vec!["clerk".into()],
        limit: 9,
        now: at(now),
        ..DueFilter::default()
    };
    store.due(&filter).unwrap().into_iter().map(|row| row.run_id).collect()
}

#[test]
fn lists_leave_waits_out_unless_they_are_about_them() {
    on_each_store(|store, _| {
        let asks = drive("r", 1, 1, vec![sleeping("nap", NOW), opened("q")]);
        execute_all(store, vec![create("r", "a"), asks, stop("r", 1, 3, RunStatus::Paused)]);
        for set in [RequirementSet::All, RequirementSet::Open] {
            let all = RequirementFilter {
                set,
                ..RequirementFilter::default()
            };
            assert_eq!(ids(store, &all), ["q".into()]);
            let of_run = RequirementFilter {
                run_id: Some("r".into()),
                ..all.clone()
            };
            assert_eq!(ids(store, &of_run), ["q".into()]);
            let waits = RequirementFilter {
                kind: Some(RequirementKind::Wait),
                ..all.clone()
            };
            assert_eq!(ids(store, &waits), ["nap".into()]);
            let named = RequirementFilter {
                requirement_id: Some("nap".into()),
                ..all.clone()
            };
            assert_eq!(ids(store, &named), ["nap".into()]);
            let beginning = RequirementFilter {
                id_prefix: Some("na".into()),
                ..all
            };
            assert_eq!(ids(store, &beginning), ["nap".into()]);
        }
    });
}

#[test]
fn the_next_time_is_the_first_one_behind_that_of_a_run_that_is_not_stopped() {
    on_each_store(|store, _| {
        assert_eq!(store.next_due(at(0)), Ok(None));
        execute_all(store, asleep("late", 90));
        execute_all(store, asleep("soon", 40));
        let over = drive("over", 1, 1, vec![sleeping("over", 20)]);
        execute_all(
            store,
            vec![create("over", "a"), over, stop("over", 1, 2, RunStatus::Cancelled)],
        );
        assert_eq!(store.next_due(at(0)), Ok(Some(at(40))));
        assert_eq!(store.next_due(at(40)), Ok(Some(at(90))));
        assert_eq!(store.next_due(at(90)), Ok(None));
        execute_all(store, vec![say("soon", confirmed("nap"))]);
        assert_eq!(store.next_due(at(0)), Ok(Some(at(90))));
    });
}

#[test]
fn a_run_that_is_asleep_is_found_once_its_time_has_come() {
    on_each_store(|store, _| {
        execute_all(store, asleep("r", NOW));
        assert_eq!(due(store), [] as [Text; 0]);
        execute_all(store, vec![say("r", expired("nap"))]);
        assert_eq!(due(store), ["r".into()]);
    });
}

#[test]
fn a_run_that_waits_for_a_time_as_well_is_found_once_one_of_all_that_is_there() {
    on_each_store(|store, _| {
        for (run_id, news) in [("r1", expired("nap")), ("r2", confirmed("q"))] {
            let asks = drive(run_id, 1, 1, vec![sleeping("nap", NOW), opened("q"), opened("p")]);
            execute_all(store, vec![create(run_id, "a"), asks, stop_until(run_id, 4, 2)]);
            assert!(!due(store).contains(&run_id.into()));
            execute_all(store, vec![say(run_id, news)]);
            assert!(due(store).contains(&run_id.into()));
        }
    });
}

#[test]
fn what_came_before_the_run_had_paused_lets_it_go_on() {
    on_each_store(|store, _| {
        let asks = drive("r", 1, 1, vec![sleeping("nap", NOW), opened("q")]);
        execute_all(
            store,
            vec![create("r", "a"), asks, say("r", confirmed("q")), stop_until("r", 3, 1)],
        );
        assert_eq!(due(store), ["r".into()]);
    });
}

fn queued(run_id: &str, not_before: Option<i64>) -> Operation {
    let Operation::Create(new) = create(run_id, "a") else {
        panic!("not a run");
    };
    let queued = RunQueued {
        by: None,
        not_before: not_before.map(at),
    };
    Operation::Create(NewRun {
        entries: vec![tool_started("first"), Entry::RunQueued(queued)],
        ..new
    })
}

#[test]
fn a_run_for_later_is_found_from_its_time_on_beside_the_others() {
    on_each_store(|store, _| {
        let runs = [("r1", Some(60)), ("r2", None), ("r3", Some(40)), ("r4", None)];
        execute_all(store, runs.map(|(run_id, from)| queued(run_id, from)).to_vec());
        assert_eq!(store.row("r1").unwrap().not_before, Some(at(60)));
        assert_eq!(due_by(store, 39), ["r2".into(), "r4".into()]);
        assert_eq!(due_by(store, 40), ["r2".into(), "r3".into(), "r4".into()]);
        assert_eq!(due_by(store, 90), ["r1".into(), "r2".into(), "r3".into(), "r4".into()]);
        assert_eq!(store.next_due(at(0)), Ok(Some(at(40))));
        assert_eq!(store.next_due(at(40)), Ok(Some(at(60))));
        assert_eq!(store.next_due(at(60)), Ok(None));
    });
}

#[test]
fn a_run_for_later_that_was_taken_waits_no_longer() {
    on_each_store(|store, _| {
        execute_all(store, vec![queued("r", Some(40)), acquire("r", "b", 1)]);
        let author = Author::Driver {
            epoch: 2,
            driver_entries: 2,
        };
        execute_all(store, vec![append("r", author, vec![continued()], None)]);
        let row = store.row("r").unwrap();
        assert_eq!((row.status, row.not_before), (RunStatus::Running, None));
        assert_eq!(store.next_due(at(0)), Ok(None));
    });
}
