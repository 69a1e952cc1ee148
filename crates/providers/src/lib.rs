//! Models over the providers' own protocols: from a conversation to an answer, over HTTP.
//!
//! A [`Client`] is one model. It sends a [`ModelRequest`] on the threads of the process's [`Service`] and hands the [`Reply`], or
//! the [`Failure`], to a callback. Nothing here knows Python or a journal.
//!
//! Requests are written and answers read here, per protocol, and not through a common message form, which loses what
//! providers want back in a tool loop: error flags of tool results, the order and the signatures of reasoning blocks,
//! arguments that are not valid JSON, and tools whose name is that of a provider's built-in one. The answer's bytes are
//! read here as well, so that they can be counted.

mod catalog;
mod client;
mod conversation;
mod failure;
mod protocol;
mod reply;
mod secrets;
mod sending;
mod service;
mod settings;
mod transcript;

pub use client::{Call, Client, ModelRequest, UnknownModel};
pub use conversation::Conversation;
pub use failure::Failure;
pub use protocol::ToolSpec;
pub use reply::{Reply, ReplyCall};
pub use service::{Service, ServiceError};
pub use settings::{Effort, Settings};
