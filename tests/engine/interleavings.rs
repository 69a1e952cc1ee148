//! Random histories: whatever comes in whatever order, the live state is what a replay gives (the host checks it after every
//! input), and facts that others appended may be heard of late.

use std::collections::BTreeSet;

use haltpoint_engine::journal::{Entry, InDoubtRule, OnExpiry, PlannedCall};
use haltpoint_engine::requirement::RememberScope;
use haltpoint_engine::run::{CallState, Requirement, Run};
use haltpoint_engine::store::RunStatus;

use crate::scenario::{
    Declared, Scenario, asks_for_answers, asks_user, confirm, external, obliging, plain, refused, rejected, remembered,
    says_and_calls, skipped, supplied,
};

/// A small generator of pseudo-random numbers (xorshift), so that a seed names a history.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'items, T>(&mut self, items: &'items [T]) -> Option<&'items T> {
        (!items.is_empty()).then(|| &items[self.roll(items.len())])
    }
}

fn random_call(dice: &mut Dice) -> PlannedCall {
    let id = ["", "x", "y", "call_2"][dice.roll(4)];
    let call = match dice.roll(7) {
        0 | 1 => plain("tool"),
        2 => confirm("tool"),
        3 => external("tool"),
        4 => asks_user("tool"),
        5 => asks_for_answers("tool"),
        _ => refused("tool", "no"),
    };
    let call = with_terms(call.with_id(id), dice);
    match dice.roll(8) {
        0 => call.sequential(),
        1 => call.repeatable(),
        2 => call.reconcilable(),
        3 => call.stop_after(),
        _ => call,
    }
}

/// A few things happen before it is over.
const SOON_US: i64 = 5_000;

fn with_terms(call: PlannedCall, dice: &mut Dice) -> PlannedCall {
    match dice.roll(8) {
        0 => call.expiring(SOON_US, OnExpiry::Reject),
        1 => call.expiring(SOON_US, OnExpiry::Fail),
        2 => call.expiring(SOON_US, OnExpiry::Cancel),
        3 | 4 => call.approved_by(2),
        _ => call,
    }
}

/// One thing that may happen now.
fn happens(scenario: Scenario, dice: &mut Dice) -> Scenario {
    match (dice.roll(16), scenario.run().status()) {
        (0, _) => scenario.crashes(),
        (1, RunStatus::Running) => scenario.cancels(),
        (2, RunStatus::Running) => scenario.cancels_and_interrupts(),
        (3, _) if scenario.on_disk().status() == RunStatus::Running => {
            scenario.gets_cancelled_unheard(dice.roll(2) == 0)
        }
        (4 | 5, _) => decides_something(scenario, dice),
        (6 | 7, _) => scenario.hears_one(),
        (8, RunStatus::Paused | RunStatus::Queued) => scenario.gets_cancelled_while_idle(),
        (8, RunStatus::Error | RunStatus::Cancelled) => scenario.gets_queued(),
        (9, RunStatus::Running) => scenario.hands_back(),
        (10, RunStatus::Running) => scenario.drained_by_force(),
        (11, RunStatus::Running) if dice.roll(3) == 0 => scenario.gets_set_aside(),
        (12, _) => revokes_something(scenario, dice),
        (_, RunStatus::Running) => progresses(scenario, dice),
        _ => continues(scenario, dice),
    }
}

fn continues(scenario: Scenario, dice: &mut Dice) -> Scenario {
    match dice.roll(4) {
        0 => scenario.continues_with_rule(InDoubtRule::Retry),
        1 => scenario.continues_with_rule(InDoubtRule::Fail),
        2 => scenario.continues_with_limit(3),
        _ => scenario.continues_with_limit(1_000),
    }
}

fn progresses(scenario: Scenario, dice: &mut Dice) -> Scenario {
    let started: Vec<_> = calls_that(&scenario, |state| matches!(state, CallState::Started { .. }));
    let in_doubt: Vec<_> = calls_that(&scenario, |state| matches!(state, CallState::InDoubt { .. }));
    if let Some(call_id) = dice.pick(&started) {
        return match dice.roll(4) {
            0 => scenario.raises(call_id, "boom"),
            1 => scenario.gets_interrupted(call_id),
            _ => scenario.returns(call_id, "done"),
        };
    }
    if let Some(call_id) = dice.pick(&in_doubt) {
        return match dice.roll(3) {
            0 => scenario.finds_result(call_id, "found"),
            1 => scenario.finds_no_trace(call_id),
            _ => scenario.cannot_tell(call_id, "no idea"),
        };
    }
    if !scenario.model_is_asked() {
        return scenario.continues();
    }
    match dice.roll(6) {
        0 => scenario.answers("done"),
        1 => scenario.answers_unfittingly("three", "no"),
        2 => scenario.model_fails("overloaded"),
        3 => scenario.plans_all((0..=dice.roll(2)).map(|_| random_call(dice)).collect()),
        _ => {
            let calls = (0..=dice.roll(4)).map(|_| random_call(dice)).collect();
            scenario.replies_remembering(says_and_calls("Well.", calls))
        }
    }
}

