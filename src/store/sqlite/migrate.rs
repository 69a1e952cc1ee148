//! Brings a file to the schema of this release, and refuses what is not its own.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::fault::Fault;
use super::schema::{APPLICATION_ID, MIGRATIONS, VERSION};
use crate::store::StoreError;
use crate::store::rules::unusable;

/// What a SQLite file says about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    application_id: i32,
    version: i64,
    tables: i64,
}

/// What has to be done with a file that may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Current,
    /// Steps from this one on are missing; all of them in an empty file.
    Behind(usize),
}

impl Header {
    /// Reads all of it at one moment: in between, another process may just be making the database.
    pub(super) fn read(connection: &mut Connection) -> rusqlite::Result<Self> {
        Self::read_inside(&connection.transaction()?)
    }

    fn read_inside(connection: &Transaction<'_>) -> rusqlite::Result<Self> {
        let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Self {
            application_id: connection.query_row("PRAGMA application_id", [], |row| row.get(0))?,
            version: number("PRAGMA user_version")?,
            tables: number("SELECT count(*) FROM sqlite_schema")?,
        })
    }

    /// # Errors
    /// When the file belongs to another application or to a newer release.
    pub(super) fn standing(self, path: &Path) -> Result<Standing, StoreError> {
        if self.application_id == 0 && self.version == 0 && self.tables == 0 {
            return Ok(Standing::Behind(0));
        }
        if self.application_id != APPLICATION_ID {
            return Err(foreign(path));
        }
        match usize::try_from(self.version) {
            Ok(VERSION) => Ok(Standing::Current),
            Ok(0) if self.tables > 0 => Err(unfit(path, 0)),
            Ok(version) if version < VERSION => Ok(Standing::Behind(version)),
            _ => Err(newer(path, self.version)),
        }
    }
}

fn foreign(path: &Path) -> StoreError {
    unusable(format!(
        "{} is the database of another application; it was left as it is. Give another path",
        path.display()
    ))
}

fn unfit(path: &Path, version: usize) -> StoreError {
    unusable(format!(
        "the database {} says that it has schema {version}, and its tables are others: the number or the tables were changed by something \
         else than haltpoint; it was left as it is. Restore it from a backup; if nothing but `PRAGMA user_version` was changed, set it back \
         (this release writes {VERSION})",
        path.display()
    ))
}

fn newer(path: &Path, version: i64) -> StoreError {
    unusable(format!(
        "the database {} was written by a newer haltpoint (schema {version}, this one knows {VERSION}); it was left as \
         it is. Upgrade haltpoint to open it",
        path.display()
    ))
}

/// Refuses to write where a newer release has changed the tables while this one had the file open.
pub(super) fn refuse_newer(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let version = connection
        .prepare_cached("PRAGMA user_version")?
        .query_row([], |row| row.get::<_, i64>(0))?;
    match usize::try_from(version) {
        Ok(version) if version <= VERSION => Ok(()),
        _ => Err(newer(path, version).into()),
    }
}

/// A step that finds other tables than those that it leads on from.
fn about_step(error: rusqlite::Error, path: &Path, version: usize) -> Fault {
    match error.sqlite_error_code() {
        Some(ErrorCode::Unknown) => unfit(path, version).into(),
        _ => error.into(),
    }
}

/// Creates or upgrades the tables. Two processes that do so at once wait for each other.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    if Header::read(connection)?.standing(path)? == Standing::Current {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Standing::Behind(version) = Header::read_inside(&transaction)?.standing(path)? {
        for step in &MIGRATIONS[version..] {
            transaction
                .execute_batch(step)
                .map_err(|error| about_step(error, path, version))?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(VERSION).unwrap_or_default())?;
    }
    transaction.commit()?;
    Ok(())
}
