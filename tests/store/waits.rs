//! Runs that wait for a time: what lists leave out, when the next time comes, and what lets such a run go on.

use haltpoint_engine::Text;
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::store::{DueFilter, RequirementFilter, RequirementSet, RunStatus, WritableStore};

use crate::support::{
    at, confirmed, create, drive, execute_all, expired, on_each_store, opened, say, sleeping, stop, stop_until,
};

/// What [`say`] appends happens at this time.
const NOW: i64 = 5;

fn asleep(run_id: &str, until: i64) -> Vec<haltpoint_engine::store::Operation> {
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
    let filter = DueFilter {
        agent_names: vec!["clerk".into()],
        limit: 9,
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
        assert_eq!(store.next_expiry(at(0)), Ok(None));
        execute_all(store, asleep("late", 90));
        execute_all(store, asleep("soon", 40));
        let over = drive("over", 1, 1, vec![sleeping("over", 20)]);
        execute_all(
            store,
            vec![create("over", "a"), over, stop("over", 1, 2, RunStatus::Cancelled)],
        );
        assert_eq!(store.next_expiry(at(0)), Ok(Some(at(40))));
        assert_eq!(store.next_expiry(at(40)), Ok(Some(at(90))));
        assert_eq!(store.next_expiry(at(90)), Ok(None));
        execute_all(store, vec![say("soon", confirmed("nap"))]);
        assert_eq!(store.next_expiry(at(0)), Ok(Some(at(90))));
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
