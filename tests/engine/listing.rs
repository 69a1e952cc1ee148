//! Lists of a whole database, read in parts: of runs, of what they wait for, and of approvals that stand.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{CancelRequested, Entry, InDoubtRule, PlannedCall, RunStarted};
use haltpoint_engine::requirement::{Decision, RememberScope, RequirementKind};
use haltpoint_engine::run::DecisionError;
use haltpoint_engine::session::{
    ApprovalList, EngineError, List, Memory, Opened, Part, PreviewList, Previews, RequirementList, RunList, Session,
    StandingApproval, Word, count_approvals, count_requirements, count_runs, decide, open, revoke, summary,
};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{
    Append, ApprovalFilter, Author, Operation, RequirementFilter, RequirementSet, RunFilter, RunRow, RunStatus, Store,
    StoreError,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scenario::{
    answers, as_json, asks_user, calls, confirm, confirmed, plain, remembered, remembered_with_arguments, run_started,
};
use crate::sessions::{NOW, commit, on_file, replied, wait};

fn on_each_store(test: impl Fn(&StoreHandle)) {
    test(&StoreHandle::in_memory());
    let (_directory, store) = on_file();
    test(&store);
}

/// A run that waits for an answer to this call, in a session where one is named.
fn asked(store: &StoreHandle, run_id: &str, session_id: Option<&str>, call: PlannedCall) {
    let started = RunStarted {
        run_id: run_id.into(),
        session_id: session_id.map(Text::from),
        ..run_started()
    };
    let (deliver, begun) = commit();
    let (mut session, _) = Session::start(store.clone(), started, &Memory::default(), NOW, deliver);
    begun.recv().unwrap().unwrap();
    let (handed, paused) = replied(&mut session, calls([call]));
    if handed.later.is_some() {
        paused.recv().unwrap().unwrap();
    }
}

/// Runs that wait for a confirmation each, the last of them the newest.
fn waiting(store: &StoreHandle, run_ids: &[&str]) {
    for run_id in run_ids {
        asked(store, run_id, None, confirm("pay"));
    }
}

fn requirement_of(store: &StoreHandle, run_id: &str) -> Text {
    let filter = RequirementFilter {
        run_id: Some(run_id.into()),
        limit: 1,
        ..RequirementFilter::default()
    };
    let found = store.read_blocking(move |store| store.requirements(&filter)).unwrap();
    found[0].requirement_id.clone()
}

fn decides(store: &StoreHandle, run_id: &str, decision: Decision) {
    let word = Word {
        requirement_id: requirement_of(store, run_id),
        decision,
        by: Some("ann".into()),
        expected_digest: None,
    };
    wait(|then| decide(store, run_id.into(), word, NOW, then)).unwrap_or_else(|error| panic!("{error}"));
}

fn part<L: List>(store: &StoreHandle, list: L) -> (L, Result<Part<L::Item>, EngineError>) {
    let read = move |store: &mut dyn Store| {
        let mut list = list;
        let part = list.read(store);
        Ok((list, part))
    };
    store.read_blocking(read).unwrap()
}

/// The whole list: what can be read, and what cannot.
fn whole<L: List>(store: &StoreHandle, mut list: L) -> (Vec<L::Item>, Vec<StoreError>) {
    let (mut items, mut damaged) = (Vec::new(), Vec::new());
    while !list.is_over() {
        let (rest, part) = part(store, list);
        let part = part.unwrap();
        items.extend(part.items);
        damaged.extend(part.damaged);
        list = rest;
    }
    (items, damaged)
}

fn failure<L: List>(store: &StoreHandle, list: L) -> EngineError {
    match part(store, list) {
        (_, Err(error)) => error,
        (_, Ok(part)) => panic!("{} items were read", part.items.len()),
    }
}

fn run_ids(rows: &[RunRow]) -> Vec<&str> {
    rows.iter().map(|row| &*row.run_id).collect()
}

fn of_runs<T: serde::Serialize>(items: &[T]) -> Vec<String> {
    let run_id = |item: &T| {
        serde_json::to_value(item).unwrap()["run_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    items.iter().map(run_id).collect()
}

fn nowhere(requirement_id: &str) -> EngineError {
    let requirement_id = requirement_id.into();
    DecisionError::Nowhere { requirement_id }.into()
}

fn behind(run_id: &str) -> RunFilter {
    RunFilter {
        before: Some(run_id.into()),
        ..RunFilter::default()
    }
}

#[test]
fn runs_come_newest_first_as_many_as_are_wanted() {
    on_each_store(|store| {
        waiting(store, &["a", "b", "c"]);
        for (limit, expected) in [
            (None, &["c", "b", "a"][..]),
            (Some(0), &[]),
            (Some(2), &["c", "b"]),
            (Some(9), &["c", "b", "a"]),
        ] {
            let (rows, damaged) = whole(store, RunList::new(RunFilter::default(), limit));
            assert_eq!((run_ids(&rows), damaged), (expected.to_vec(), vec![]));
        }
        let (rows, _) = whole(store, RunList::new(behind("c"), Some(1)));
        assert_eq!(run_ids(&rows), ["b"]);
        assert_eq!(
            run_ids(&whole(store, RunList::new(behind("a"), None)).0),
            [] as [&str; 0]
        );
    });
}

#[test]
fn runs_are_counted_and_an_unknown_place_in_their_list_is_refused() {
    on_each_store(|store| {
        waiting(store, &["a", "b"]);
        let count = |filter: RunFilter| {
            store
                .read_blocking(move |store| Ok(count_runs(store, &filter)))
                .unwrap()
        };
        assert_eq!(count(RunFilter::default()), Ok(2));
        assert_eq!((count(behind("b")), count(behind("a"))), (Ok(1), Ok(0)));
        let unknown: EngineError = StoreError::RunNotFound { run_id: "x".into() }.into();
        assert_eq!(count(behind("x")), Err(unknown.clone()));
        assert_eq!(failure(store, RunList::new(behind("x"), None)), unknown);
    });
}

fn change(directory: &TempDir, sql: &str) {
    let beside = rusqlite::Connection::open(directory.path().join("runs.db")).unwrap();
    beside.execute_batch(sql).unwrap();
}

#[test]
fn a_run_that_cannot_be_read_takes_no_place_from_the_others() {
    let (directory, store) = on_file();
    waiting(&store, &["a", "b", "c"]);
    change(&directory, "UPDATE runs SET status = 'LOST' WHERE run_id = 'c'");
    let (rows, damaged) = whole(&store, RunList::new(RunFilter::default(), Some(2)));
    assert_eq!(run_ids(&rows), ["b", "a"]);
    assert!(
        matches!(&damaged[..], [StoreError::Damaged { run_id, .. }] if &**run_id == "c"),
        "{damaged:?}"
    );
    let (rows, damaged) = whole(&store, RunList::new(behind("c"), None));
    assert_eq!((run_ids(&rows), damaged), (vec!["b", "a"], vec![]));
    let count = |run_id: &str| {
        let filter = behind(run_id);
        store
            .read_blocking(move |store| Ok(count_runs(store, &filter)))
            .unwrap()
    };
    change(&directory, "UPDATE runs SET status = 'LOST' WHERE run_id = 'a'");
    assert_eq!(count("a"), Ok(0), "a run that cannot be read has its place");
}

fn of_set(set: RequirementSet) -> RequirementFilter {
    RequirementFilter {
        set,
        ..RequirementFilter::default()
    }
}

#[test]
fn requirements_are_listed_by_what_became_of_them() {
    on_each_store(|store| {
        waiting(store, &["a", "b", "c", "d"]);
        decides(store, "a", confirmed());
        decides(store, "c", confirmed());
        for (set, limit, expected) in [
            (RequirementSet::All, None, &["d", "c", "b", "a"][..]),
            (RequirementSet::Open, None, &["d", "b"]),
            (RequirementSet::Decided, None, &["c", "a"]),
            (RequirementSet::All, Some(3), &["d", "c", "b"]),
            (RequirementSet::Open, Some(1), &["d"]),
            (RequirementSet::Open, Some(0), &[]),
        ] {
            let (items, damaged) = whole(store, RequirementList::new(of_set(set), limit));
            assert_eq!(
                (of_runs(&items), damaged),
                (expected.iter().map(|id| (*id).to_owned()).collect(), vec![])
            );
            let (previews, _) = whole(store, PreviewList::new(Previews(of_set(set)), limit));
            assert_eq!(of_runs(&previews), expected, "previews");
        }
    });
}

#[test]
fn requirements_are_counted_and_an_unknown_place_in_their_list_is_refused() {
    on_each_store(|store| {
        waiting(store, &["a", "b"]);
        let behind = |requirement_id: Text| RequirementFilter {
            before: Some(requirement_id),
            ..RequirementFilter::default()
        };
        let count = |filter: RequirementFilter| {
            let counted = store.read_blocking(move |store| Ok(count_requirements(store, &filter)));
            counted.unwrap()
        };
        assert_eq!(count(RequirementFilter::default()), Ok(2));
        let (newest, oldest) = (requirement_of(store, "b"), requirement_of(store, "a"));
        assert_eq!(
            (count(behind(newest.clone())), count(behind(oldest.clone()))),
            (Ok(1), Ok(0))
        );
        assert_eq!(
            of_runs(&whole(store, RequirementList::new(behind(newest), None)).0),
            ["a"]
        );
        assert_eq!(whole(store, RequirementList::new(behind(oldest), None)).0.len(), 0);
        assert_eq!(count(behind("x".into())), Err(nowhere("x")));
        assert_eq!(
            failure(store, RequirementList::new(behind("x".into()), None)),
            nowhere("x")
        );
        assert_eq!(
            failure(store, PreviewList::new(Previews(behind("x".into())), None)),
            nowhere("x")
        );
    });
}

#[test]
fn what_only_the_index_knows_is_not_listed_and_takes_no_place() {
    let (directory, store) = on_file();
    waiting(&store, &["a", "b", "c", "d"]);
    decides(&store, "c", confirmed());
    // The index forgets a decision, which the journal knows.
    change(
        &directory,
        "DROP TRIGGER IF EXISTS requirement_closes; UPDATE requirements SET decided = NULL",
    );
    let (items, damaged) = whole(&store, RequirementList::new(of_set(RequirementSet::Open), Some(2)));
    assert_eq!(
        (of_runs(&items), damaged),
        (vec!["d".to_owned(), "b".to_owned()], vec![])
    );
}

#[test]
fn requirements_of_a_run_that_cannot_be_read_take_no_place_from_the_others() {
    let (directory, store) = on_file();
    waiting(&store, &["a", "b", "c"]);
    change(
        &directory,
        "UPDATE entries SET payload = '{' WHERE id = (SELECT (run << 32) + 1 FROM runs WHERE run_id = 'c')",
    );
    let (items, damaged) = whole(&store, RequirementList::new(of_set(RequirementSet::Open), Some(2)));
    assert_eq!(of_runs(&items), ["b", "a"]);
    assert!(
        matches!(&damaged[..], [StoreError::Damaged { run_id, .. }] if &**run_id == "c"),
        "{damaged:?}"
    );
}

/// A call of which so many bytes are shown.
fn long(name: &str, bytes: usize) -> PlannedCall {
    let args = as_json(&json!({"amount": "9".repeat(bytes)}));
    PlannedCall { args, ..confirm(name) }
}

#[test]
fn a_part_ends_where_it_holds_much() {
    let (_directory, store) = on_file();
    for run_id in ["a", "b"] {
        asked(&store, run_id, None, long("pay", 5 << 20));
    }
    let (list, rows) = part(&store, RequirementList::new(of_set(RequirementSet::Open), None));
    assert_eq!(rows.unwrap().items.len(), 0, "rows of the index alone");
    let (list, first) = part(&store, list);
    assert_eq!(of_runs(&first.unwrap().items), ["b"]);
    assert!(!list.is_over());
    let (list, second) = part(&store, list);
    assert_eq!(of_runs(&second.unwrap().items), ["a"]);
    assert!(list.is_over());

    // Of previews it holds little.
    let (list, _) = part(&store, PreviewList::new(Previews(of_set(RequirementSet::Open)), None));
    let (list, both) = part(&store, list);
    let both = both.unwrap().items;
    assert_eq!(of_runs(&both), ["b", "a"]);
    assert!(serde_json::to_string(&both).unwrap().len() < 100_000);
    assert!(list.is_over());
}

#[test]
fn several_of_some_length_are_in_one_part() {
    let store = StoreHandle::in_memory();
    for run_id in ["a", "b", "c", "d"] {
        asked(&store, run_id, None, long("pay", 3 << 19));
    }
    let (list, _) = part(&store, RequirementList::new(of_set(RequirementSet::Open), None));
    let (_, first) = part(&store, list);
    assert_eq!(of_runs(&first.unwrap().items), ["d", "c", "b"]);
}

#[test]
fn a_part_ends_behind_so_many_rows_that_lead_nowhere() {
    let (directory, store) = on_file();
    waiting(&store, &["a"]);
    change(
        &directory,
        "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 5000)
         INSERT INTO requirements (run, requirement_id, kind, opened)
         SELECT run, 'of no journal ' || number, kind, opened FROM requirements, numbers",
    );
    let mut list = RequirementList::new(of_set(RequirementSet::Open), None);
    let mut parts = 0;
    while !list.is_over() {
        let (rest, read) = part(&store, list);
        list = rest;
        let items = read.unwrap().items;
        parts += 1;
        assert_eq!(
            items.len(),
            usize::from(list.is_over()),
            "the oldest row leads somewhere"
        );
    }
    assert_eq!(parts, 5, "three of rows, and two of what they lead to");
}

/// A run with more entries than a part reads.
fn with_many_entries(store: &StoreHandle, run_id: &str) {
    let started = RunStarted {
        run_id: run_id.into(),
        ..run_started()
    };
    let (deliver, begun) = commit();
    let (session, _) = Session::start(store.clone(), started, &Memory::default(), NOW, deliver);
    begun.recv().unwrap().unwrap();
    drop(session);
    let request = Entry::CancelRequested(CancelRequested {
        interrupt: false,
        by: None,
        reason: None,
    });
    let append = Append {
        run_id: run_id.into(),
        author: Author::External,
        at: NOW,
        entries: vec![request; 4_096],
        finish: None,
    };
    wait(|then| store.submit(Operation::Append(append), then)).unwrap();
    let Ok(Opened::Session(mut session)) = wait(|then| open(store, run_id.into(), NOW, then)) else {
        panic!("not ours")
    };
    let (deliver, _) = commit();
    drop(session.notify_continued(9, InDoubtRule::Ask, NOW, deliver).unwrap());
    replied(&mut session, calls([confirm("pay")]));
}

#[test]
fn a_part_ends_where_much_was_read_for_it() {
    let store = StoreHandle::in_memory();
    with_many_entries(&store, "a");
    with_many_entries(&store, "b");
    let (list, _) = part(&store, RequirementList::new(of_set(RequirementSet::Open), None));
    let (list, first) = part(&store, list);
    assert_eq!(of_runs(&first.unwrap().items), ["b"]);
    assert!(!list.is_over());
    assert_eq!(of_runs(&whole(&store, list).0), ["a"]);
}

#[test]
fn a_run_is_summed_up_by_its_task_and_what_it_waits_for() {
    on_each_store(|store| {
        asked(store, "a", None, confirm("pay"));
        asked(store, "b", None, plain("tell"));
        asked(store, "c", None, asks_user("book"));
        decides(store, "c", answers([("to", json!("Ada"))]));
        let summed_up = |run_id: &'static str| {
            let summary = store.read_blocking(move |store| Ok(summary(store, run_id))).unwrap();
            summary.map(|summary| serde_json::to_value(summary).unwrap())
        };
        let of = |pause_reason: Value, open_requirements: Value| {
            json!({
                "agent_name": "clerk",
                "task": "Pay the invoice",
                "pause_reason": pause_reason,
                "open_requirements": open_requirements,
                "sleeps_until": null,
                "waits_for": [],
                "not_before": null,
            })
        };
        let waits = of(json!("confirmation"), json!([&*requirement_of(store, "a")]));
        assert_eq!(summed_up("a").unwrap(), waits);
        assert_eq!(summed_up("b").unwrap(), of(json!(null), json!([])));
        assert_eq!(summed_up("c").unwrap()["open_requirements"], json!([]));
        let unknown: EngineError = StoreError::RunNotFound { run_id: "x".into() }.into();
        assert_eq!(summed_up("x").unwrap_err(), unknown);
    });
}

fn standing(store: &StoreHandle, filter: ApprovalFilter) -> Vec<StandingApproval> {
    let (items, damaged) = whole(store, ApprovalList::new(filter, None));
    assert_eq!(damaged, []);
    items
}

#[test]
fn approvals_that_stand_are_listed_with_what_they_answer() {
    on_each_store(|store| {
        for run_id in ["a", "b", "c"] {
            asked(store, run_id, Some("shop"), confirm("pay"));
        }
        decides(store, "a", remembered(RememberScope::Session));
        decides(store, "b", remembered_with_arguments(RememberScope::Run));
        decides(store, "c", confirmed());
        let (first, second) = (requirement_of(store, "a"), requirement_of(store, "b"));
        let approval = |requirement_id: &Text, run_id: &str, scope, tool_args| StandingApproval {
            requirement_id: requirement_id.clone(),
            run_id: run_id.into(),
            session_id: Some("shop".into()),
            scope,
            tool_name: "pay".into(),
            tool_args,
            sensitive: vec![],
            by: Some("ann".into()),
            at: NOW.0,
        };
        let of_run = approval(&second, "b", RememberScope::Run, Some(as_json(&json!({"amount": 7}))));
        let of_session = approval(&first, "a", RememberScope::Session, None);
        assert_eq!(
            standing(store, ApprovalFilter::default()),
            [of_run.clone(), of_session.clone()]
        );
        assert_eq!(
            whole(store, ApprovalList::new(ApprovalFilter::default(), Some(1))).0,
            [of_run]
        );
        let behind = |requirement_id: &str| ApprovalFilter {
            before: Some(requirement_id.into()),
            ..ApprovalFilter::default()
        };
        assert_eq!(standing(store, behind(&second)), [of_session]);
        assert_eq!(standing(store, behind(&first)), []);
        assert_eq!(failure(store, ApprovalList::new(behind("x"), None)), nowhere("x"));
        let count = |filter: ApprovalFilter| {
            let counted = store.read_blocking(move |store| Ok(count_approvals(store, &filter)));
            counted.unwrap()
        };
        assert_eq!(count(ApprovalFilter::default()), Ok(2));
        assert_eq!((count(behind(&second)), count(behind(&first))), (Ok(1), Ok(0)));
        assert_eq!(count(behind("x")), Err(nowhere("x")));
    });
}

#[test]
fn an_approval_is_revoked_once_and_stands_no_longer() {
    on_each_store(|store| {
        asked(store, "a", None, confirm("pay"));
        decides(store, "a", remembered(RememberScope::Run));
        let id = requirement_of(store, "a");
        let revoked = |id: Text| wait(|then| revoke(store, id, Some("cid".into()), NOW, then));
        assert_eq!(revoked(id.clone()), Ok(true));
        assert_eq!(standing(store, ApprovalFilter::default()), []);
        assert_eq!(revoked(id), Ok(false));
        assert_eq!(revoked("x".into()), Err(nowhere("x")));
    });
}

#[test]
fn what_is_listed_of_a_requirement_says_what_is_needed() {
    let store = StoreHandle::in_memory();
    asked(&store, "a", None, asks_user("book"));
    let (items, _) = whole(&store, RequirementList::new(of_set(RequirementSet::Open), None));
    let item = serde_json::to_value(&items[0]).unwrap();
    assert_eq!(item["id"], json!(&*requirement_of(&store, "a")));
    assert_eq!(item["kind"], json!(RequirementKind::UserInput));
    let status = |run_id: &str| {
        let run_id = run_id.to_owned();
        store.read_blocking(move |store| store.row(&run_id)).unwrap().status
    };
    assert_eq!(status("a"), RunStatus::Paused);
}
