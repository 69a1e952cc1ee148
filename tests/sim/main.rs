//! The engine in a simulated world: processes that crash, stop and wake, one disk, and everybody who wants something of a run.
//! The same seed gives the same history. For a longer run:
//! `HALTPOINT_SIM_HISTORIES=5000000 cargo test --test sim promises`; `HALTPOINT_SIM_SEED` is the first seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, asks for the time and tells what it saw"
)]

mod backend;
mod campaign;
mod connection;
#[path = "../shared/difference.rs"]
mod difference;
mod disk;
mod drive;
mod ending;
mod event;
mod history;
mod invariants;
mod journal;
mod ledger;
mod liveness;
mod memory;
mod model;
mod negative_controls;
mod news;
mod process;
mod promises;
mod random;
mod regressions;
mod rows;
mod sabotage;
mod scheduler;
mod server;
mod shrink;
mod witness;
mod world;
