//! What holds after every input, whatever the story.

use std::collections::{HashMap, HashSet};

use haltpoint_engine::journal::{Entry, InDoubtRule, Record, ToolStarted, decode, encode};
use haltpoint_engine::message::{Message, Role};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::{Call, CallState, Cancellation, Effect, Run, Transition};
use haltpoint_engine::store::RunStatus;

/// Checks one step of a run from `before` to `after`.
pub(crate) fn check_step(before: &Run, after: &Run, transition: &Transition) {
    transition.entries.iter().for_each(survives_its_stored_form);
    messages_only_grow(before, after);
    outcomes_are_final(before, after);
    effects_follow_from_entries(before, after, transition);
    counts_its_entries(before, after, transition);
}

/// Checks a state with the rows that it was made from.
pub(crate) fn check_state(run: &Run, records: &[Record]) {
    assert_eq!(
        &Run::replay(records).unwrap(),
        run,
        "a replay gives another state than the live one"
    );
    let by_drivers = records.iter().filter(|record| !record.outsider).count();
    assert_eq!(run.driver_entries(), by_drivers as u64, "entries by drivers");
    messages_are_well_formed(run.messages());
    requirements_are_consistent(run);
    nothing_ran_twice_unasked(run, records);
}

fn survives_its_stored_form(entry: &Entry) {
    let payload = encode(entry).unwrap();
    assert_eq!(&decode(entry.kind(), &payload).unwrap(), entry, "stored as {payload}");
}

fn messages_only_grow(before: &Run, after: &Run) {
    assert!(
        after.messages().starts_with(before.messages()),
        "messages that were there changed"
    );
}

fn outcomes_are_final(before: &Run, after: &Run) {
    for (earlier, later) in before.calls().iter().zip(after.calls()) {
        assert_eq!(earlier.plan, later.plan, "a planned call changed");
        if earlier.is_finished() {
            assert_eq!(earlier.state, later.state, "the outcome of {} changed", later.plan.id);
        }
    }
}

/// Whatever the driver is asked to do follows from an entry that is written first.
fn effects_follow_from_entries(before: &Run, after: &Run, transition: &Transition) {
    for effect in &transition.effects {
        match effect {
            // One that plans ahead is asked while calls are open.
            Effect::RequestModel => assert!(
                after.unfinished_calls().next().is_some() || every_call_is_answered(after.messages()),
                "the model lacks a result"
            ),
            Effect::StartTool(start) => assert!(
                transition.entries.iter().any(
                    |entry| matches!(entry, Entry::ToolStarted(ToolStarted { call_id, attempt, .. })
                    if *call_id == start.call_id && *attempt == start.attempt)
                ),
                "{} starts without an entry",
                start.call_id
            ),
            Effect::ReconcileTool(in_doubt) => {
                let state = call(after, &in_doubt.call_id);
                assert!(
                    matches!(state, Some(CallState::InDoubt { .. })),
                    "a tool is asked of a call that is not in doubt"
                );
            }
            Effect::InterruptTool { call_id } => {
                assert!(after.cancellation() == Some(Cancellation::Interrupting));
                assert!(call(after, call_id).is_some_and(|state| matches!(state, CallState::Started { .. })));
            }
            Effect::Stop => {
                assert_ne!(after.status(), RunStatus::Running, "a running run stops");
                let on_disk = before.status() == RunStatus::Completed || !transition.entries.is_empty();
                assert!(on_disk, "the stop is visible before its entry is on disk");
            }
        }
    }
}

fn call<'run>(run: &'run Run, call_id: &str) -> Option<&'run CallState> {
    let found = run.calls().iter().find(|call| &*call.plan.id == call_id);
    found.map(|call| &call.state)
}

fn counts_its_entries(before: &Run, after: &Run, transition: &Transition) {
    let added = after.driver_entries() - before.driver_entries();
    assert_eq!(added, transition.entries.len() as u64, "entries counted");
}

/// Providers refuse anything else: a person begins, each call of an assistant message is answered right after it, once and in
/// order, and no side speaks twice without the other.
pub(crate) fn messages_are_well_formed(messages: &[Message]) {
    assert_eq!(messages[0].role, Role::User, "a person begins");
    let mut rest = &messages[1..];
    let mut speaker = Role::User;
    while let Some((message, following)) = rest.split_first() {
        assert_ne!(message.role, speaker, "two messages of one side in a row");
        let results = following
            .iter()
            .take_while(|message| message.role == Role::Tool)
            .count();
        let (results, following) = following.split_at(results);
        match message.role {
            Role::Assistant => assert_answers(message, results, following.is_empty()),
            _ => assert!(results.is_empty(), "a result that nobody asked for"),
        }
        speaker = if results.is_empty() { message.role } else { Role::Tool };
        rest = following;
    }
}

fn assert_answers(asked: &Message, results: &[Message], is_last: bool) {
    if results.is_empty() && is_last {
        return;
    }
    let calls: Vec<_> = asked
        .tool_calls
        .iter()
        .map(|call| (Some(&call.id), Some(&call.name)))
        .collect();
    let answers: Vec<_> = results
        .iter()
        .map(|result| (result.tool_call_id.as_ref(), result.name.as_ref()))
        .collect();
    assert_eq!(answers, calls, "each call is answered once, in order");
}

fn every_call_is_answered(messages: &[Message]) -> bool {
    messages.last().is_some_and(|last| last.role != Role::Assistant)
}

fn requirements_are_consistent(run: &Run) {
    let ids: HashSet<_> = run.requirements().iter().map(|requirement| &requirement.id).collect();
    assert_eq!(ids.len(), run.requirements().len(), "a requirement id was used twice");
    for requirement in run.open_requirements() {
        let state = &run.calls()[requirement.call].state;
        assert_eq!(
            state,
            &CallState::Waiting,
            "an open requirement of a call that waits for nobody"
        );
    }
    if run.status() != RunStatus::Running {
        assert!(
            !run.calls().iter().any(Call::is_started),
            "stopped, with a tool that runs"
        );
    }
    if run.status() == RunStatus::Paused {
        let waits = run.open_requirements().next().is_some() || run.has_news();
        assert!(waits, "paused, with nothing to decide");
    }
}

/// A call runs once, and once more for each time that somebody says so, unless its tool may be repeated.
fn nothing_ran_twice_unasked(run: &Run, records: &[Record]) {
    let mut allowed: HashMap<&str, usize> = HashMap::new();
    let mut rule = InDoubtRule::Ask;
    for entry in records.iter().map(|record| &record.entry) {
        match entry {
            Entry::ToolStarted(started) => {
                let call = run.calls().iter().find(|call| call.plan.id == started.call_id).unwrap();
                let repeatable =
                    rule == InDoubtRule::Retry || call.plan.tool.as_ref().is_some_and(|tool| tool.repeatable);
                let left = allowed.entry(&call.plan.id).or_insert(1);
                assert!(repeatable || *left > 0, "{} ran again unasked", call.plan.id);
                *left = left.saturating_sub(1);
            }
            Entry::ToolReconciled(reconciled) if reconciled.not_started => {
                allowed.insert(&reconciled.call_id, 1);
            }
            Entry::RequirementDecided(decided) if decided.decision == Decision::Retry => {
                let requirement = run.requirement(&decided.requirement_id).unwrap();
                allowed.insert(&run.calls()[requirement.call].plan.id, 1);
            }
            Entry::RunContinued(continued) => rule = continued.on_in_doubt,
            _ => {}
        }
    }
}
