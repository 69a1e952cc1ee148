//! One model: from a conversation to its answer.

use std::sync::Arc;

use haltpoint_engine::message::Message;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::anthropic;
use super::catalog::{self, Provider};
use super::failure::Failure;
use super::protocol::{Outgoing, Protocol, ToolSpec};
use super::reply::{Delivery, Reply};
use super::secrets::Secrets;
use super::sending::Request;
use super::service::Service;
use super::settings::Settings;
use super::transcript::{Reader, Transcript};
use crate::completions::Completions;
use crate::conversation::Conversation;

/// A model of a provider. Holds no key and no connection.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct ProviderClient {
    provider: &'static Provider,
    model: String,
}

#[pymethods]
impl ProviderClient {
    /// A client for "provider/model"; ValueError for an unknown provider, and without one.
    #[new]
    fn new(model: &str) -> PyResult<Self> {
        let (provider, model) = catalog::parse(model).map_err(PyValueError::new_err)?;
        Ok(Self {
            provider,
            model: model.to_owned(),
        })
    }

    /// The prefixes of all providers.
    #[staticmethod]
    fn providers() -> Vec<&'static str> {
        catalog::prefixes()
    }

    /// The provider's prefix.
    #[getter]
    fn provider(&self) -> &'static str {
        self.provider.prefix
    }

    /// Sends a conversation. A ProviderReply or a ProviderFailure is delivered under the call's ticket.
    ///
    /// ValueError when the tools or the settings can't be read, RuntimeError in a forked process.
    #[pyo3(signature = (completions, conversation, tools_json, settings_json=None))]
    fn request(
        &self,
        completions: &Completions,
        conversation: &Conversation,
        tools_json: &str,
        settings_json: Option<&str>,
    ) -> PyResult<ProviderCall> {
        let service = Service::of_this_process()?;
        let exchange = Exchange {
            provider: self.provider,
            model: self.model.clone(),
            messages: conversation.messages(),
            tools: read("tools", tools_json)?,
            settings: settings_json
                .map(|text| read("settings", text))
                .transpose()?
                .unwrap_or_default(),
        };
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let delivery = Delivery::new(sender, ticket, self.provider.prefix);
        // The environment is read here, under the interpreter's lock: Python changes it under that lock.
        let route = Route::find(service, self.provider);
        let task = service.runtime().spawn(async move {
            let outcome = match route {
                Ok(route) => exchange.run(route).await,
                Err(failure) => Err(failure),
            };
            delivery.deliver(outcome);
        });
        Ok(ProviderCall {
            ticket,
            abort: task.abort_handle(),
        })
    }

    fn __repr__(&self) -> String {
        format!("<ProviderClient {}/{}>", self.provider.prefix, self.model)
    }
}

fn read<'a, T: serde::Deserialize<'a>>(what: &str, text: &'a str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("these are no {what}: {error}")))
}

/// A request under way.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct ProviderCall {
    /// The ticket that the outcome is delivered under.
    #[pyo3(get)]
    ticket: u64,
    abort: AbortHandle,
}

#[pymethods]
impl ProviderCall {
    /// Drops the request, closing its connection. What is delivered then is a ProviderFailure.
    fn cancel(&self) {
        self.abort.abort();
    }
}

/// Where a request goes, and with which key.
struct Route {
    client: Client,
    address: String,
    key: String,
    secrets: Secrets,
}

impl Route {
    fn find(service: &Service, provider: &'static Provider) -> Result<Self, Failure> {
        let unfit = |message: String| Failure::final_error(provider.prefix, message);
        let key = provider.key().map_err(unfit)?;
        let usual = provider.usual_address();
        let address = provider.address(&usual).map_err(unfit)?;
        Ok(Self {
            client: service.client(&address).clone(),
            secrets: Secrets::new(key.as_deref(), &address, &usual),
            address,
            // A server that asks for no key is sent a stand-in.
            key: key.unwrap_or_else(|| provider.prefix.to_owned()),
        })
    }
}

/// One request and its answer.
struct Exchange {
    provider: &'static Provider,
    model: String,
    messages: Arc<[Message]>,
    tools: Vec<ToolSpec>,
    settings: Settings,
}

impl Exchange {
    async fn run(self, route: Route) -> Result<Reply, Failure> {
        let limit = self.settings.timeout();
        let provider = self.provider.prefix;
        let outcome = match tokio::time::timeout(limit, self.answer(&route)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::passing(
                provider,
                format!("{provider} did not answer within {} s", limit.as_secs_f64()),
            )),
        };
        outcome.map_err(|failure| failure.fit_to_show(&route.secrets))
    }

    async fn answer(self, route: &Route) -> Result<Reply, Failure> {
        let provider = self.provider.prefix;
        let protocol = self.provider.protocol;
        if let Some(name) = self.settings.unsupported_by(protocol) {
            return Err(Failure::final_error(
                provider,
                format!("{provider} has no setting {name:?}"),
            ));
        }
        let (request, reasons) = self.write(route)?;
        let mut body = request.send(&route.client, self.settings.max_response_bytes()).await?;
        route.secrets.mask(&mut body);
        let reply = protocol.reply(&body).map_err(|fault| fault.into_failure(provider))?;
        Ok(self.signed(reply, reasons))
    }

    /// The request, and whether it asks the model to reason.
    fn write(&self, route: &Route) -> Result<(Request, bool), Failure> {
        let protocol = self.provider.protocol;
        let reader = Reader {
            provider: self.provider.prefix,
            model: &self.model,
            id_style: protocol.id_style(self.provider),
        };
        let transcript = Transcript::new(&self.messages, &reader);
        let outgoing = Outgoing {
            provider: self.provider,
            model: &self.model,
            transcript: &transcript,
            tools: &self.tools,
            settings: &self.settings,
        };
        let url = protocol.url(&route.address, &self.model);
        let mut request = Request::new(self.provider.prefix, url, protocol.body(&outgoing));
        for (name, value) in protocol.headers(&route.key) {
            request.set_header(name, &value)?;
        }
        for (name, value) in &self.settings.extra_headers {
            request.set_header(name, value)?;
        }
        let may_reason = protocol != Protocol::Anthropic || anthropic::may_think(&outgoing);
        Ok((request, may_reason && self.settings.reasons()))
    }

    /// Notes who wrote the reply: another provider or model must not be shown what this one signed.
    fn signed(&self, mut reply: Reply, reasons: bool) -> Reply {
        let mut data = match reply.provider_data.take() {
            Some(Value::Object(data)) => data,
            _ => serde_json::Map::new(),
        };
        data.insert("provider".to_owned(), json!(self.provider.prefix));
        data.insert("model".to_owned(), json!(self.model));
        if reasons {
            data.insert("reasoning".to_owned(), json!(true));
        }
        reply.provider_data = Some(Value::Object(data));
        reply
    }
}
