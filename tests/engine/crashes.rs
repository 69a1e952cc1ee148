//! A driver may die after any commit, in any story: whoever comes next brings the run to its end, and no call runs twice unasked
//! (the host checks that after every input).

use haltpoint_engine::journal::InDoubtRule;
use haltpoint_engine::run::Run;
use haltpoint_engine::store::RunStatus;

use crate::scenario::Scenario;
use crate::stories::STORIES;

fn each_crash(mut check: impl FnMut(&str, Scenario)) {
    for story in STORIES {
        for prefix in (story.play)().journal().prefixes() {
            check(story.name, Scenario::found(prefix));
        }
    }
}

#[test]
fn every_run_can_be_brought_to_an_end_after_every_commit() {
    each_crash(|name, found| {
        let ended = found.continues_with_limit(1_000).comes_to_an_end();
        assert_eq!(ended.run().status(), RunStatus::Completed, "{name}");
    });
}

#[test]
fn every_run_can_be_brought_to_an_end_however_often_its_drivers_die() {
    each_crash(|name, found| {
        let mut scenario = found;
        for _ in 0..3 {
            scenario = scenario.continues_with_limit(1_000).crashes();
        }
        let ended = scenario.continues_with_limit(1_000).comes_to_an_end();
        assert_eq!(ended.run().status(), RunStatus::Completed, "{name}");
    });
}

#[test]
fn every_orphan_and_every_paused_run_can_be_cancelled_and_then_brought_to_an_end() {
    each_crash(|name, found| {
        if matches!(found.run().status(), RunStatus::Running | RunStatus::Paused) {
            let cancelled = found.gets_cancelled_while_idle();
            assert_eq!(cancelled.run().status(), RunStatus::Cancelled, "{name}");
            let ended = cancelled.continues_with_limit(1_000).comes_to_an_end();
            assert_eq!(ended.run().status(), RunStatus::Completed, "{name}");
        }
    });
}

#[test]
fn what_was_finished_before_a_crash_stays_as_it_was() {
    each_crash(|name, found| {
        let before = found.run().clone();
        let ended = found
            .continues_with_rule(InDoubtRule::Retry)
            .continues_with_limit(1_000)
            .comes_to_an_end();
        for (earlier, later) in before.calls().iter().zip(ended.run().calls()) {
            if earlier.is_finished() {
                assert_eq!(earlier, later, "{name}");
            }
        }
        assert!(ended.messages().starts_with(before.messages()), "{name}");
    });
}

#[test]
fn a_journal_can_be_replayed_up_to_every_row() {
    for story in STORIES {
        let scenario = (story.play)();
        let records = scenario.journal().records();
        for length in 1..=records.len() {
            let run = Run::replay(&records[..length]).unwrap();
            serde_json::to_value(run.view(&[])).unwrap();
        }
        assert_eq!(&Run::replay(records).unwrap(), scenario.run(), "{}", story.name);
    }
}

#[test]
fn a_run_goes_on_alike_whichever_process_goes_on_with_it() {
    for story in STORIES {
        let scenario = (story.play)();
        let here = scenario.clone().continues_with_limit(1_000);
        let elsewhere = Scenario::found(scenario.journal().clone()).continues_with_limit(1_000);
        assert_eq!(here.run().calls().len(), elsewhere.run().calls().len());
        assert_eq!(here.kinds(), elsewhere.kinds(), "{}", story.name);
    }
}
