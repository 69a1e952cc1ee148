//! Runs that stop in their middle: cancelled, crashed, handed back, set aside.

use haltpoint_engine::journal::InDoubtRule;

use crate::scenario::{Declared, Scenario, calls, confirm, plain, retried, skipped_because, supplied};

pub(super) fn cancelled_with_tools() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), plain("b"), plain("c").sequential()]))
        .returns("a", "A")
        .gets_cancelled_from_outside(false)
        .returns("b", "B")
}

pub(super) fn cancelled_model_request() -> Scenario {
    Scenario::new().replies(calls([plain("a")])).returns("a", "A").cancels()
}

pub(super) fn interrupted() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), plain("b").repeatable()]))
        .cancels_and_interrupts()
        .gets_interrupted("b")
        .gets_interrupted("a")
        .continues()
        .returns("b", "B")
        .decides("a", supplied("A"))
        .continues()
        .answers("done")
}

pub(super) fn cancelled_while_paused() -> Scenario {
    Scenario::new()
        .replies(calls([confirm("a")]))
        .gets_cancelled_while_idle()
}

pub(super) fn recovery() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a"), plain("b"), plain("c"), plain("d").repeatable()]))
        .crashes()
        .continues()
        .returns("d", "D")
        .decides("a", retried())
        .decides("b", supplied("B"))
        .decides("c", skipped_because("lost"))
        .continues()
        .crashes()
        .continues()
}

pub(super) fn reconciling() -> Scenario {
    Scenario::new()
        .replies(calls([
            plain("a").reconcilable(),
            plain("b").reconcilable(),
            plain("c").reconcilable(),
        ]))
        .crashes()
        .continues_with_rule(InDoubtRule::Retry)
        .finds_result("a", "A")
        .finds_no_trace("b")
        .cannot_tell("c", "the bank is closed")
        .returns("b", "B")
        .returns("c", "C")
        .answers("done")
}

pub(super) fn forbidden_doubt() -> Scenario {
    Scenario::new()
        .replies(calls([plain("a")]))
        .crashes()
        .continues_with_rule(InDoubtRule::Fail)
}

pub(super) fn drained() -> Scenario {
    Scenario::new()
        .replies(calls([plain("pay"), plain("tell")]))
        .hands_back()
        .returns("pay", "paid")
        .returns("tell", "told")
        .continues()
        .hands_back()
        .answers("done")
}

pub(super) fn drained_by_force() -> Scenario {
    Scenario::new()
        .replies(calls([plain("pay")]))
        .drained_by_force()
        .continues()
        .decides("pay", skipped_because("it was paid"))
        .continues()
        .drained_by_force()
}

pub(super) fn set_aside() -> Scenario {
    Scenario::new().continues().continues().continues().gets_set_aside()
}

pub(super) fn queued() -> Scenario {
    set_aside().gets_queued().continues().answers("done")
}
