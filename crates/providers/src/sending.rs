//! One request over HTTP, and the body of its answer up to a limit.
//!
//! The body is read here, piece by piece: what an HTTP client collects by itself has no limit, and an answer that never
//! ends would take all memory.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response};
use serde_json::Value;

use crate::failure::{Failure, RetryHeaders, from_transport, provider_message};

/// Bytes of an error's body that its message is looked for in.
const LONGEST_ERROR: usize = 1024 * 1024;
/// Values that a body may consist of. Each takes some fifty bytes of memory, however short its text.
const MOST_VALUES: usize = 1_000_000;

/// A request, ready to be sent.
pub(crate) struct Request {
    provider: &'static str,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(provider: &'static str, url: String, body: Vec<u8>) -> Self {
        Self {
            provider,
            url,
            headers: HeaderMap::new(),
            body,
        }
    }

    /// Adds a header, in place of one of the same name.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        // The value may be a key: errors show the name alone.
        let unfit = || {
            let message = format!(
                "the request to {} can't be made: the header {name:?} has a name or a value that HTTP does not allow",
                self.provider
            );
            Failure::final_error(self.provider, message)
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
        let value = HeaderValue::from_str(value).map_err(|_| unfit())?;
        self.headers.insert(header, value);
        Ok(())
    }

    /// Sends the request; the JSON of the answer, of which no more than `limit` bytes are read.
    pub(crate) async fn send(self, client: &Client, limit: usize) -> Result<Value, Failure> {
        let provider = self.provider;
        let request = client
            .post(self.url)
            .header(CONTENT_TYPE, "application/json")
            .headers(self.headers)
            .body(self.body);
        let response = request.send().await.map_err(|error| from_transport(provider, error))?;
        if response.status().is_success() {
            check_kind(provider, response.headers())?;
            parsed(provider, &whole_body(provider, response, limit).await?)
        } else {
            Err(refusal(provider, response).await)
        }
    }
}

/// Only JSON that is sent as it stands is read.
fn check_kind(provider: &'static str, headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| {
        let value = headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        value.unwrap_or_default()
    };
    let (encoding, kind) = (text(CONTENT_ENCODING), text(CONTENT_TYPE));
    if !matches!(encoding, "" | "identity") {
        let message = format!("{provider} sent a compressed answer ({encoding}), which was not asked for");
        return Err(Failure::final_error(provider, message));
    }
    if kind.starts_with("application/json") {
        return Ok(());
    }
    let kind = if kind.is_empty() { "no content type" } else { kind };
    Err(Failure::passing(
        provider,
        format!("{provider} sent {kind} instead of JSON"),
    ))
}

async fn whole_body(provider: &'static str, mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let cause = |error| from_transport(provider, error);
    while let Some(piece) = response.chunk().await.map_err(cause)? {
        if piece.len() > limit - body.len() {
            let message = format!(
                "{provider} sent an answer of more than the {limit} bytes that `max_response_bytes` allows: raise that \
                 setting if such answers are expected"
            );
            return Err(Failure::final_error(provider, message));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The failure behind a status. Its message stands at the beginning of the body, and the rest is not read.
async fn refusal(provider: &'static str, mut response: Response) -> Failure {
    let status = response.status().as_u16();
    let headers = RetryHeaders::of(response.headers());
    let mut body = Vec::new();
    // The status says more than a connection that breaks after it.
    while let Ok(Some(piece)) = response.chunk().await {
        let room = LONGEST_ERROR - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() >= room {
            break;
        }
    }
    let said = provider_message(&String::from_utf8_lossy(&body));
    headers.applied_to(Failure::of_status(
        provider,
        status,
        &format!("{provider} answered {status}: {said}"),
    ))
}

fn parsed(provider: &'static str, body: &[u8]) -> Result<Value, Failure> {
    if values_in(body) > MOST_VALUES {
        let message = format!("{provider} sent an answer of more than {MOST_VALUES} JSON values");
        return Err(Failure::final_error(provider, message));
    }
    serde_json::from_str(&String::from_utf8_lossy(body)).map_err(|error| {
        Failure::passing(
            provider,
            format!("{provider} sent a body that is not valid JSON: {error}"),
        )
    })
}

/// How many values a JSON text has, or more: each but the first follows a comma, a colon or a bracket outside of texts.
fn values_in(body: &[u8]) -> usize {
    let mut count = 0;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'[' | b'{' => count += 1,
            b'"' => skip_text(&mut bytes),
            _ => {}
        }
    }
    count
}

fn skip_text(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}
