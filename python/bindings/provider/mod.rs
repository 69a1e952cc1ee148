//! Models over the providers' own protocols.
//!
//! Requests are written and answers read here, per protocol, and not through a common message form, which loses what
//! providers want back in a tool loop: error flags of tool results, the order and the signatures of reasoning blocks,
//! arguments that are not valid JSON, and tools whose name is that of a provider's built-in one. The answer's bytes are
//! read here as well, so that they can be counted.

mod anthropic;
mod bedrock;
mod catalog;
mod chat_completions;
mod claude;
mod client;
mod failure;
mod gemini;
mod protocol;
mod reply;
mod responses;
mod secrets;
mod sending;
mod service;
mod settings;
mod strict_schema;
mod transcript;

pub(crate) use client::{ProviderCall, ProviderClient};
pub(crate) use failure::ProviderFailure;
pub(crate) use reply::ProviderReply;
