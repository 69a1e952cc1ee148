//! What is checked on live sessions, after each step.

use std::sync::Arc;

use haltpoint_engine::message::{Message, Role};
use haltpoint_engine::run::{Call, Effect, Run};
use haltpoint_engine::session::Session;

use crate::backend::SimulatedBackend;
use crate::difference::first_difference;
use crate::drive::Drive;
use crate::journal::Journal;
use crate::server::Server;
use crate::witness::{Happening, Promise, Witness};

/// Whether a run that is driven is stopping, and how often its tools were started.
pub(crate) fn stopping(run: &Run) -> (bool, u64) {
    (run.cancellation().is_some(), starts(run))
}

fn starts(run: &Run) -> u64 {
    run.calls().iter().map(|call: &Call| u64::from(call.attempts)).sum()
}

/// A run that was told to stop starts nothing more.
pub(crate) fn check_stopping(before: (bool, u64), run: &Run, effects: &[Effect], witness: &Witness) {
    let (was_stopping, starts_before) = before;
    let is_quiet = starts(run) == starts_before && !effects.contains(&Effect::RequestModel);
    witness.expect(!was_stopping || is_quiet, Promise::CancelledStartsNothing, || {
        format!("{} goes on although it was cancelled: {effects:?}", run.run_id())
    });
}

/// Each call of an assistant message has exactly one result right behind it, in order, and the model has the next word.
pub(crate) fn check_conversation(session: &Session, witness: &Witness) {
    let messages: Vec<&Message> = session.before().iter().chain(session.run().messages()).collect();
    let dialogue: Vec<&Message> = messages
        .iter()
        .copied()
        .filter(|message| message.role != Role::System)
        .collect();
    // A model that plans ahead is asked while calls are open: these have no results yet.
    let is_planned_upon = session.run().unfinished_calls().next().is_some();
    let is_well_formed = dialogue.first().is_some_and(|first| first.role == Role::User)
        && (is_planned_upon || dialogue.last().is_some_and(|last| last.role != Role::Assistant))
        && calls_are_answered(&dialogue[..dialogue.len() - usize::from(is_planned_upon)]);
    witness.expect(is_well_formed, Promise::ConversationIsWellFormed, || {
        format!("{dialogue:?}")
    });
}

fn calls_are_answered(dialogue: &[&Message]) -> bool {
    let mut rest = dialogue;
    while let Some((message, following)) = rest.split_first() {
        let results = following
            .iter()
            .take_while(|message| message.role == Role::Tool)
            .count();
        let (results, following) = following.split_at(results);
        let asked = message.tool_calls.iter().map(|call| (Some(&call.id), Some(&call.name)));
        let answered = results
            .iter()
            .map(|result| (result.tool_call_id.as_ref(), result.name.as_ref()));
        let alternates = following
            .first()
            .is_none_or(|next| next.role != message.role || !results.is_empty());
        if !asked.eq(answered) || !alternates {
            return false;
        }
        rest = following;
    }
    true
}

/// A live state is what its journal adds up to, with what its driver has not heard of and what is not on disk yet.
pub(crate) fn check_live_state(
    drive: &Drive,
    backend: &Arc<SimulatedBackend>,
    (journal, server): (&Journal, Option<&Server>),
    witness: &Witness,
) {
    let (Some(session), Some(pending)) = (&drive.session, backend.pending(&drive.run_id, drive.epoch, server)) else {
        return;
    };
    let news = journal
        .records
        .iter()
        .filter(|record| record.outsider && record.seq > drive.heard);
    let news: Vec<_> = news.collect();
    witness.count(Happening::ComparedStates);
    if pending.is_empty() && news.is_empty() {
        return expect_same(session.run(), &journal.run, witness);
    }
    let (mut live, mut stored) = (session.run().clone(), journal.run.clone());
    let heard = news.into_iter().try_for_each(|record| live.fold_record(record));
    let written = pending.iter().try_for_each(|record| stored.fold_record(record));
    witness.expect(heard.is_ok() && written.is_ok(), Promise::ReplayGivesLiveState, || {
        format!("{}: {heard:?}, {written:?}", drive.run_id)
    });
    expect_same(&live, &stored, witness);
}

fn expect_same(live: &Run, stored: &Run, witness: &Witness) {
    witness.expect(is_same(live, stored), Promise::ReplayGivesLiveState, || {
        let difference = first_difference(live, stored).unwrap_or_default();
        format!("{}, live / on disk: {difference}", live.run_id())
    });
}

/// A cancel request may be heard of later than it stands in the journal, behind a start or a stop: then only what users see has
/// to be the same.
fn is_same(live: &Run, stored: &Run) -> bool {
    if live.cancellation() == stored.cancellation() {
        return live == stored;
    }
    serde_json::to_string(&live.view(&[])).unwrap() == serde_json::to_string(&stored.view(&[])).unwrap()
}
