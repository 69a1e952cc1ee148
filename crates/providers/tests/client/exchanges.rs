//! One request and its answer.

use haltpoint_providers::Settings;
use serde_json::json;

use super::server::{Server, answer, send};
use super::{KEY, ask, ask_with, settings};

#[test]
fn a_conversation_goes_out_and_its_answer_comes_back() {
    let server = Server::new(|received, connection| {
        send(connection, "200 OK", "", &answer("Hello."));
        received
    });
    let asked = ask(&server.address, settings(json!({"extra_headers": {"x-team": "blue"}})));
    let reply = asked.outcome().unwrap();
    assert_eq!(reply.text.as_deref(), Some("Hello."));
    assert_eq!((reply.input_tokens, reply.output_tokens), (3, 5));
    let signature = json!({"provider": "openai", "model": "gpt-4o-mini"});
    assert_eq!(reply.provider_data, Some(signature));
    assert!(asked.is_over());

    let received = server.join();
    assert_eq!(received.line, "POST /v1/chat/completions HTTP/1.1");
    for header in [&format!("authorization: Bearer {KEY}"), "x-team: blue"] {
        assert!(
            received.headers.iter().any(|sent| sent == header),
            "{:?}",
            received.headers
        );
    }
    let messages = json!([{"role": "user", "content": "Hello?"}]);
    let body = json!({"stream": false, "model": "gpt-4o-mini", "messages": messages});
    assert_eq!(received.body, body);
}

#[test]
fn a_refusal_says_when_to_ask_again_and_not_what_the_key_is() {
    let server = Server::new(|_, connection| {
        let body = json!({"error": {"message": format!("too many requests for {KEY}")}});
        send(
            connection,
            "429 Too Many Requests",
            "retry-after: 7\r\n",
            &body.to_string(),
        );
    });
    let failure = ask(&server.address, Settings::default()).outcome().unwrap_err();
    server.join();
    assert_eq!(failure.provider, "openai");
    assert_eq!(failure.status, Some(429));
    assert!(failure.retryable);
    assert_eq!(failure.retry_after.as_deref(), Some("7"));
    assert_eq!(failure.message, "openai answered 429: too many requests for ***");
}

#[test]
fn without_a_key_nothing_is_sent() {
    let failure = ask_with("openai/gpt-4o-mini", Settings::default(), &|_| None)
        .outcome()
        .unwrap_err();
    assert_eq!(
        failure.message,
        "no API key for openai: set the environment variable OPENAI_API_KEY"
    );
    assert!(!failure.retryable);
}

#[test]
fn a_base_url_that_is_none_is_named_and_not_shown() {
    let failure = ask("ftp://user:secret@example.com", Settings::default())
        .outcome()
        .unwrap_err();
    assert!(
        failure.message.starts_with("OPENAI_BASE_URL is not a URL"),
        "{}",
        failure.message
    );
    assert!(!failure.message.contains("secret") && !failure.retryable);
}

#[test]
fn a_setting_that_the_protocol_lacks_is_refused() {
    let nowhere = |_: &str| Some("http://127.0.0.1:1".to_owned());
    let asked = ask_with("anthropic/claude-sonnet-4-5", settings(json!({"seed": 1})), &nowhere);
    assert_eq!(
        asked.outcome().unwrap_err().message,
        "anthropic has no setting \"seed\""
    );
}
