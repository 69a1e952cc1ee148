//! Requests over the network, to servers on this machine: what is sent, what is read and what is refused.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod server;

mod aborting;
mod exchanges;
mod limits;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use haltpoint_engine::message::{Message, Role};
use haltpoint_providers::{Call, Client, Conversation, Failure, ModelRequest, Reply, Service, Settings};
use serde_json::Value;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &str = "sk-0123456789abcdef";

type Outcome = Result<Reply, Failure>;

/// A request under way, and where its outcomes come.
struct Asked {
    call: Call,
    outcomes: Receiver<Outcome>,
}

impl Asked {
    fn outcome(&self) -> Outcome {
        self.outcomes.recv_timeout(PATIENCE).expect("an outcome in time")
    }

    /// Whether no outcome comes after those that have been taken: the callback is gone.
    fn is_over(&self) -> bool {
        self.outcomes.recv_timeout(PATIENCE).is_err()
    }
}

/// Settings by their names.
fn settings(value: Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

/// Asks an OpenAI model at the address.
fn ask(address: &str, settings: Settings) -> Asked {
    let address = address.to_owned();
    ask_with("openai/gpt-4o-mini", settings, &move |name| match name {
        "OPENAI_API_KEY" => Some(KEY.to_owned()),
        "OPENAI_BASE_URL" => Some(address.clone()),
        _ => None,
    })
}

fn ask_with(model: &str, settings: Settings, variable: &dyn Fn(&str) -> Option<String>) -> Asked {
    let (sender, outcomes) = channel();
    let request = ModelRequest {
        conversation: Arc::new(Conversation::new(vec![Message::text(Role::User, "Hello?".into())])),
        length: 1,
        tools: Vec::new(),
        settings,
    };
    let service = Service::of_this_process().unwrap();
    let call = Client::new(model)
        .unwrap()
        .request(service, request, variable, move |outcome| {
            // The test may have ended.
            let _ = sender.send(outcome);
        });
    Asked { call, outcomes }
}
