//! Requests that are dropped under way.

use std::sync::mpsc::channel;

use haltpoint_providers::Settings;

use super::server::{Server, answer, is_closed_by_client, send};
use super::{PATIENCE, ask};

#[test]
fn an_aborted_request_closes_its_connection_and_answers_once() {
    let (arrived, arrivals) = channel();
    let server = Server::new(move |_, connection| {
        arrived.send(()).unwrap();
        is_closed_by_client(connection)
    });
    let asked = ask(&server.address, Settings::default());
    arrivals.recv_timeout(PATIENCE).unwrap();
    asked.call.abort();
    let failure = asked.outcome().unwrap_err();
    assert_eq!(failure.message, "the request was dropped before it was answered");
    assert_eq!((failure.provider, failure.retryable), ("openai", false));
    assert!(server.join());
    asked.call.abort();
    assert!(asked.is_over());
}

#[test]
fn a_request_that_was_answered_can_be_aborted_without_effect() {
    let server = Server::new(|_, connection| send(connection, "200 OK", "", &answer("Hello.")));
    let asked = ask(&server.address, Settings::default());
    assert!(asked.outcome().is_ok());
    asked.call.abort();
    assert!(asked.is_over());
    server.join();
}

#[test]
fn a_request_goes_on_when_nobody_holds_its_call() {
    let server = Server::new(|_, connection| send(connection, "200 OK", "", &answer("Hello.")));
    let asked = ask(&server.address, Settings::default());
    drop(asked.call);
    assert!(asked.outcomes.recv_timeout(PATIENCE).unwrap().is_ok());
    server.join();
}

#[test]
fn a_connection_that_breaks_is_a_failure_that_may_pass() {
    let server = Server::new(|_, _| {});
    let failure = ask(&server.address, Settings::default()).outcome().unwrap_err();
    server.join();
    assert!(
        failure.message.starts_with("the connection to openai failed: "),
        "{}",
        failure.message
    );
    assert!(failure.retryable);
}
