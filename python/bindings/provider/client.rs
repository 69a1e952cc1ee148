//! One model: from a conversation to its answer.

use std::sync::Arc;

use genai::chat::ChatRequest;
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use haltpoint_engine::message::Message;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::catalog::{self, Provider};
use super::failure::{Failure, from_genai};
use super::protocol::{Outgoing, Protocol, ToolSpec};
use super::reply::{Delivery, Reply};
use super::secrets::Secrets;
use super::service::Service;
use super::settings::Settings;
use super::transcript::{Reader, Transcript};
use super::{anthropic, bedrock};
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
        let route = Route::find(service, self.provider, &self.model);
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
    target: ServiceTarget,
    secrets: Secrets,
}

impl Route {
    fn find(service: &Service, provider: &'static Provider, model: &str) -> Result<Self, Failure> {
        let key = provider
            .key()
            .map_err(|message| Failure::final_error(provider.prefix, message))?;
        let identity = ModelIden::new(provider.kind, model);
        let known = service.client("").resolve_service_target(identity.clone());
        let known = service
            .runtime()
            .block_on(known)
            .map_err(|error| from_genai(provider.prefix, error))?;
        let usual = provider.usual_address(known.endpoint.base_url());
        let address = provider
            .address(usual)
            .map_err(|message| Failure::final_error(provider.prefix, message))?;
        let secrets = Secrets::new(key.as_deref(), &address, usual);
        Ok(Self {
            client: service.client(&address).clone(),
            target: ServiceTarget {
                endpoint: Endpoint::from_owned(address),
                // A server that asks for no key is sent a stand-in.
                auth: AuthData::from_single(key.unwrap_or_else(|| provider.prefix.to_owned())),
                model: identity,
            },
            secrets,
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
        let Route {
            client,
            target,
            secrets,
        } = route;
        let limit = self.settings.timeout();
        let provider = self.provider.prefix;
        let outcome = match tokio::time::timeout(limit, self.answer(client, target, &secrets)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::passing(
                provider,
                format!("{provider} did not answer within {} s", limit.as_secs_f64()),
            )),
        };
        outcome.map_err(|failure| failure.fit_to_show(&secrets))
    }

    async fn answer(self, client: Client, target: ServiceTarget, secrets: &Secrets) -> Result<Reply, Failure> {
        let provider = self.provider.prefix;
        let protocol = self.provider.protocol;
        if let Some(name) = self.settings.unsupported_by(protocol) {
            return Err(Failure::final_error(
                provider,
                format!("{provider} has no setting {name:?}"),
            ));
        }
        let (request, options, reasons) = self.write();
        let mut body = match client.exec_chat(target, request, Some(&options)).await {
            Ok(response) => response.captured_raw_body.unwrap_or_default(),
            // genai reads answers more strictly than the protocols are; the body is there all the same.
            Err(genai::Error::ChatResponseGeneration { response_body, .. }) => *response_body,
            Err(error) => return Err(from_genai(provider, error)),
        };
        secrets.mask(&mut body);
        let reply = protocol.reply(&body).map_err(|fault| fault.into_failure(provider))?;
        Ok(self.signed(reply, reasons))
    }

    fn write(&self) -> (ChatRequest, genai::chat::ChatOptions, bool) {
        let protocol = self.provider.protocol;
        let id_style = protocol.id_style(self.provider);
        let reader = Reader {
            provider: self.provider.prefix,
            model: &self.model,
            id_style,
        };
        let transcript = Transcript::new(&self.messages, &reader);
        let outgoing = Outgoing {
            provider: self.provider,
            model: &self.model,
            transcript: &transcript,
            tools: &self.tools,
            settings: &self.settings,
        };
        let may_reason = protocol != Protocol::Anthropic || anthropic::may_think(&outgoing);
        let request = match protocol {
            Protocol::Bedrock => bedrock::request(&outgoing),
            _ => ChatRequest::default(),
        };
        let options = self
            .settings
            .options(protocol, &self.model, may_reason, protocol.body(&outgoing));
        (request, options, may_reason && self.settings.reasons())
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