fn calls_that(scenario: &Scenario, is_meant: impl Fn(&CallState) -> bool) -> Vec<String> {
    let calls = scenario.run().calls().iter().filter(|call| is_meant(&call.state));
    calls.map(|call| call.plan.id.to_string()).collect()
}

/// Decides something that is open on disk, whether or not the driver has heard of all that stands there.
fn decides_something(scenario: Scenario, dice: &mut Dice) -> Scenario {
    let on_disk = scenario.on_disk();
    let open: Vec<_> = on_disk.open_requirements().cloned().collect();
    let Some(requirement) = dice.pick(&open) else {
        return scenario;
    };
    let plan = &on_disk.calls()[requirement.call].plan;
    if requirement.terms.expires_at.is_some() && dice.roll(2) == 0 {
        return scenario.expires_unheard(&plan.id);
    }
    let obliging = obliging(requirement.kind, plan.answers_are_result);
    let choices = [
        obliging.clone(),
        rejected(),
        supplied("found"),
        skipped(),
        remembered(RememberScope::Run),
        obliging,
    ];
    let fitting: Vec<_> = choices
        .into_iter()
        .filter(|decision| decision.fits(requirement.kind))
        .collect();
    let decision = dice.pick(&fitting).cloned().unwrap();
    let by = dice.pick(&["ann", "bob"]).unwrap();
    scenario.decides_unheard_as(by, &plan.id, decision)
}

/// Revokes an approval that stands on disk, whether or not the driver has heard of all that stands there.
fn revokes_something(scenario: Scenario, dice: &mut Dice) -> Scenario {
    let on_disk = scenario.on_disk();
    let is_standing = |requirement: &&Requirement| requirement.standing().is_some();
    let standing: Vec<_> = on_disk.requirements().iter().filter(is_standing).collect();
    match dice.pick(&standing) {
        Some(requirement) => scenario.revokes_unheard(&on_disk.calls()[requirement.call].plan.id),
        None => scenario,
    }
}

#[test]
fn any_history_replays_to_the_live_state_and_can_be_brought_to_an_end() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut scenario = Scenario::new();
        for _ in 0..60 {
            scenario = happens(scenario, &mut dice);
        }
        let heard = scenario.hears();
        assert_eq!(&heard.on_disk(), heard.run(), "history {seed}");
        let ended = heard.continues_with_limit(1_000).comes_to_an_end();
        assert_eq!(ended.run().status(), RunStatus::Completed, "history {seed}");
    }
}

#[test]
fn what_others_append_may_be_folded_at_any_later_moment() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut scenario = Scenario::new();
        for _ in 0..40 {
            scenario = happens(scenario, &mut dice);
        }
        let records = scenario.journal().records();
        let expected = Run::replay(records).unwrap();
        let started = std::slice::from_ref(&records[0]);
        let mut delayed = Run::replay(started).unwrap();
        let mut waiting = Vec::new();
        for record in &records[1..] {
            let next_driver_comes = matches!(record.entry, Entry::RunContinued(_));
            if record.outsider {
                waiting.push(record);
            }
            if next_driver_comes || dice.roll(3) == 0 {
                // A new driver reads everything that stands in the journal.
                waiting.drain(..).for_each(|heard| delayed.fold_record(heard).unwrap());
            }
            if !record.outsider {
                delayed.fold_record(record).unwrap();
            }
        }
        waiting.drain(..).for_each(|heard| delayed.fold_record(heard).unwrap());
        assert_eq!(delayed, expected, "history {seed}");
    }
}

#[test]
fn equal_inputs_give_equal_journals() {
    let history = |seed| {
        let mut dice = Dice::new(seed);
        (0..60).fold(Scenario::new(), |scenario, _| happens(scenario, &mut dice))
    };
    for seed in 0..50 {
        assert_eq!(history(seed).journal().records(), history(seed).journal().records());
    }
}

#[test]
fn random_histories_hold_every_kind_of_entry() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let scenario = (0..60).fold(Scenario::new(), |scenario, _| happens(scenario, &mut dice));
        seen.extend(scenario.kinds());
    }
    assert_eq!(seen, BTreeSet::from_iter(Entry::kinds_of_runs()));
}
