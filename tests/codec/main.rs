//! The journal's stored form under arbitrary values: what is written reads back the same, and nothing that can be read from a file
//! makes the engine panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod chain;
mod compatibility;
mod decoding;
#[path = "../shared/difference.rs"]
mod difference;
mod differences;
mod harness;
mod mutations;
mod replaying;
mod round_trips;
mod values;
