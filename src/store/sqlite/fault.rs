//! What goes wrong inside SQLite, told so that a person knows what to do.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::StoreError;
use crate::store::damage::damaged;
use crate::store::rules::unusable;

/// Why an operation was not carried out: it was refused and the batch goes on, or SQLite failed and the batch is lost.
#[derive(Debug)]
pub(super) enum Fault {
    Refused(StoreError),
    Sqlite(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// Whether another process has a lock that was needed.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Sqlite(error) => is_busy(error),
        }
    }

    /// The fault, met while one run was read: what is wrong with the content is wrong with this run.
    pub(super) fn about(self, run_id: &str) -> Self {
        match self {
            Self::Sqlite(error) if is_damage(&error) => {
                damaged(run_id, &format!("run {run_id} cannot be read (SQLite: {error})")).into()
            }
            fault => fault,
        }
    }

    /// The error for the caller. `action` completes the sentence "cannot ... the database".
    pub(super) fn describe(self, action: &str, path: &Path) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Sqlite(error) => describe(action, path, &error),
        }
    }
}

/// Whether another connection has a lock that was needed.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn describe(action: &str, path: &Path, error: &rusqlite::Error) -> StoreError {
    let advice = advice(error);
    unusable(format!(
        "cannot {action} the database {}: {advice} (SQLite: {error})",
        path.display()
    ))
}

/// Whether something stands in the file that was never written there.
fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt),
    }
}

fn advice(error: &rusqlite::Error) -> &'static str {
    match is_damage(error) {
        true => DAMAGED,
        false => advice_about(error.sqlite_error_code()),
    }
}

const DAMAGED: &str = "its content is damaged; restore it from a backup";

fn advice_about(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(ErrorCode::DiskFull) => "the disk is full; free some space and try again, nothing that was stored is lost",
        Some(ErrorCode::ReadOnly) => "it is read-only; make the file and its directory writable for this user",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process keeps it locked; end what holds a transaction open on it, then try again"
        }
        Some(ErrorCode::NotADatabase) => "the file is no SQLite database; give another path",
        Some(ErrorCode::SystemIoFailure) => {
            "the operating system could not read or write it; check the disk, and use no network file system"
        }
        Some(ErrorCode::CannotOpen) => {
            "the file cannot be opened; check that the path is right and its directory writable"
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            "this user may not use the file; change its permissions"
        }
        Some(ErrorCode::TooBig) => "a value is larger than the 1 GB that fits; keep large results elsewhere",
        Some(ErrorCode::OutOfMemory) => "there is not enough memory",
        Some(ErrorCode::ConstraintViolation) => "the write would break its structure; it was changed by something else",
        _ => "SQLite failed unexpectedly",
    }
}
