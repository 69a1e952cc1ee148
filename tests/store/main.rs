//! The stores and the backends, through their public surface: what one of them does, the others do, and what SQLite adds to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests of the store look at its files and start processes"
)]

mod approvals;
mod approvals_on_files;
mod audit_keys;
mod backends;
mod checking;
mod claims;
mod clocks;
mod commit_at_once;
mod contention;
mod contract;
#[path = "../shared/difference.rs"]
mod difference;
mod each;
mod equivalence;
mod erasing;
mod feed;
mod feed_on_files;
mod files;
mod handle;
mod holders;
mod journals;
mod late_cancels;
mod late_cancels_on_files;
mod limits;
mod lists;
mod migrating;
mod notifications;
mod notifications_on_files;
mod overwriting;
mod pruning;
mod reading_on;
mod reading_on_on_files;
mod refusals;
mod relocating;
mod requirements;
mod shrinking;
mod signals;
mod support;
mod tampered_index;
mod through;
mod toy;
mod verifying;
mod waits;
mod working;
