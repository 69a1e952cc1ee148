//! How workers take what is due: each agent in turn, and nothing that needs a closer look.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{Entry, RunQueued};
use haltpoint_engine::store::{Committed, DueClaim, DueFilter, DueRun, NewRun, Operation, StoreError, WritableStore};

use crate::each::on_each_store;
use crate::support::{acquire, at, create, execute, execute_all, holder, tool_started};

fn queue(run_id: &str, agent_name: &str) -> Operation {
    let Operation::Create(new) = create(run_id, "a") else {
        panic!("not a run");
    };
    Operation::Create(NewRun {
        agent_name: Some(agent_name.into()),
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

fn claim(store: &mut dyn WritableStore, token: &str, filter: DueFilter) -> Vec<DueRun> {
    let claim = DueClaim {
        holder: holder(token),
        expires: at(1_000_000),
        filter,
    };
    match execute(store, Operation::ClaimDue(claim)) {
        Ok(Committed::DueClaimed(runs)) => runs,
        other => panic!("{other:?}"),
    }
}

fn filter(agent_names: &[&str], limit: u32) -> DueFilter {
    DueFilter {
        agent_names: agent_names.iter().map(|name| (*name).into()).collect(),
        limit,
        ..DueFilter::default()
    }
}

fn ids(runs: &[DueRun]) -> Vec<Text> {
    let mut ids: Vec<_> = runs.iter().map(|run| run.run_id.clone()).collect();
    ids.sort();
    ids
}

#[test]
fn agents_get_their_turns_the_oldest_run_of_each_first() {
    on_each_store(|store, _| {
        let busy = (0..9).map(|number| queue(&format!("busy{number}"), "busy"));
        execute_all(
            store,
            busy.chain([queue("calm0", "calm"), queue("calm1", "calm")]).collect(),
        );
        let both = |limit| filter(&["busy", "calm"], limit);
        assert_eq!(
            ids(&claim(store, "a", both(3))),
            ["busy0".into(), "busy1".into(), "calm0".into()]
        );
        // One place only: whoever asks says whose turn it is.
        assert_eq!(ids(&claim(store, "a", filter(&["calm", "busy"], 1))), ["calm1".into()]);
        assert_eq!(ids(&claim(store, "b", both(2))), ["busy2".into(), "busy3".into()]);
    });
}

#[test]
fn what_is_claimed_is_held_by_whoever_claimed_it() {
    on_each_store(|store, _| {
        execute_all(store, vec![queue("r", "clerk"), queue("s", "clerk")]);
        let unwanted = DueFilter {
            except: ["s".into()].into(),
            ..filter(&["clerk"], 9)
        };
        let claimed = claim(store, "b", unwanted);
        let run = DueRun {
            run_id: "r".into(),
            agent_name: Some("clerk".into()),
            epoch: Some(2),
        };
        assert_eq!(claimed, [run]);
        assert_eq!(store.row("r").unwrap().holder, Some(holder("b")));
        assert!(matches!(
            execute(store, acquire("r", "c", 1)),
            Err(StoreError::Busy { .. })
        ));
        assert_eq!(ids(&claim(store, "c", filter(&["clerk"], 9))), ["s".into()]);
        assert_eq!(claim(store, "c", filter(&["clerk"], 9)), []);
    });
}

#[test]
fn a_run_whose_holder_is_dead_is_named_and_not_granted() {
    on_each_store(|store, deaths| {
        execute_all(store, vec![create("r", "a")]);
        assert_eq!(claim(store, "b", filter(&["clerk"], 9)), []);
        deaths.kill(&holder("a"));
        let claimed = claim(store, "b", filter(&["clerk"], 9));
        assert_eq!((ids(&claimed), claimed[0].epoch), (vec!["r".into()], None));
    });
}
