//! Histories that once broke a promise, as short as they could be made.

use crate::event::Event;
use crate::history::{HONEST, replay};

#[test]
fn a_cancellation_that_cannot_be_written_gives_the_run_back() {
    let events = [
        Event::Start {
            process: 2,
            tool_call_limit: 100,
            remembers: false,
        },
        Event::Commit { process: 2, most: 8 },
        Event::Crash { process: 2 },
        Event::Wait { micros: 31_000_000 },
        Event::Cancel {
            process: 0,
            run: 0,
            interrupt: true,
        },
        Event::Commit { process: 0, most: 1 },
        Event::Acknowledge { process: 0 },
        Event::CommitFails { process: 0 },
    ];
    assert!(replay(&events, HONEST, false).breach.is_none());
}
