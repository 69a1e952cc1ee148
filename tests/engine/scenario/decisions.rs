//! What people decide.

use std::collections::BTreeMap;

use haltpoint_engine::journal::Event;
use haltpoint_engine::requirement::{Confirmation, Decision, Remember, RememberScope, RequirementKind};
use haltpoint_engine::{Json, Text};
use serde_json::{Value, json};

use super::as_json;

/// Approves the call.
pub(crate) fn confirmed() -> Decision {
    Decision::confirm()
}

/// Approves the call with other arguments.
pub(crate) fn confirmed_with(tool_args: &Value) -> Decision {
    Decision::Confirm(Confirmation {
        tool_args: Some(as_json(tool_args)),
        ..Confirmation::default()
    })
}

/// Approves the call, and later ones of its tool.
pub(crate) fn remembered(scope: RememberScope) -> Decision {
    remembering(scope, false)
}

/// Approves the call, and later ones of its tool with the same arguments.
pub(crate) fn remembered_with_arguments(scope: RememberScope) -> Decision {
    remembering(scope, true)
}

fn remembering(scope: RememberScope, with_arguments: bool) -> Decision {
    Decision::Confirm(Confirmation {
        remember: Some(Remember { scope, with_arguments }),
        ..Confirmation::default()
    })
}

/// Rejects the call without a word.
pub(crate) fn rejected() -> Decision {
    Decision::Reject { note: None }
}

/// Rejects the call and says why.
pub(crate) fn rejected_because(note: &str) -> Decision {
    Decision::Reject {
        note: Some(note.into()),
    }
}

/// Fills in these fields.
pub(crate) fn answers<const N: usize>(values: [(&str, Value); N]) -> Decision {
    Decision::Input {
        values: BTreeMap::from(values.map(|(name, value)| (Text::from(name), value))),
        shown: None,
        unchecked: false,
    }
}

/// The call was run elsewhere.
pub(crate) fn result(content: &str) -> Decision {
    Decision::Result {
        content: content.into(),
    }
}

/// Runs the call in doubt again.
pub(crate) fn retried() -> Decision {
    Decision::Retry
}

/// The call in doubt did run.
pub(crate) fn supplied(content: &str) -> Decision {
    Decision::Supply {
        content: content.into(),
    }
}

/// Gives the call in doubt up.
pub(crate) fn skipped() -> Decision {
    Decision::Skip { note: None }
}

/// Gives the call in doubt up and says why.
pub(crate) fn skipped_because(note: &str) -> Decision {
    Decision::Skip {
        note: Some(note.into()),
    }
}

/// The event of that name has happened.
pub(crate) fn signalled(name: &str, payload: &str) -> Decision {
    Decision::Signal {
        signal_id: "s1".into(),
        event: event(name),
        payload: Json::parse(payload.to_owned()).unwrap(),
    }
}

/// The event of that name.
pub(crate) fn event(name: &str) -> Event {
    Event {
        name: name.into(),
        key: Some("A-1".into()),
    }
}

/// A decision that lets a call of the scripted plans go on, whatever is needed.
pub(crate) fn obliging(kind: RequirementKind, answers_are_result: bool) -> Decision {
    match kind {
        RequirementKind::Confirmation | RequirementKind::Wait => confirmed(),
        RequirementKind::UserInput if answers_are_result => answers([("city", json!("Lisbon"))]),
        RequirementKind::UserInput => answers([("to", json!("Ada"))]),
        RequirementKind::ExternalTool => result("run elsewhere"),
        RequirementKind::Recovery => retried(),
    }
}
