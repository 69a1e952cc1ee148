//! A connection beside the backends, as another program has one.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Whoever else uses the server.
pub(crate) struct Beside {
    client: Client,
    runtime: Runtime,
}

impl Beside {
    pub(crate) fn new(url: &str) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls)).unwrap();
        runtime.spawn(connection);
        Self { client, runtime }
    }

    /// Runs statements, and returns the first column of all rows.
    pub(crate) fn run(&self, sql: &str) -> Vec<String> {
        let messages = self.runtime.block_on(self.client.simple_query(sql)).unwrap();
        let value = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        messages.iter().filter_map(value).collect()
    }

    /// Ends all other sessions of the program under test.
    pub(crate) fn terminate_all(&self) {
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'haltpoint' AND datname = current_database()",
        );
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.runtime
            .block_on(async { tokio::time::sleep(Duration::ZERO).await });
    }
}
