//! How much there is to encode and to hash in an operation.

use crate::Json;
use crate::journal::{Entry, ModelReplied, PlannedCall};
use crate::store::{Append, Author, Operation};

/// Up to so many bytes take no longer than handing them to another thread.
const LIGHT: usize = 16 << 10;

/// Whether this is a driver's append of a few kilobytes.
pub(super) fn is_light(operation: &Operation) -> bool {
    match operation {
        Operation::Append(Append {
            author: Author::Driver { .. },
            entries,
            ..
        }) => entries.iter().map(weight).fold(0, usize::saturating_add) <= LIGHT,
        _ => false,
    }
}

/// About how many bytes of somebody else's making an entry holds; those of kinds that are rare count as heavy.
fn weight(entry: &Entry) -> usize {
    match entry {
        Entry::ModelReplied(reply) => reply_weight(reply),
        Entry::StepsPlanned(planned) => planned.calls.iter().map(call_weight).sum(),
        Entry::ToolFinished(finished) => finished.content.len(),
        Entry::RunCompleted(completed) => completed.output.as_ref().map_or(0, json_weight),
        Entry::ToolStarted(_) | Entry::RequirementOpened(_) | Entry::RunPaused(_) => 0,
        _ => usize::MAX,
    }
}

fn reply_weight(reply: &ModelReplied) -> usize {
    let text = reply.text.as_ref().map_or(0, |text| text.len());
    let data = reply.provider_data.as_ref().map_or(0, json_weight);
    reply.calls.iter().map(call_weight).sum::<usize>() + text + data
}

fn call_weight(call: &PlannedCall) -> usize {
    let failure = call.rules.answer.as_ref().and_then(|answer| answer.failure.as_ref());
    let failure = failure.map_or(0, |failure| failure.len());
    call.args.get().len() + call.fields.as_ref().map_or(0, json_weight) + failure
}

fn json_weight(json: &Json) -> usize {
    json.get().len()
}
