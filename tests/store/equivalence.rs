//! Whatever is asked of it in whatever order, a store answers as the store in memory does.

use std::collections::HashSet;
use std::fmt::Debug;

use haltpoint_engine::journal::{AuditKey, CancelRequested, Entry, Event, Terms};
use haltpoint_engine::requirement::{Decision, RememberScope};
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::signals::may_take;
use haltpoint_engine::store::{
    ApprovalFilter, ApprovalQuery, Author, CancelFlag, Finish, KeptSignal, LateCancel, Operation, OverdueFilter,
    Position, RequirementFilter, RequirementSet, RunFilter, RunStatus, SaltSource, SignalFilter, Store, WritableStore,
};

use crate::difference::first_difference;
use crate::support::{
    Deaths, LEASE, acquire, append, at, awaiting, cancel, confirmed, continued, create_in_session, decided_by, expired,
    holder, opened_on, rejected, release, remembered, remembered_by, repeated, revoked, signalled, tool_finished,
    tool_started, with_counting_salts,
};

const RUNS: [&str; 3] = ["r0", "r1", "r2"];
const TOKENS: [&str; 3] = ["a", "b", "c"];
const REQUIREMENTS: [&str; 4] = ["q0", "q1", "q2", "q3"];

/// A small generator of pseudo-random numbers, the same everywhere for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap()]
    }

    fn time(&mut self) -> i64 {
        i64::try_from(self.below(3_000)).unwrap()
    }
}

/// An operation that mostly makes sense in the present state, and sometimes does not.
fn operation(random: &mut Random, store: &mut MemoryStore) -> Operation {
    let run_id = random.one_of(&RUNS);
    match random.below(11) {
        10 => signal(random),
        0 => create_in_session(run_id, random.one_of(&TOKENS), Some(random.one_of(&["s", "t"]))),
        1 | 2 => acquire(run_id, random.one_of(&TOKENS), random.time()),
        3 => release(run_id, random.below(4)),
        4 | 5 => outsider(random, run_id),
        _ => driver(random, store, run_id),
    }
}

fn event(random: &mut Random) -> Event {
    Event {
        name: "paid".into(),
        key: random.one_of(&[None, Some("A"), Some("B")]).map(Into::into),
    }
}

/// Of few events, so that waits are found; and of few ids, so that some come twice.
fn signal(random: &mut Random) -> Operation {
    let number = random.below(40);
    signalled(&format!("s{number}"), &event(random), random.one_of(&["1", "{}"]), 5)
}

/// Whether the operation may bring a signal and a wait together.
fn is_about_signals(operation: &Operation) -> bool {
    match operation {
        Operation::Signal(_) => true,
        Operation::Append(append) => may_take(append),
        _ => false,
    }
}

fn outsider(random: &mut Random, run_id: &str) -> Operation {
    let requirement_id = random.one_of(&REQUIREMENTS);
    let key = random.one_of(&["k", "l"]);
    let mut entries = vec![match random.below(14) {
        0 => tool_started("x"),
        1 | 2 => cancel(),
        3 => rejected(requirement_id),
        4 => expired(requirement_id),
        5 => decided_by(requirement_id, Decision::confirm(), random.one_of(&["ann", "bob"])),
        6 => remembered(requirement_id, RememberScope::Run, key),
        7 => remembered_by(
            requirement_id,
            RememberScope::Session,
            key,
            random.one_of(&["ann", "bob"]),
        ),
        8 | 9 => revoked(requirement_id),
        10 => repeated(requirement_id, "elsewhere"),
        _ => confirmed(requirement_id),
    }];
    if random.below(3) == 0 {
        entries.push(confirmed(random.one_of(&REQUIREMENTS)));
    }
    append(run_id, Author::External, entries, None)
}

fn terms(random: &mut Random) -> Terms {
    Terms {
        expires_at: random.one_of(&[None, None, Some(at(3)), Some(at(9))]),
        approvals: random.one_of(&[1, 1, 2]),
    }
}

