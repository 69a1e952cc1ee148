//! A connection to the server that replaces itself: proxies cut idle ones, servers restart.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fault::Failure;

/// A value of a statement, and its type: the server is never asked for it, so that statements need no session.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// How long the server may take to end a session in good order.
const FAREWELL: Duration = Duration::from_millis(200);

/// How long a connection may take.
const CONNECTING: Duration = Duration::from_secs(10);

/// How soon after a connection failed the next one is tried, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How connections are made.
pub(crate) struct Connecting {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tls: MakeRustlsConnect,
    /// The schema as it is called.
    pub(crate) schema_name: String,
    /// The schema, quoted for SQL.
    pub(crate) schema: String,
    /// Whether sessions are shared behind a pooler: no statement may then leave anything behind.
    pub(crate) is_pooled: bool,
    /// What messages call the database: it holds no password.
    pub(crate) name: String,
}

impl fmt::Debug for Connecting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connecting")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A connection, made when it is first needed.
pub(crate) struct Connection {
    how: Arc<Connecting>,
    /// How long an answer may take before the connection counts as lost.
    deadline: Duration,
    session: Option<Session>,
    /// A transaction is open: what belongs to it is asked on no other session.
    is_inside: bool,
}

struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
    ending: JoinHandle<()>,
    // Dropped last: what it drives is dropped with it.
    runtime: Runtime,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Of which each answer may take `deadline`.
    pub(crate) fn new(how: Arc<Connecting>, deadline: Duration) -> Self {
        Self {
            how,
            deadline,
            session: None,
            is_inside: false,
        }
    }

    pub(crate) fn how(&self) -> &Connecting {
        &self.how
    }

    /// Asks a question. A connection that ended while nothing was asked is replaced before. In `sql`, `@` stands before the names of
    /// tables.
    pub(crate) fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        let deadline = self.deadline;
        let (how, session) = self.session()?;
        let asked = session.query(how, sql, params, deadline);
        let answered = asked.map_err(|failure| self.note(failure))?;
        Ok(answered)
    }

    /// The only row, if there is one.
    pub(crate) fn query_opt(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, Failure> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// The only row of a question that always has one.
    pub(crate) fn query_one(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Row, Failure> {
        let row = self.query_opt(sql, params)?;
        row.ok_or_else(|| Failure::Unreadable("a row is missing".to_owned()))
    }

    /// As [`Connection::query`], of a question that may be asked twice: asked again on a new connection where the old one turns out to be
    /// gone.
    pub(crate) fn ask(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        match self.query(sql, params) {
            Err(Failure::Lost(_)) if !self.is_inside => self.query(sql, params),
            answered => answered,
        }
    }

    /// Runs statements without values.
    pub(crate) fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        let deadline = self.deadline;
        let (how, session) = self.session()?;
        let sql = qualified(sql, &how.schema);
        let asked = async { session.client.batch_execute(&sql).await };
        let executed = wait(&session.runtime, deadline, asked);
        executed.map_err(|failure| self.note(failure))
    }

    /// Runs `action` in a transaction. Where it fails, the transaction ends with nothing done.
    pub(crate) fn transaction<T, E: From<Failure>>(
        &mut self,
        begin: &str,
        action: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.execute(begin)?;
        self.is_inside = true;
        let done = action(self).and_then(|done| {
            self.execute("COMMIT")?;
            Ok(done)
        });
        // A session that cannot go back is not used again.
        if done.is_err() && self.session.is_some() && self.execute("ROLLBACK").is_err() {
            self.session = None;
        }
        self.is_inside = false;
        done
    }

    /// Makes a connection, trying again until `patience` ends.
    pub(crate) fn reach(&mut self, patience: Duration) -> Result<(), Failure> {
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(20));
        loop {
            match self.session() {
                Ok(_) => return Ok(()),
                Err(failure) if !failure.may_pass() || begun.elapsed() + pause >= patience => return Err(failure),
                Err(_) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Ends the session, if there is one.
    pub(crate) fn close(&mut self) {
        if let Some(Session {
            client,
            ending,
            runtime,
            ..
        }) = self.session.take()
        {
            drop(client);
            // One that does not end in good order ends with its socket.
            let _ = runtime.block_on(async { timeout(FAREWELL, ending).await });
        }
    }

    fn session(&mut self) -> Result<(&Connecting, &mut Session), Failure> {
        if self.session.as_ref().is_some_and(|session| session.client.is_closed()) {
            self.session = None;
        }
        let session = match self.session.take() {
            Some(session) => session,
            None if self.is_inside => return Err(Failure::Lost("the connection ended in a transaction".to_owned())),
            None => Session::begin(&self.how, self.deadline)?,
        };
        Ok((&self.how, self.session.insert(session)))
    }

    /// A session whose answer is missing is not asked again.
    fn note(&mut self, failure: Failure) -> Failure {
        if failure.is_about_the_connection() {
            self.session = None;
        }
        failure
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

impl Session {
    fn begin(how: &Connecting, deadline: Duration) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Unreachable(error.to_string()))?;
        let connecting = async { timeout(CONNECTING, how.config.connect(how.tls.clone())).await };
        let (client, connection) = match runtime.block_on(connecting) {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => return Err(Failure::in_connecting(&error)),
            Err(_) => return Err(Failure::Unreachable("the server did not answer in time".to_owned())),
        };
        let ending = runtime.spawn(async move {
            // Whoever asks is told what ended it.
            let _ = connection.await;
        });
        let session = Self {
            client,
            statements: HashMap::new(),
            ending,
            runtime,
        };
        if !how.is_pooled {
            session.set_up(deadline)?;
        }
        Ok(session)
    }

    /// The server gives up before this side does, so that it is known what came of a statement.
    fn set_up(&self, deadline: Duration) -> Result<(), Failure> {
        let (statement, lock) = (deadline.as_millis() * 4 / 5, deadline.as_millis() / 2);
        let settings = format!(
            "SET statement_timeout = {statement}; SET lock_timeout = {lock}; SET idle_in_transaction_session_timeout = {statement}; \
             SET client_min_messages = 'error'"
        );
        let asked = async { self.client.batch_execute(&settings).await };
        wait(&self.runtime, deadline, asked).map_err(|failure| match failure {
            Failure::Lost(message) => Failure::Unreachable(message),
            failure => failure,
        })
    }

    fn query(
        &mut self,
        how: &Connecting,
        sql: &str,
        params: &[Param<'_>],
        deadline: Duration,
    ) -> Result<Vec<Row>, Failure> {
        if how.is_pooled {
            let sql = qualified(sql, &how.schema);
            return wait(&self.runtime, deadline, async {
                self.client.query_typed(&sql, params).await
            });
        }
        if !self.statements.contains_key(sql) {
            let types: Vec<Type> = params.iter().map(|(_, kind)| kind.clone()).collect();
            let text = qualified(sql, &how.schema);
            let prepared = async { self.client.prepare_typed(&text, &types).await };
            let statement = wait(&self.runtime, deadline, prepared)?;
            self.statements.insert(sql.to_owned(), statement);
        }
        let statement = &self.statements[sql];
        let values: Vec<&(dyn ToSql + Sync)> = params.iter().map(|(value, _)| *value).collect();
        wait(&self.runtime, deadline, async {
            self.client.query(statement, &values).await
        })
    }
}

fn wait<T>(
    runtime: &Runtime,
    deadline: Duration,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failure> {
    match runtime.block_on(async { timeout(deadline, asked).await }) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failure::of(&error)),
        Err(_) => Err(Failure::Lost("the server did not answer in time".to_owned())),
    }
}

/// The statement with the names of tables as the server finds them whatever its search path is.
pub(crate) fn qualified(sql: &str, schema: &str) -> String {
    sql.replace('@', &format!("{schema}."))
}

/// A name quoted for SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column of a row.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Failure> {
    row.try_get(column)
        .map_err(|error| Failure::Unreadable(error.to_string()))
}
