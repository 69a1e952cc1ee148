//! Telling runs of what happens outside.

use crate::store::handle::StoreHandle;
use crate::store::signals::kept_since;
use crate::store::{Committed, KeptSignal, NewSignal, Operation, SignalFilter, Signalled, Store};
use crate::{Text, Timestamp};

use super::EngineError;
use super::control::Then;

/// How many signals are read at once.
const PAGE: u32 = 256;

/// Keeps a signal until a wait for its event takes it, or ends the oldest one that stands with it.
pub fn signal(store: &StoreHandle, signal: NewSignal, then: Then<Signalled>) {
    let by = signal.by.as_deref().map(str::trim).filter(|by| !by.is_empty());
    let by = by.map(Text::from);
    store.submit(
        Operation::Signal(NewSignal { by, ..signal }),
        Box::new(move |committed| match committed {
            Ok(Committed::Signalled(signalled)) => then(Ok(signalled)),
            Ok(_) => {}
            Err(error) => then(Err(error.into())),
        }),
    );
}

/// The signals that are kept, oldest first: of an event's name, with a key, at most so many.
///
/// # Errors
/// What the store ran into.
pub fn kept_signals(
    store: &mut dyn Store,
    mut filter: SignalFilter,
    now: Timestamp,
) -> Result<Vec<KeptSignal>, EngineError> {
    let wanted = filter.limit as usize;
    filter.after = kept_since(now);
    let mut found: Vec<KeptSignal> = Vec::new();
    while found.len() < wanted {
        filter.limit = PAGE.min(u32::try_from(wanted - found.len()).unwrap_or(PAGE));
        let part = store.signals(&filter)?;
        let is_last = part.len() < filter.limit as usize;
        filter.behind = part.last().map_or(filter.behind, |last| last.place);
        found.extend(part);
        if is_last {
            break;
        }
    }
    Ok(found)
}