fn driver(random: &mut Random, store: &mut MemoryStore, run_id: &str) -> Operation {
    let run = store.load(run_id).ok();
    let known = run.map_or((1, 0), |run| {
        (
            run.row.epoch,
            run.records.iter().filter(|record| !record.outsider).count() as u64,
        )
    });
    let (epoch, driver_entries) = if random.below(8) == 0 {
        (random.below(4), random.below(9))
    } else {
        known
    };
    let statuses = [
        RunStatus::Paused,
        RunStatus::Paused,
        RunStatus::Cancelled,
        RunStatus::Error,
        RunStatus::Completed,
    ];
    let finish = (random.below(6) == 0).then(|| Finish {
        status: random.one_of(&statuses),
        goes_on_with: random.below(3),
        if_cancelled: random.one_of(&[true, false]).then(|| late_cancel(random)),
    });
    let entries = (0..random.below(3)).map(|_| match random.below(8) {
        6 | 7 => {
            let until = random.one_of(&[None, None, Some(3), Some(9)]);
            awaiting(random.one_of(&REQUIREMENTS), &event(random), until)
        }
        0 => continued(),
        4 => tool_started("x"),
        1 => tool_finished("x", "y"),
        2 => confirmed(random.one_of(&REQUIREMENTS)),
        3 => repeated(random.one_of(&REQUIREMENTS), "elsewhere"),
        _ => opened_on(random.one_of(&REQUIREMENTS), terms(random)),
    });
    append(
        run_id,
        Author::Driver { epoch, driver_entries },
        entries.collect(),
        finish,
    )
}

/// Of a driver that may have heard of all, or of nothing.
fn late_cancel(random: &mut Random) -> LateCancel {
    let wish = CancelFlag::default();
    if random.below(3) == 0 {
        assert!(wish.want(CancelRequested {
            interrupt: false,
            by: None,
            reason: None,
        }));
    }
    LateCancel {
        heard: random.below(4),
        heard_seq: random.below(12),
        facts: vec![tool_finished("x", "y")],
        dropped_request: random.below(2) == 0,
        wish,
    }
}

/// Each list has as many rows as are counted.
fn assert_same_lists(left: &mut dyn WritableStore, right: &mut dyn WritableStore, context: &str) {
    for set in [RequirementSet::All, RequirementSet::Open, RequirementSet::Decided] {
        let filter = RequirementFilter {
            set,
            limit: 99,
            ..RequirementFilter::default()
        };
        let rows = left.requirements(&filter).unwrap();
        assert_same(
            Ok(&rows),
            right.requirements(&filter).as_ref(),
            &format!("{set:?} {context}"),
        );
        let counted = (left.count_requirements(&filter), right.count_requirements(&filter));
        let expected = Ok(rows.len() as u64);
        assert_eq!(counted, (expected.clone(), expected), "{set:?} {context}");
    }
    let filter = RunFilter {
        status: Some(RunStatus::Paused),
        limit: 99,
        ..RunFilter::default()
    };
    let paused = left.runs(&filter).unwrap();
    assert_same(Ok(&paused), right.runs(&filter).as_ref(), context);
    let counted = (left.count_runs(&filter), right.count_runs(&filter));
    assert_eq!(counted, (Ok(paused.len() as u64), Ok(paused.len() as u64)), "{context}");
}

#[track_caller]
fn assert_same<T: Debug + PartialEq>(left: T, right: T, context: &str) {
    if left != right {
        let difference = first_difference(&left, &right).unwrap_or_default();
        panic!("{context}, the store / memory: {difference}");
    }
}

