//! One model: from a conversation to its answer.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::AbortHandle;

use crate::catalog::{self, Environment, Provider};
use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::protocol::{Outgoing, ToolSpec};
use crate::reply::{Delivery, Reply};
use crate::secrets::Secrets;
use crate::sending::Request;
use crate::service::Service;
use crate::settings::Settings;
use crate::transcript::Reader;

/// Why a model's name names no model. The message is for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownModel(String);

/// A model of a provider. Holds no key and no connection.
pub struct Client {
    provider: &'static Provider,
    model: String,
}

impl Client {
    /// A client for "provider/model"; the model's own name may hold slashes.
    ///
    /// # Errors
    /// [`UnknownModel`] for an unknown provider, and without one.
    pub fn new(model: &str) -> Result<Self, UnknownModel> {
        let (provider, model) = catalog::parse(model).map_err(UnknownModel)?;
        Ok(Self {
            provider,
            model: model.to_owned(),
        })
    }

    /// The prefixes of all providers.
    #[must_use]
    pub fn providers() -> Vec<&'static str> {
        catalog::prefixes()
    }

    /// The provider's prefix.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.provider.prefix
    }

    /// The model's name as the provider knows it.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Sends a conversation. The outcome comes on a thread of the service, once, also where the request is aborted.
    ///
    /// `variable` is the environment, which holds the key and may hold another address to send to. It is asked before this returns,
    /// on the caller's thread, and at no other time.
    pub fn request(
        &self,
        service: &Service,
        request: ModelRequest,
        variable: &dyn Fn(&str) -> Option<String>,
        on_outcome: impl FnOnce(Result<Reply, Failure>) + Send + 'static,
    ) -> Call {
        let delivery = Delivery::new(self.provider.prefix, Box::new(on_outcome));
        let route = Route::find(service, self.provider, Environment::new(variable), &request.settings);
        let exchange = Exchange {
            provider: self.provider,
            model: self.model.clone(),
            request,
        };
        let task = service.runtime().spawn(async move {
            let outcome = match route {
                Ok(route) => exchange.run(route).await,
                Err(failure) => Err(failure),
            };
            delivery.deliver(outcome);
        });
        Call {
            process: std::process::id(),
            abort: task.abort_handle(),
        }
    }
}

/// What a model is asked.
#[derive(Clone, Default)]
pub struct ModelRequest {
    /// The conversation; it may grow while the request is under way.
    pub conversation: Arc<Conversation>,
    /// How many messages of it the request holds.
    pub length: usize,
    /// The tools that the model may call.
    pub tools: Vec<ToolSpec>,
    /// How it is to answer.
    pub settings: Settings,
}

/// A request under way. Dropping it changes nothing.
pub struct Call {
    process: u32,
    abort: AbortHandle,
}

impl Call {
    /// Drops the request, closing its connection. The outcome is a [`Failure`] then, unless it is there already. In a forked child,
    /// nothing happens: the request is the parent's.
    pub fn abort(&self) {
        // Waking the parent's threads takes a lock, which the fork may have caught in the hands of one of them.
        if self.process == std::process::id() {
            self.abort.abort();
        }
    }
}

/// Where a request goes, and with which key.
struct Route {
    client: reqwest::Client,
    address: String,
    key: String,
    secrets: Secrets,
}

impl Route {
    fn find(
        service: &Service,
        provider: &'static Provider,
        environment: Environment<'_>,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let unfit = |message: String| Failure::final_error(provider.prefix, message);
        let key = provider.key(environment).map_err(unfit)?;
        let usual = provider.usual_address(environment);
        let address = provider.address(environment, &usual).map_err(unfit)?;
        Ok(Self {
            client: service.http_client(&address).clone(),
            secrets: Secrets::new(key.as_deref(), &address, &usual, &settings.extra_headers),
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
    request: ModelRequest,
}

impl Exchange {
    async fn run(self, route: Route) -> Result<Reply, Failure> {
        let limit = self.request.settings.timeout();
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
        let settings = &self.request.settings;
        if let Some(setting) = protocol.unsupported().iter().find(|setting| settings.has(**setting)) {
            let message = format!("{provider} has no setting {:?}", setting.name());
            return Err(Failure::final_error(provider, message));
        }
        let (request, reasons) = self.write(route)?;
        let limit = self.request.settings.max_response_bytes();
        let mut body = request.send(&route.client, limit).await?;
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
        let written = self
            .request
            .conversation
            .written(self.request.length, protocol, &reader, |written| {
                let outgoing = Outgoing {
                    provider: self.provider,
                    model: &self.model,
                    summary: written.summary(),
                    tools: &self.request.tools,
                    settings: &self.request.settings,
                };
                let reasons = self.request.settings.reasons() && protocol.may_reason(&outgoing);
                Ok((protocol.body(&outgoing, written)?, reasons))
            });
        let (body, reasons) = written.flatten().map_err(|error: serde_json::Error| {
            Failure::final_error(self.provider.prefix, format!("the request can't be written: {error}"))
        })?;
        let url = format!("{}{}", route.address, protocol.path(&self.model));
        let mut request = Request::new(self.provider.prefix, url, body);
        for (name, value) in protocol.headers(&route.key) {
            request.set_header(name, &value)?;
        }
        for (name, value) in &self.request.settings.extra_headers {
            request.set_header(name, value)?;
        }
        Ok((request, reasons))
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_its_provider_and_its_name() {
        let client = Client::new("google/models/gemini-3-flash").unwrap();
        assert_eq!((client.provider(), client.model()), ("gemini", "models/gemini-3-flash"));
        for name in ["gpt-5", "/gpt-5", "openai/", ""] {
            let error = Client::new(name).err().unwrap().to_string();
            assert!(error.starts_with("write the model as \"provider/model\""), "{error}");
        }
        let error = Client::new("nobody/model").err().unwrap().to_string();
        assert!(
            error.starts_with("unknown provider \"nobody\" in \"nobody/model\"; known are openai, "),
            "{error}"
        );
        assert!(
            Client::providers()
                .iter()
                .all(|provider| Client::new(&format!("{provider}/m")).is_ok())
        );
    }

    #[test]
    fn a_forked_child_leaves_its_parents_requests_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let aborted = |process| {
            let task = runtime.spawn(async {});
            let abort = task.abort_handle();
            Call { process, abort }.abort();
            runtime.block_on(task).is_err()
        };
        assert!(aborted(std::process::id()));
        assert!(!aborted(std::process::id().wrapping_add(1)));
    }
}
