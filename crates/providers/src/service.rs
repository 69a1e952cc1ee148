//! The threads and connections that all models of a process share.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, ClientBuilder};
use tokio::runtime::{Builder, Runtime};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);
const HTTP2_PING: Duration = Duration::from_secs(20);
/// As many as runs may ask at once: a connection is dearer than a request. Each closes by itself when it stays idle.
const IDLE_CONNECTIONS: usize = 128;

/// Never shut down: its threads may be inside a request when the process ends.
static SERVICE: OnceLock<Service> = OnceLock::new();

/// The threads and connections that carry requests.
pub struct Service {
    process: u32,
    runtime: Runtime,
    through_proxies: Client,
    direct: Client,
}

impl Service {
    /// The process's service, started on first use.
    ///
    /// # Errors
    /// [`ServiceError::Forked`] in a process that was forked from one with a service, and
    /// [`ServiceError::Unavailable`] where the system gives no threads.
    pub fn of_this_process() -> Result<&'static Self, ServiceError> {
        if SERVICE.get().is_none() {
            // Another thread may have been first; then ours goes unused.
            let _ = SERVICE.set(Self::start()?);
        }
        SERVICE.get().ok_or(ServiceError::Forked)?.unforked()
    }

    /// Threads do not survive a fork: in the child every request would wait for ever.
    fn unforked(&self) -> Result<&Self, ServiceError> {
        if self.process == std::process::id() {
            Ok(self)
        } else {
            Err(ServiceError::Forked)
        }
    }

    fn start() -> Result<Self, ServiceError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("haltpoint-models")
            .enable_all()
            .build()
            .map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        Ok(Self {
            process: std::process::id(),
            runtime,
            through_proxies: client(Client::builder())?,
            direct: client(Client::builder().no_proxy())?,
        })
    }

    /// The runtime that requests live on.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The client for an endpoint: the environment's proxies can't reach this machine's own addresses.
    pub(crate) fn http_client(&self, url: &str) -> &Client {
        if is_loopback(url) {
            &self.direct
        } else {
            &self.through_proxies
        }
    }
}

fn client(builder: ClientBuilder) -> Result<Client, ServiceError> {
    builder
        .connect_timeout(CONNECT_TIMEOUT)
        // A long answer leaves the connection idle until it is complete.
        .tcp_keepalive(KEEPALIVE)
        .http2_keep_alive_interval(HTTP2_PING)
        .http2_keep_alive_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .http2_adaptive_window(true)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .user_agent(concat!("haltpoint/", env!("CARGO_PKG_VERSION")))
        // A redirect would carry the key to wherever it points.
        .redirect(reqwest::redirect::Policy::none())
        // A few compressed bytes could unfold to more than the memory holds.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .build()
        .map_err(|error| ServiceError::Unavailable(error.to_string()))
}

fn is_loopback(url: &str) -> bool {
    let host = reqwest::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Why no request can be made in this process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The process was forked from one that had made requests: their threads did not come along.
    #[error("this process was forked from one that had made model requests, and can't make any itself")]
    Forked,
    /// The threads or the connections can't be set up; the cause is in the system's words.
    #[error("model requests can't be made: {0}")]
    Unavailable(String),
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::client::{Client, ModelRequest};

    #[test]
    fn a_process_has_one_service() {
        let first = Service::of_this_process().unwrap();
        assert!(std::ptr::eq(first, Service::of_this_process().unwrap()));
    }

    #[test]
    fn a_forked_child_has_no_service() {
        let mut service = Service::start().unwrap();
        assert!(service.unforked().is_ok());
        service.process = service.process.wrapping_add(1);
        assert_eq!(service.unforked().err(), Some(ServiceError::Forked));
    }

    #[test]
    fn a_request_answers_when_its_threads_end_and_may_be_aborted_after_that() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let service = Service::start().unwrap();
        let (sender, outcomes) = channel();
        let request = ModelRequest::default();
        let call = Client::new("ollama/llama").unwrap().request(
            &service,
            request,
            &move |name| (name == "OLLAMA_BASE_URL").then(|| address.clone()),
            move |outcome| sender.send(outcome).unwrap(),
        );
        let connection = listener.accept().unwrap();
        drop(service);
        // Whether the threads drop the request or its connection first is theirs to choose.
        let failure = outcomes.recv().unwrap().unwrap_err().message;
        let dropped = failure == "the request was dropped before it was answered";
        assert!(
            dropped || failure.starts_with("the connection to ollama failed"),
            "{failure}"
        );
        call.abort();
        assert!(outcomes.recv().is_err());
        drop(connection);
    }

    #[test]
    fn this_machine_is_reached_without_proxies() {
        let loopback = [
            "http://localhost:1/v1/",
            "http://a.localhost/",
            "http://127.0.0.2/",
            "http://[::1]:80/",
        ];
        assert!(loopback.iter().all(|url| is_loopback(url)));
        assert!(
            ![
                "https://api.openai.com/v1/",
                "http://localhost.example.com/",
                "nonsense"
            ]
            .iter()
            .any(|url| is_loopback(url))
        );
    }
}
