//! Histories that once broke a promise, as short as they could be made.

use haltpoint_engine::journal::InDoubtRule;

use crate::event::Event;
use crate::history::{HONEST, ON_SERVER, replay};

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

/// A server's clock that is set back between asking for a lease and sending that makes no lease longer for who measures it.
#[test]
fn a_lease_is_measured_from_when_it_was_asked_for_at_the_earliest_and_sent_at_the_latest() {
    let wants = |rule| Event::Continue {
        process: 0,
        run: 0,
        tool_call_limit: 100,
        rule,
        gives_up: false,
    };
    let events = [
        Event::Start {
            process: 2,
            tool_call_limit: 100,
            remembers: false,
        },
        Event::SetClock {
            process: 0,
            of_all: true,
            micros: -3_600_000_000,
        },
        Event::Commit { process: 2, most: 1 },
        Event::Land { pick: 0 },
        Event::Acknowledge { process: 2 },
        Event::Reply {
            process: 2,
            pick: 758,
            seed: 9_440_981_776_906_354_009,
        },
        wants(InDoubtRule::Fail),
        Event::Commit { process: 0, most: 1 },
        Event::Read { process: 2 },
        Event::Land { pick: 0 },
        Event::Wait { micros: 31_000_000 },
        wants(InDoubtRule::Retry),
        Event::Commit { process: 2, most: 2 },
        Event::Land { pick: 0 },
        Event::Acknowledge { process: 0 },
        Event::Commit { process: 0, most: 1 },
        Event::Land { pick: 0 },
        Event::Acknowledge { process: 2 },
    ];
    assert!(replay(&events, ON_SERVER, false).breach.is_none());
}
