//! A provider on this machine that answers one request, and says what it got.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::PATIENCE;

/// A request as it arrived.
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Value,
}

/// A server of one connection.
pub(crate) struct Server<T> {
    pub(crate) address: String,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Server<T> {
    /// A server that reads one request and leaves the rest to `answer`.
    pub(crate) fn new(answer: impl FnOnce(Received, &mut TcpStream) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            connection.set_read_timeout(Some(PATIENCE)).unwrap();
            connection.set_write_timeout(Some(PATIENCE)).unwrap();
            let received = received(&connection);
            answer(received, &mut connection)
        });
        Self { address, thread }
    }

    /// What `answer` came to.
    pub(crate) fn join(self) -> T {
        self.thread.join().expect("the server did its part")
    }
}

fn received(connection: &TcpStream) -> Received {
    let mut reader = BufReader::new(connection);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let first = line();
    let headers: Vec<String> = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty())).collect();
    let length = headers
        .iter()
        .find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Received {
        line: first,
        headers,
        body: serde_json::from_slice(&body).unwrap(),
    }
}

/// Sends a whole answer.
pub(crate) fn send(connection: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    connection.write_all(answer.as_bytes()).unwrap();
}

/// An answer that says `text`.
pub(crate) fn answer(text: &str) -> String {
    let message = serde_json::json!({"role": "assistant", "content": text});
    let usage = serde_json::json!({"prompt_tokens": 3, "completion_tokens": 5});
    serde_json::json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}).to_string()
}

/// Waits until the client closes the connection; whether it does in time, and sends nothing before.
pub(crate) fn is_closed_by_client(connection: &mut TcpStream) -> bool {
    match connection.read(&mut [0; 1]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}
