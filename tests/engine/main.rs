//! The engine's runs, driven by a scripted host: what each input leads to, told as stories.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod scenario;
mod stories;

mod answers;
mod approving;
mod audited;
mod call_ids;
mod cancelling;
mod changed_arguments;
mod clocks;
mod contradictions;
mod coverage;
mod crashes;
mod decisions;
mod expiring;
mod failures;
mod final_tools;
#[expect(clippy::disallowed_methods, reason = "golden journals are files")]
mod golden;
mod interleavings;
mod late_cancels;
mod late_facts;
mod listing;
mod parallel_calls;
mod reconciling;
mod recovery;
mod refused_calls;
mod remembering;
mod required_features;
mod sequential_calls;
mod sessions;
mod shown_arguments;
mod spinning;
mod steps_planned;
mod views;
mod waits;
mod working;
