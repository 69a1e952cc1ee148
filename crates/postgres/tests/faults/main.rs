//! What a server, a network and other machines do to a backend: each effect is on disk once, or not at all, and who asked knows which.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
#![expect(clippy::disallowed_methods, reason = "the tests start a server and threads")]

mod feed;
mod leases;
mod opening;
mod outages;
mod pooling;
mod proxy;
mod runs;
#[path = "../contract/server.rs"]
mod server;
mod signals;
mod sql;
