//! Approvals that answer later calls, too.

use haltpoint_engine::journal::{PlannedCall, RunStarted};
use haltpoint_engine::requirement::RememberScope;

use crate::scenario::{Declared, Scenario, calls, confirm, remembered, remembered_with_arguments, run_started};

/// An approval answers the next call of its tool, and no other; another is revoked before it answers any.
pub(super) fn remembered_approvals() -> Scenario {
    Scenario::new()
        .replies(calls([confirm("pay"), confirm("tell")]))
        .decides_as("ann", "pay", remembered(RememberScope::Run))
        .decides_as("bob", "tell", remembered_with_arguments(RememberScope::Run))
        .continues()
        .returns("pay", "paid")
        .returns("tell", "told")
        .revokes("tell")
        .replies_remembering(calls([
            named("pay", "pay_2"),
            named("tell", "tell_2"),
            named("pay", "pay_3").always_asking(),
        ]))
        .returns("pay_2", "paid again")
}

/// An approval that was given in another run answers a call; one of this run is for the whole session, and is revoked in the end.
pub(super) fn remembered_in_session() -> Scenario {
    let started = RunStarted {
        session_id: Some("shop".into()),
        ..run_started()
    };
    Scenario::of(started)
        .replies(calls([confirm("pay").approved_in("another run"), confirm("tell")]))
        .returns("pay", "paid")
        .decides_as("ann", "tell", remembered_with_arguments(RememberScope::Session))
        .continues()
        .returns("tell", "told")
        .answers("done")
        .revokes("tell")
}

/// A call of a tool whose id is not its name.
fn named(tool: &str, id: &str) -> PlannedCall {
    confirm(tool).with_id(id)
}
