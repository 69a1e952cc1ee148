//! Models over the providers' own protocols.
//!
//! genai carries a request: endpoint, authentication, generation options, HTTP. The conversation itself is written and
//! the answer read here, per protocol, because genai's common message form loses what providers want back in a tool
//! loop: error flags of tool results, the order and the signatures of reasoning blocks, arguments that are not valid
//! JSON, and tools whose name is that of a provider's built-in one.

mod anthropic;
mod bedrock;
mod catalog;
mod chat_completions;
mod client;
mod failure;
mod gemini;
mod protocol;
mod reply;
mod responses;
mod secrets;
mod service;
mod settings;
mod transcript;

pub(crate) use client::{ProviderCall, ProviderClient};
pub(crate) use failure::ProviderFailure;
pub(crate) use reply::ProviderReply;
