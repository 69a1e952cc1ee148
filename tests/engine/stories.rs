//! Whole lives of runs: what the golden journals hold, what crashes are tried on, and what coverage is counted over.

mod answering;
mod asking;
mod remembering;
mod stopping;

use crate::scenario::Scenario;

/// A story by name.
pub(crate) struct Story {
    /// Also the golden journal's file name.
    pub(crate) name: &'static str,
    /// Plays it to its end.
    pub(crate) play: fn() -> Scenario,
}

/// All stories.
pub(crate) const STORIES: &[Story] = &[
    Story {
        name: "drained",
        play: stopping::drained,
    },
    Story {
        name: "drained_by_force",
        play: stopping::drained_by_force,
    },
    Story {
        name: "set_aside",
        play: stopping::set_aside,
    },
    Story {
        name: "queued",
        play: stopping::queued,
    },
    Story {
        name: "remembered",
        play: remembering::remembered_approvals,
    },
    Story {
        name: "remembered_in_session",
        play: remembering::remembered_in_session,
    },
    Story {
        name: "steps_planned",
        play: answering::steps_planned,
    },
    Story {
        name: "events",
        play: answering::events,
    },
    Story {
        name: "waits",
        play: answering::waits,
    },
    Story {
        name: "plain_answer",
        play: answering::plain_answer,
    },
    Story {
        name: "parallel_calls",
        play: answering::parallel_calls,
    },
    Story {
        name: "all_decisions",
        play: asking::all_decisions,
    },
    Story {
        name: "paused",
        play: asking::paused,
    },
    Story {
        name: "partly_decided",
        play: asking::partly_decided,
    },
    Story {
        name: "cancelled_with_tools",
        play: stopping::cancelled_with_tools,
    },
    Story {
        name: "cancelled_model_request",
        play: stopping::cancelled_model_request,
    },
    Story {
        name: "interrupted",
        play: stopping::interrupted,
    },
    Story {
        name: "cancelled_while_paused",
        play: stopping::cancelled_while_paused,
    },
    Story {
        name: "recovery",
        play: stopping::recovery,
    },
    Story {
        name: "reconciling",
        play: stopping::reconciling,
    },
    Story {
        name: "forbidden_doubt",
        play: stopping::forbidden_doubt,
    },
    Story {
        name: "model_failure",
        play: answering::model_failure,
    },
    Story {
        name: "tool_call_limit",
        play: answering::tool_call_limit,
    },
    Story {
        name: "invalid_output",
        play: answering::invalid_output,
    },
    Story {
        name: "structured_output",
        play: answering::structured_output,
    },
    Story {
        name: "final_tool",
        play: answering::final_tool,
    },
    Story {
        name: "running",
        play: answering::running,
    },
    Story {
        name: "changed_arguments",
        play: asking::changed_arguments,
    },
    Story {
        name: "decided_elsewhere",
        play: asking::decided_elsewhere,
    },
    Story {
        name: "expired",
        play: asking::expired,
    },
    Story {
        name: "failed_by_expiry",
        play: asking::failed_by_expiry,
    },
    Story {
        name: "approvals",
        play: asking::approvals,
    },
];
