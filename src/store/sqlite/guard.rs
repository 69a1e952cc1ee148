//! Notices when the file under an open database goes away or is written over: what is then committed would be lost with it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::file::sibling;
use super::first_page::FirstPage;
use super::kept_file::KeptFile;
use super::log::Log;
use super::log_content::LogContent;
use crate::Text;
use crate::store::StoreError;
use crate::store::rules::unusable;

/// What tells one file from another, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// Looks the file up without opening it: opening and closing it would drop the locks that SQLite has on it.
    pub(in crate::store) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

#[cfg(unix)]
impl From<&Metadata> for FileIdentity {
    fn from(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

#[cfg(not(unix))]
impl From<&Metadata> for FileIdentity {
    fn from(metadata: &Metadata) -> Self {
        let created = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Self {
            device: 0,
            inode: created.map_or(0, |since| since.as_nanos() as u64),
        }
    }
}

/// Watches the database file, its write-ahead log, and the file of the memory that all processes share about the log.
#[derive(Debug)]
pub(super) struct Guard {
    database: Watched,
    log: Watched,
    shared_memory: Watched,
    first_page: FirstPage,
    log_content: LogContent,
    /// The last entry that was committed here: its run and its place in it.
    last_entry: Option<(Text, u64)>,
    /// Why nothing is written any more: what has been overwritten once does not get well by further writing.
    broken: Option<StoreError>,
}

impl Guard {
    /// Remembers the files as they are now, while SQLite has them open. `kept` is the database, opened before.
    pub(super) fn new(path: &Path, kept: KeptFile, connection: &Connection) -> Result<Self, StoreError> {
        let (database, metadata) = Watched::new(path.to_owned())?;
        let (log, _) = Watched::new(sibling(path, "-wal"))?;
        let (shared_memory, _) = Watched::new(sibling(path, "-shm"))?;
        let log_content = LogContent::new(KeptFile::open(&log.path), connection);
        Ok(Self {
            database,
            log,
            shared_memory,
            first_page: FirstPage::new(kept, &metadata),
            log_content,
            last_entry: None,
            broken: None,
        })
    }

    /// Remembers the last entry that was committed.
    pub(super) fn remember(&mut self, run_id: &Text, seq: u64) {
        self.last_entry = Some((run_id.clone(), seq));
    }

    /// Refuses when one of the files was deleted or replaced, or changed by something else than SQLite. `log` says what was committed here.
    pub(super) fn check(&mut self, connection: &Connection, log: &Log) -> Result<(), StoreError> {
        self.check_shared_memory()?;
        self.check_written(connection, log)
    }

    /// As [`Guard::check`], around a commit, within which the shared memory is looked at.
    pub(super) fn check_written(&mut self, connection: &Connection, log: &Log) -> Result<(), StoreError> {
        let metadata = self.database.check()?;
        let is_ours = self.first_page.is_ours(&metadata, connection);
        self.require(is_ours, |guard| &guard.database)?;
        // Behind the database: whoever opens one that was emptied makes SQLite remove its log.
        self.log.check()?;
        let last_entry = self.last_entry.as_ref();
        let is_kept = || last_entry.is_none_or(|(run_id, seq)| is_kept(connection, run_id, *seq));
        let is_ours = self.log_content.is_ours(log.take_written(), connection, is_kept);
        self.require(is_ours, |guard| &guard.log)
    }

    /// Refuses where the files were found to be overwritten before.
    pub(super) fn check_known(&self) -> Result<(), StoreError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// What has to be known at the last moment before a commit: without this file, another process may by now write to the same places of
    /// the log.
    pub(super) fn check_shared_memory(&self) -> Result<(), StoreError> {
        self.shared_memory.check().map(drop)
    }

    /// Another process that has the database open, by its number: 0 where that cannot be seen from here.
    pub(super) fn other_user(&self) -> Option<i32> {
        self.first_page.other_user()
    }

    fn require(&mut self, is_well: bool, watched: impl FnOnce(&Self) -> &Watched) -> Result<(), StoreError> {
        if !is_well && self.broken.is_none() {
            self.broken = Some(overwritten(&watched(self).path));
        }
        self.check_known()
    }
}

/// Whether the database has an entry. It counts as kept where that cannot be found out now, and where its whole run is gone: somebody may
/// have removed it.
fn is_kept(connection: &Connection, run_id: &str, seq: u64) -> bool {
    let statement = connection.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM runs WHERE run_id = ?1) \
         OR EXISTS (SELECT 1 FROM entries WHERE id = (SELECT run << 32 | ?2 FROM runs WHERE run_id = ?1))",
    );
    let found = statement
        .and_then(|mut statement| statement.query_row(rusqlite::params![run_id, seq.cast_signed()], |row| row.get(0)));
    found.unwrap_or(true)
}

/// A file that must stay where it is.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    identity: FileIdentity,
}

impl Watched {
    fn new(path: PathBuf) -> Result<(Self, Metadata), StoreError> {
        let metadata = fs::metadata(&path).map_err(|error| gone(&path, &error.to_string()))?;
        let identity = FileIdentity::from(&metadata);
        Ok((Self { path, identity }, metadata))
    }

    fn check(&self) -> Result<Metadata, StoreError> {
        match fs::metadata(&self.path) {
            Ok(found) if FileIdentity::from(&found) == self.identity => Ok(found),
            Ok(_) => Err(replaced(&self.path)),
            Err(error) => Err(gone(&self.path, &error.to_string())),
        }
    }
}

/// Refuses when the file of an open database was deleted, replaced or emptied: SQLite would take an empty one for a new database, and remove
/// its log.
pub(super) fn check_identity(path: &Path, identity: FileIdentity) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(found) if FileIdentity::from(&found) == identity && found.len() > 0 => Ok(()),
        Ok(found) if FileIdentity::from(&found) == identity => Err(overwritten(path)),
        Ok(_) => Err(replaced(path)),
        Err(error) => Err(gone(path, &error.to_string())),
    }
}

fn replaced(path: &Path) -> StoreError {
    gone(path, "another file stands in its place")
}

fn overwritten(path: &Path) -> StoreError {
    unusable(format!(
        "the database file {} was overwritten or cut off in place while it was open; nothing more is written, and what was committed last \
         may be lost. End all processes that use the database, restore it from a backup, and never copy over a database in use",
        path.display()
    ))
}

fn gone(path: &Path, reason: &str) -> StoreError {
    let is_shared_memory = path.as_os_str().as_encoded_bytes().ends_with(b"-shm");
    let advice = match is_shared_memory {
        true => "End all processes that use the database, and open it again",
        false => "Put it back and open the database again",
    };
    unusable(format!(
        "the database file {} was deleted, moved or replaced while it was open ({reason}); nothing more is written. {advice}",
        path.display()
    ))
}
