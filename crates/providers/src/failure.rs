//! Why a model did not answer.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::secrets::Secrets;

/// Characters of a provider's own message that are worth showing.
const MESSAGE_LIMIT: usize = 500;
/// Characters of it in which secrets are looked for: the rest is never shown.
const LOOKED_AT: usize = 8192;

/// Why a request failed, and whether the same one may succeed later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The provider's prefix in model names, such as "openai".
    pub provider: &'static str,
    /// What went wrong, without secrets, at most 500 characters.
    pub message: String,
    /// The HTTP status of the answer; `None` without one.
    pub status: Option<u16>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The Retry-After header as it came, seconds or a date.
    pub retry_after: Option<String>,
    /// The retry-after-ms header as it came.
    pub retry_after_ms: Option<String>,
}

impl Failure {
    /// A failure that repeating the request does not mend.
    pub(crate) fn final_error(provider: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            provider,
            message,
            status: None,
            retryable: false,
            retry_after: None,
            retry_after_ms: None,
        }
    }

    /// A failure that may pass.
    pub(crate) fn passing(provider: &'static str, message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::final_error(provider, message)
        }
    }

    /// A failure that the provider names by an HTTP status.
    pub(crate) fn of_status(provider: &'static str, status: u16, message: &str) -> Self {
        let retryable = matches!(status, 408 | 409 | 425 | 429 | 500..);
        Self {
            status: Some(status),
            retryable,
            ..Self::final_error(provider, message)
        }
    }

    /// Masks every trace of a secret, which providers repeat in their messages, and only then shortens what is left:
    /// half a key would not be found.
    pub(crate) fn fit_to_show(mut self, secrets: &Secrets) -> Self {
        self.message = shortened(&secrets.masked(&shortened(&self.message, LOOKED_AT)), MESSAGE_LIMIT);
        self
    }
}

/// A connection that was refused, cut or timed out may work next time; a request that can't be built never will.
pub(crate) fn from_transport(provider: &'static str, error: reqwest::Error) -> Failure {
    let unbuildable = error.is_builder();
    // A base URL may hold a password.
    let message = format!(
        "the connection to {provider} failed: {}",
        with_causes(&error.without_url())
    );
    if unbuildable {
        Failure::final_error(provider, message)
    } else {
        Failure::passing(provider, message)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The words of a provider's error body.
pub(crate) fn provider_message(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let said = parsed.as_ref().and_then(|body| {
        ["/error/message", "/error", "/message", "/detail", "/0/error/message"]
            .iter()
            .find_map(|pointer| body.pointer(pointer).and_then(Value::as_str))
    });
    match said.unwrap_or(body).trim() {
        "" => "no message".to_owned(),
        text => text.to_owned(),
    }
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit - 1) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a provider's response headers say about asking again.
pub(crate) struct RetryHeaders {
    retry_after: Option<String>,
    retry_after_ms: Option<String>,
    should_retry: Option<bool>,
}

impl RetryHeaders {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        };
        Self {
            retry_after: text("retry-after"),
            retry_after_ms: text("retry-after-ms"),
            should_retry: text("x-should-retry").and_then(|text| text.parse().ok()),
        }
    }

    pub(crate) fn applied_to(self, failure: Failure) -> Failure {
        Failure {
            retry_after: self.retry_after,
            retry_after_ms: self.retry_after_ms,
            retryable: self.should_retry.unwrap_or(failure.retryable),
            ..failure
        }
    }
}
