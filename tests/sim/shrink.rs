//! Makes a failing history short: leaves events out as long as what is left fails in the same way.

use crate::event::Event;
use crate::history::{Setting, replay};
use crate::witness::Promise;

/// The shortest history found that breaks the same promise.
pub(crate) fn shrink(events: &[Event], setting: Setting, promise: Promise) -> Vec<Event> {
    let fails = |events: &[Event]| {
        replay(events, setting, false)
            .breach
            .is_some_and(|breach| breach.promise == promise)
    };
    let mut shortest = events.to_vec();
    let mut size = shortest.len().div_ceil(2);
    while size > 0 {
        let before = shortest.len();
        shortest = without_chunks(shortest, size, &fails);
        if size > 1 || shortest.len() == before {
            size /= 2;
        }
    }
    shortest
}

fn without_chunks(mut events: Vec<Event>, size: usize, fails: &impl Fn(&[Event]) -> bool) -> Vec<Event> {
    let mut start = 0;
    while start < events.len() {
        let end = (start + size).min(events.len());
        let shorter: Vec<Event> = [&events[..start], &events[end..]].concat();
        if fails(&shorter) {
            events = shorter;
        } else {
            start = end;
        }
    }
    events
}
