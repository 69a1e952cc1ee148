//! Notices when the file under an open database goes away or is written over: what is then committed would be lost with it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::file::sibling;
use super::first_page::FirstPage;
use super::kept_file::KeptFile;
use super::log_content::LogContent;
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

/// Watches the database file and its write-ahead log.
#[derive(Debug)]
pub(super) struct Guard {
    database: Watched,
    log: Watched,
    first_page: FirstPage,
    log_content: LogContent,
    /// Why nothing is written any more: what has been overwritten once does not get well by further writing.
    broken: Option<StoreError>,
}

impl Guard {
    /// Remembers the files as they are now, while SQLite has them open. `kept` is the database, opened before.
    pub(super) fn new(path: &Path, kept: KeptFile) -> Result<Self, StoreError> {
        let (database, metadata) = Watched::new(path.to_owned())?;
        let (log, _) = Watched::new(sibling(path, "-wal"))?;
        let log_content = LogContent::new(KeptFile::open(&log.path));
        Ok(Self {
            database,
            log,
            first_page: FirstPage::new(kept, &metadata),
            log_content,
            broken: None,
        })
    }

    /// Refuses when one of the files was deleted or replaced, or changed by something else than SQLite. To be asked before a commit.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let metadata = self.database.check()?;
        let log_length = self.log.check()?.len();
        let is_ours = self.first_page.is_ours(&metadata, connection);
        self.require(is_ours, |guard| &guard.database)?;
        let is_long_enough = self.log_content.is_long_enough(log_length, connection);
        self.require(is_long_enough, |guard| &guard.log)
    }

    /// As [`Guard::check`], for a commit that is made.
    pub(super) fn check_written(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.check(connection)?;
        let begins_well = self.log_content.begins_well(connection);
        self.require(begins_well, |guard| &guard.log)
    }

    /// The least that has to be known before a commit: the commit itself would hide that something was cut off.
    pub(super) fn check_length(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(log_length) = self.log_content.current_length() else {
            return Ok(());
        };
        let is_long_enough = self.log_content.is_long_enough(log_length, connection);
        self.require(is_long_enough, |guard| &guard.log)
    }

    fn require(&mut self, is_well: bool, watched: impl FnOnce(&Self) -> &Watched) -> Result<(), StoreError> {
        if !is_well && self.broken.is_none() {
            self.broken = Some(overwritten(&watched(self).path));
        }
        self.broken.clone().map_or(Ok(()), Err)
    }
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

/// Refuses when the file was deleted or replaced.
pub(super) fn check_identity(path: &Path, identity: FileIdentity) -> Result<(), StoreError> {
    match FileIdentity::of(path) {
        Ok(found) if found == identity => Ok(()),
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
    unusable(format!(
        "the database file {} was deleted, moved or replaced while it was open ({reason}); nothing more is written. \
         Put it back and open the database again",
        path.display()
    ))
}
