//! What workers find, and what goes to subscribers.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, RunQueued};
use haltpoint_engine::store::{DueFilter, NewRun, Operation, OutboxClaim, RunStatus, WritableStore};

use crate::support::{
    Deaths, TestFile, acquire, advance_outbox, at, beside, claim_outbox, confirmed, create, drive, execute,
    execute_all, holder, on_each_store, opened, say, stop, tool_started,
};

fn queue(run_id: &str) -> Operation {
    let Operation::Create(new) = create(run_id, "a") else {
        panic!("not a run");
    };
    Operation::Create(NewRun {
        entries: vec![
            tool_started("first"),
            Entry::RunQueued(RunQueued {
                by: None,
                not_before: None,
            }),
        ],
        ..new
    })
}

fn filter(limit: u32) -> DueFilter {
    DueFilter {
        agent_names: vec!["clerk".into()],
        limit,
        ..DueFilter::default()
    }
}

fn due(store: &mut dyn WritableStore, filter: &DueFilter) -> Vec<Text> {
    store.due(filter).unwrap().into_iter().map(|row| row.run_id).collect()
}

#[test]
fn a_queued_run_is_held_by_nobody_and_found_by_workers_of_its_agent() {
    on_each_store(|store, _| {
        execute_all(store, vec![queue("r")]);
        let row = store.row("r").unwrap();
        assert_eq!((row.status, row.holder), (RunStatus::Queued, None));
        assert_eq!(due(store, &filter(9)), ["r".into()]);
        let others = DueFilter {
            agent_names: vec!["cook".into()],
            ..filter(9)
        };
        assert_eq!(due(store, &others), [] as [Text; 0]);
        execute_all(store, vec![acquire("r", "b", 1)]);
        assert_eq!(due(store, &filter(9)), [] as [Text; 0]);
    });
}

#[test]
fn the_run_of_a_dead_holder_is_found_at_once_and_that_of_a_silent_one_after_its_lease() {
    on_each_store(|store, deaths| {
        execute_all(store, vec![create("dead", "a"), create("silent", "b")]);
        assert_eq!(due(store, &filter(9)), [] as [Text; 0]);
        deaths.kill(&holder("a"));
        assert_eq!(due(store, &filter(9)), ["dead".into()]);
        let later = DueFilter {
            now: at(1_000_000),
            ..filter(9)
        };
        assert_eq!(due(store, &later), ["dead".into(), "silent".into()]);
    });
}

#[test]
fn a_paused_run_is_found_once_nothing_is_left_to_decide() {
    on_each_store(|store, _| {
        let asks = drive("r", 1, 1, vec![opened("q"), opened("p")]);
        execute_all(store, vec![create("r", "a"), asks, stop("r", 1, 3, RunStatus::Paused)]);
        execute_all(store, vec![say("r", confirmed("q"))]);
        assert_eq!(due(store, &filter(9)), [] as [Text; 0]);
        execute_all(store, vec![say("r", confirmed("p"))]);
        // A second word on it is no second decision.
        let _ = execute(store, say("r", confirmed("p")));
        assert_eq!(due(store, &filter(9)), ["r".into()]);
    });
}

#[test]
fn workers_get_so_many_runs_as_they_ask_for_the_oldest_first_and_none_that_they_do_not_want() {
    on_each_store(|store, _| {
        execute_all(store, ["r1", "r2", "r3", "r4"].map(queue).to_vec());
        assert_eq!(due(store, &filter(2)), ["r1".into(), "r2".into()]);
        let unwanted = DueFilter {
            except: ["r1".into(), "r3".into()].into(),
            ..filter(9)
        };
        assert_eq!(due(store, &unwanted), ["r2".into(), "r4".into()]);
    });
}

#[test]
fn an_index_finds_work_among_any_number_of_paused_runs() {
    let file = TestFile::new();
    drop(file.store());
    let sql = "EXPLAIN QUERY PLAN SELECT r.run FROM runs r WHERE r.agent_name = 'clerk' AND \
        r.not_before IS NULL AND (r.status IN ('QUEUED', 'RUNNING') OR \
        (r.status = 'PAUSED' AND r.open_requirements <= r.goes_on_with)) ORDER BY r.run";
    let plan: String = beside(&file.path()).query_row(sql, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("USING INDEX runs_for_workers (agent_name=?)"), "{plan}");
}

fn claim(name: &str, claimant: &str, now: i64, until: i64) -> OutboxClaim {
    OutboxClaim {
        name: name.into(),
        claimant: claimant.into(),
        holder: holder(claimant),
        now: at(now),
        until: at(until),
    }
}

fn kinds(store: &mut dyn WritableStore, place: i64) -> Vec<(Text, u64)> {
    let rows = store.outbox_after(place, 9).unwrap();
    rows.into_iter().map(|row| (row.run_id, row.seq)).collect()
}

#[test]
fn the_outbox_has_what_was_written_since_the_first_subscription() {
    let file = TestFile::new();
    let mut store = file.store_with(Deaths::default());
    execute_all(&mut store, vec![create("before", "a")]);
    assert_eq!(claim_outbox(&mut store, &claim("hook", "a", 0, 10)), Ok(Some(0)));
    execute_all(&mut store, vec![create("r", "a"), queue("q")]);
    let all = [("r".into(), 1), ("q".into(), 1), ("q".into(), 2)];
    assert_eq!(kinds(&mut store, 0), all);
    assert_eq!(advance_outbox(&mut store, &claim("hook", "a", 10, 20), 2), Ok(true));
    assert_eq!(kinds(&mut store, 0), all[2..]);
}

#[test]
fn one_claimant_delivers_until_its_claim_is_over() {
    let file = TestFile::new();
    let mut store = file.store_with(Deaths::default());
    assert_eq!(claim_outbox(&mut store, &claim("hook", "a", 0, 10)), Ok(Some(0)));
    assert_eq!(claim_outbox(&mut store, &claim("hook", "b", 5, 15)), Ok(None));
    assert_eq!(claim_outbox(&mut store, &claim("other", "b", 5, 15)), Ok(Some(0)));
    execute_all(&mut store, vec![create("r", "a")]);
    assert_eq!(advance_outbox(&mut store, &claim("hook", "a", 10, 20), 1), Ok(true));
    assert_eq!(claim_outbox(&mut store, &claim("hook", "b", 20, 30)), Ok(Some(1)));
    assert_eq!(advance_outbox(&mut store, &claim("hook", "a", 30, 40), 1), Ok(false));
    // What the other one has not had yet stays.
    assert_eq!(kinds(&mut store, 0).len(), 1);
}

#[test]
fn the_claim_of_a_dead_process_is_over_at_once() {
    let file = TestFile::new();
    let deaths = Deaths::default();
    let mut store = file.store_with(deaths.clone());
    assert_eq!(claim_outbox(&mut store, &claim("hook", "a", 0, 1000)), Ok(Some(0)));
    assert_eq!(claim_outbox(&mut store, &claim("hook", "b", 1, 1000)), Ok(None));
    deaths.kill(&holder("a"));
    assert_eq!(claim_outbox(&mut store, &claim("hook", "b", 2, 1000)), Ok(Some(0)));
    assert_eq!(claim_outbox(&mut store, &claim("hook", "c", 3, 1000)), Ok(None));
}
