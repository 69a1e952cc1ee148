//! PostgreSQL does what every store and every backend does: the engine's own tests of that, on a server of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
#![expect(clippy::disallowed_methods, reason = "the tests start a server")]

#[path = "../../../../tests/store/approvals.rs"]
mod approvals;
#[path = "../../../../tests/store/claims.rs"]
mod claims;
#[path = "../../../../tests/store/contract.rs"]
mod contract;
#[path = "../../../../tests/shared/difference.rs"]
mod difference;
mod each;
#[path = "../../../../tests/store/equivalence.rs"]
mod equivalence;
#[path = "../../../../tests/store/feed.rs"]
mod feed;
#[path = "../../../../tests/store/late_cancels.rs"]
mod late_cancels;
#[path = "../../../../tests/store/lists.rs"]
mod lists;
#[path = "../../../../tests/store/notifications.rs"]
mod notifications;
#[path = "../../../../tests/store/reading_on.rs"]
mod reading_on;
#[path = "../../../../tests/store/refusals.rs"]
mod refusals;
#[path = "../../../../tests/store/relocating.rs"]
mod relocating;
#[path = "../../../../tests/store/requirements.rs"]
mod requirements;
#[expect(dead_code, reason = "not all of it is used here")]
mod server;
#[path = "../../../../tests/store/signals.rs"]
mod signals;
#[expect(dead_code, reason = "not all of it is used here")]
#[path = "../../../../tests/store/support.rs"]
mod support;
#[path = "../../../../tests/store/through.rs"]
mod through;
#[path = "../../../../tests/store/waits.rs"]
mod waits;
