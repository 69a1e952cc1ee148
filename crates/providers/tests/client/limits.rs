//! How much is read, and for how long.

use std::io::Write;
use std::net::TcpStream;

use haltpoint_providers::Settings;
use serde_json::json;

use super::server::{Server, answer, is_closed_by_client, send};
use super::{ask, settings};

/// Sends pieces of an answer until the client has enough; how many bytes it took.
fn send_endlessly(connection: &mut TcpStream) -> usize {
    let piece = [b' '; 4096];
    let mut sent = 0;
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    loop {
        let chunk = [b"1000\r\n".as_slice(), &piece, b"\r\n"].concat();
        if connection.write_all(&chunk).is_err() {
            return sent;
        }
        sent += piece.len();
    }
}

#[test]
fn an_answer_without_an_end_is_read_up_to_the_limit() {
    let server = Server::new(|_, connection| send_endlessly(connection));
    let asked = ask(&server.address, settings(json!({"max_response_bytes": 100_000})));
    let failure = asked.outcome().unwrap_err();
    assert!(
        failure
            .message
            .contains("more than the 100000 bytes that `max_response_bytes` allows")
    );
    assert!(!failure.retryable);
    // The rest is what the system's buffers hold.
    assert!(server.join() < 32 * 1024 * 1024);
}

#[test]
fn an_answer_of_the_limit_is_read_and_one_of_a_byte_more_is_not() {
    let body = answer("Hello.");
    let is_read = |limit: usize| {
        let body = body.clone();
        let server = Server::new(move |_, connection| send(connection, "200 OK", "", &body));
        let outcome = ask(&server.address, settings(json!({"max_response_bytes": limit}))).outcome();
        server.join();
        outcome.is_ok()
    };
    assert!(is_read(body.len()));
    assert!(!is_read(body.len() - 1));
}

#[test]
fn an_answer_of_too_many_values_is_refused() {
    let server = Server::new(|_, connection| {
        let values = vec!["0"; 1_000_001].join(",");
        send(connection, "200 OK", "", &format!("[{values}]"));
    });
    let failure = ask(&server.address, Settings::default()).outcome().unwrap_err();
    server.join();
    assert_eq!(
        failure.message,
        "openai sent an answer of more than 1000000 JSON values"
    );
}

#[test]
fn a_request_ends_at_its_timeout() {
    let server = Server::new(|_, connection| is_closed_by_client(connection));
    let asked = ask(&server.address, settings(json!({"timeout": 0.2})));
    let failure = asked.outcome().unwrap_err();
    assert_eq!(failure.message, "openai did not answer within 0.2 s");
    assert!(failure.retryable);
    assert!(server.join());
}

#[test]
fn what_is_not_json_is_refused() {
    let server = Server::new(|_, connection| send(connection, "200 OK", "content-encoding: gzip\r\n", "{}"));
    let failure = ask(&server.address, Settings::default()).outcome().unwrap_err();
    server.join();
    assert_eq!(
        failure.message,
        "openai sent a compressed answer (gzip), which was not asked for"
    );
    let server = Server::new(|_, connection| send(connection, "200 OK", "", "{"));
    let failure = ask(&server.address, Settings::default()).outcome().unwrap_err();
    server.join();
    assert!(
        failure.message.starts_with("openai sent a body that is not valid JSON"),
        "{}",
        failure.message
    );
    assert!(failure.retryable);
}
