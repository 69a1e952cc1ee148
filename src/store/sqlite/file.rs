//! The file before SQLite has it: found, created for its owner only, and looked into without changing anything.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrate::Header;
use super::names::refuse_other_names;
use crate::store::StoreError;
use crate::store::rules::unusable;

/// The bytes of one page of the smallest size.
const SMALLEST_DATABASE: u64 = 512;

/// The absolute path of the database file, which is created where it does not exist, and has no other name.
pub(in crate::store) fn locate(path: &Path) -> Result<PathBuf, StoreError> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        return Err(unusable(
            "a database file needs a path; for a database in memory use the in-memory store".to_owned(),
        ));
    }
    create(path).map_err(|error| cannot_create(path, &error))?;
    let absolute = fs::canonicalize(path).map_err(|error| cannot_create(path, &error))?;
    if absolute.is_dir() {
        return Err(unusable(format!(
            "cannot open the database {}: it is a directory; name a file in it",
            path.display()
        )));
    }
    refuse_other_names(&absolute)?;
    Ok(absolute)
}

/// SQLite gives the files beside the database the mode that the database has, so the mode must be right from the start.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => restrict_empty(path),
        opened => opened.map(drop),
    }
}

/// A file that somebody made for us in advance is ours as long as it is empty.
#[cfg(unix)]
fn restrict_empty(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() && metadata.len() == 0 {
        return fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600));
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict_empty(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn cannot_create(path: &Path, error: &io::Error) -> StoreError {
    let advice = match error.kind() {
        ErrorKind::NotFound => "its directory does not exist; create it first",
        ErrorKind::NotADirectory => "a part of its path is no directory; check the path",
        ErrorKind::PermissionDenied => "this user may not write there; change the permissions or give another path",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; give another path",
        ErrorKind::StorageFull => "the disk is full; free some space",
        _ => "check the path and the disk",
    };
    unusable(format!(
        "cannot create the database {}: {advice} ({error})",
        path.display()
    ))
}

/// Refuses a file that is not ours without leaving a trace. An ordinary look, even one for reading only, would
/// put files of SQLite beside another application's database.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    match length {
        0 => Ok(()),
        // SQLite would take it for an empty database, and write over it.
        1..SMALLEST_DATABASE => Err(no_database(path)),
        // What a process that died left half written becomes readable only by the real opening.
        _ if sibling(path, "-journal").exists() => Ok(()),
        _ => refuse_foreign_header(path),
    }
}

fn refuse_foreign_header(path: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let header = Connection::open_with_flags(immutable_uri(path), flags).and_then(|mut probe| Header::read(&mut probe));
    match header {
        Ok(header) => header.standing(path).map(|_| ()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Err(no_database(path)),
        // A file that another process is writing may look damaged without its locks; the real opening takes them.
        Err(_) => Ok(()),
    }
}

fn no_database(path: &Path) -> StoreError {
    unusable(format!(
        "{} is no SQLite database; it was left as it is. Give another path",
        path.display()
    ))
}

/// The path of a file that SQLite keeps beside the database.
pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}
