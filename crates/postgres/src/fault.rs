//! What goes wrong between here and the server, and what that says of what was asked.

use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::rules::unusable;
use tokio_postgres::error::SqlState;

/// Why an answer is missing.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// No connection could be made: nothing was asked.
    Unreachable(String),
    /// The connection ended, or the answer did not come in time: what was asked may have been done, or be done yet.
    Lost(String),
    /// Somebody else was in the way: nothing was done, and it may be asked again.
    InTheWay(String),
    /// The server refused: nothing was done.
    Server {
        /// What kind of error it is, by PostgreSQL's code.
        code: SqlState,
        message: String,
    },
    /// The answer holds something that was never written there.
    Unreadable(String),
}

impl Failure {
    /// What an error of the client says.
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        let message = told(error);
        match error.code() {
            None => Self::Lost(message),
            Some(code) if is_end(code) => Self::Lost(message),
            Some(code) if is_in_the_way(code) => Self::InTheWay(message),
            Some(code) => Self::Server {
                code: code.clone(),
                message,
            },
        }
    }

    /// As [`Failure::of`], of an error that was met before anything was asked.
    pub(crate) fn in_connecting(error: &tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if !is_end(code) && *code != SqlState::TOO_MANY_CONNECTIONS => Self::of(error),
            _ => Self::Unreachable(told(error)),
        }
    }

    /// Whether a new connection may lead further.
    pub(crate) fn is_about_the_connection(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Lost(_))
    }

    /// Whether asking again may lead further.
    pub(crate) fn may_pass(&self) -> bool {
        self.is_about_the_connection() || matches!(self, Self::InTheWay(_))
    }

    /// The error for the caller. `action` completes the sentence "cannot ... the database".
    pub(crate) fn describe(self, action: &str, name: &str) -> StoreError {
        let may_pass = self.is_about_the_connection();
        let (advice, message) = match self {
            Self::Unreachable(message) => (
                "the server cannot be reached; check its address, and that it runs",
                message,
            ),
            Self::Lost(message) => (
                "the connection was lost, and whether the last write was done is not known; look the run up before you try again",
                message,
            ),
            Self::InTheWay(message) => (
                "another transaction was in the way for too long, and nothing was written; try again, and end what keeps tables or \
                 rows locked",
                message,
            ),
            Self::Server { code, message } => (advice(&code), message),
            Self::Unreadable(message) => ("its content is damaged; restore it from a backup", message),
        };
        let message = format!("cannot {action} the database {name}: {advice} (PostgreSQL: {message})");
        match may_pass {
            true => StoreError::Unreachable { message },
            false => unusable(message),
        }
    }
}

/// The message of the server, or what the client met; without the statement and its values.
fn told(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} {}", error.code().code(), error.message());
    }
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_message = cause.to_string();
        if !message.ends_with(&cause_message) {
            message = format!("{message}: {cause_message}");
        }
        source = cause.source();
    }
    message
}

/// Whether the session ends with it, so that what it was asked may or may not have been done.
fn is_end(code: &SqlState) -> bool {
    let name = code.code();
    name.starts_with("08")
        || matches!(
            name,
            "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "58000" | "25P03"
        )
}

fn is_in_the_way(code: &SqlState) -> bool {
    matches!(code.code(), "40001" | "40P01" | "55P03" | "57014" | "25P02")
}

fn advice(code: &SqlState) -> &'static str {
    match code.code() {
        "42501" => "this role lacks a privilege; see \"Many machines\" in the documentation for what it needs",
        "28P01" | "28000" => "the server refuses this role or its password",
        "3D000" => "there is no such database on this server; create it first",
        "3F000" | "42P01" => "its tables are missing; run `haltpoint migrate` with a role that may create them",
        "25006" => "the server is read-only, as a standby is; give the address of the primary",
        "53100" => "the server's disk is full; nothing that was stored is lost",
        "53200" => "the server has not enough memory",
        "53300" => "the server has no connection left; lower the number of processes, or put a pooler in front of it",
        "23503" | "23505" => "the write would break its structure; it was changed by something else",
        _ => "the server refused",
    }
}

/// Why an operation was not carried out: it was refused and the batch goes on, or the server did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Fault {
    Refused(StoreError),
    Failed(Failure),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Fault {
    /// As [`Failure::describe`].
    pub(crate) fn describe(self, action: &str, name: &str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Failed(failure) => failure.describe(action, name),
        }
    }
}
