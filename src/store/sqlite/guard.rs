//! Notices when the file under an open database goes away: what is then committed would be lost with it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::file::sibling;
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
    watched: Vec<(PathBuf, FileIdentity)>,
}

impl Guard {
    /// Remembers the files as they are now, while SQLite has them open.
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let watched = [path.to_owned(), sibling(path, "-wal")].into_iter().map(|path| {
            let identity = FileIdentity::of(&path).map_err(|error| gone(&path, &error.to_string()))?;
            Ok((path, identity))
        });
        Ok(Self {
            watched: watched.collect::<Result<_, StoreError>>()?,
        })
    }

    /// Refuses when one of the files was deleted or replaced.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.watched
            .iter()
            .try_for_each(|(path, identity)| check_identity(path, *identity))
    }
}

/// Refuses when the file was deleted or replaced.
pub(super) fn check_identity(path: &Path, identity: FileIdentity) -> Result<(), StoreError> {
    match FileIdentity::of(path) {
        Ok(found) if found == identity => Ok(()),
        Ok(_) => Err(gone(path, "another file stands in its place")),
        Err(error) => Err(gone(path, &error.to_string())),
    }
}

fn gone(path: &Path, reason: &str) -> StoreError {
    unusable(format!(
        "the database file {} was deleted, moved or replaced while it was open ({reason}); nothing more is written. \
         Put it back and open the database again",
        path.display()
    ))
}