fn assert_same_state(left: &mut dyn WritableStore, right: &mut dyn WritableStore, context: &str) {
    for run_id in RUNS {
        assert_same(left.load(run_id), right.load(run_id), context);
        assert_same(left.row(run_id), right.row(run_id), context);
        // The index of requirements is written along in one of them, and computed from the journal in the other.
        assert_same(left.raw(run_id), right.raw(run_id), context);
    }
    assert_same_lists(left, right, context);
    let due = OverdueFilter {
        run_id: None,
        now: at(5),
        except: HashSet::new(),
        limit: 99,
    };
    assert_same(left.overdue(&due), right.overdue(&due), context);
    for session_id in ["s", "t"] {
        let filter = ApprovalFilter {
            session_id: Some(session_id.into()),
            limit: 99,
            ..ApprovalFilter::default()
        };
        assert_same(left.approvals(&filter), right.approvals(&filter), context);
        let query = ApprovalQuery {
            run_id: RUNS[0].into(),
            session_id: Some(session_id.into()),
            key: "k".into(),
        };
        assert_same(left.approvals_for(&query), right.approvals_for(&query), context);
        assert_same(
            left.completed_runs(session_id),
            right.completed_runs(session_id),
            context,
        );
    }
    let kept = SignalFilter {
        limit: 99,
        ..SignalFilter::default()
    };
    let without_place = |signals: Vec<KeptSignal>| signals.into_iter().map(|kept| kept.signal).collect::<Vec<_>>();
    assert_same(
        left.signals(&kept).map(without_place),
        right.signals(&kept).map(without_place),
        context,
    );
    assert_same(
        left.changes(Position::default()).unwrap().records,
        right.changes(Position::default()).unwrap().records,
        context,
    );
}

/// What an operation is, in a word or two.
fn kind(operation: &Operation) -> String {
    match operation {
        Operation::Append(append) => format!("{}: {:?}", append.run_id, kinds_of(&append.entries)),
        Operation::Create(new) => format!("create {}", new.run_id),
        Operation::Acquire { run_id, .. } => format!("acquire {run_id}"),
        Operation::Release { run_id, .. } => format!("release {run_id}"),
        Operation::Signal(signal) => format!("signal {} of {}", signal.id, signal.event.name),
        Operation::ClaimDue(claim) => format!("claim {:?}", claim.filter.agent_names),
        Operation::ClaimOutbox(claim) | Operation::AdvanceOutbox { claim, .. } => format!("deliver {}", claim.name),
    }
}

fn kinds_of(entries: &[Entry]) -> Vec<&'static str> {
    entries.iter().map(Entry::kind).collect()
}

fn play(seed: u64) -> usize {
    let deaths = Deaths::default();
    let key = seed
        .is_multiple_of(2)
        .then(|| AuditKey::new(b"the key of half of them").unwrap());
    with_counting_salts(key.clone(), &deaths, |store| play_on(store, seed, key.clone(), &deaths))
}

fn play_on(store: &mut dyn WritableStore, seed: u64, key: Option<AuditKey>, deaths: &Deaths) -> usize {
    let mut memory = MemoryStore::new(Box::new(deaths.clone()))
        .with_audit_key(key)
        .with_salts(SaltSource::Counting);
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut succeeded = 0;
    for step in 0..120 {
        let context = format!("seed {seed}, step {step}");
        let mut batch: Vec<_> = (0..=random.below(3))
            .map(|_| operation(&mut random, &mut memory))
            .collect();
        // A server writes those apart.
        let apart = batch.iter().position(is_about_signals);
        batch.truncate(apart.map_or(batch.len(), |place| place.max(1)));
        let expected = memory.commit(&batch);
        let kinds: Vec<_> = batch.iter().map(kind).collect();
        assert_same(store.commit(&batch), expected.clone(), &format!("{context}: {kinds:?}"));
        succeeded += expected.iter().filter(|outcome| outcome.is_ok()).count();
        if random.below(20) == 0 {
            deaths.kill(&holder(random.one_of(&TOKENS)));
        }
        let (token, now) = (random.one_of(&TOKENS), random.time());
        let (now, expires) = (at(now), at(now + LEASE));
        assert_eq!(
            store.heartbeat(&holder(token), now, expires),
            memory.heartbeat(&holder(token), now, expires),
            "{context}"
        );
        assert_same_state(store, &mut memory, &context);
    }
    succeeded
}

#[test]
fn a_store_answers_as_memory_does_over_random_histories() {
    for seed in 1..=40 {
        let succeeded = play(seed);
        assert!(
            succeeded > 20,
            "seed {seed} tried next to nothing: {succeeded} operations succeeded"
        );
    }
}
