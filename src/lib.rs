//! The engine of haltpoint: runs of LLM agents as append-only journals.
//!
//! A run's state is a pure fold over its journal ([`run`]); a [`session`] applies an input, commits the entries that
//! follow from it to a [`store`], and only then hands out the effects. The engine knows neither Python nor an async
//! runtime, and makes no network call; time and random identifiers come in as arguments.

pub mod journal;
pub mod message;
pub mod requirement;
pub mod run;
pub mod session;
#[expect(
    clippy::disallowed_methods,
    reason = "the disk, the clock and threads are the store's business, and nobody else's"
)]
pub mod store;
mod value;

pub use value::{Json, Text, Timestamp};
