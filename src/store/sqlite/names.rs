//! One file is one file: SQLite finds the log of a database by the database's name, so that a file with two names would have two logs, and
//! what is written under one name would be lost under the other.

use std::fs;
use std::path::Path;

use super::file::sibling;
use crate::store::StoreError;
use crate::store::rules::unusable;

/// Refuses a database that has a second name, or may have one, and one whose log or lock file has. What cannot be asked is not refused.
pub(super) fn refuse_other_names(path: &Path) -> Result<(), StoreError> {
    if let Some(links) = hard_links(path) {
        return Err(refused(
            path,
            &format!("the file has {links} names (hard links)"),
            "remove the other links, and copy databases with the command `haltpoint backup`",
        ));
    }
    if is_mounted(path) {
        return Err(refused(
            path,
            "this very file is mounted here from elsewhere",
            "mount the directory that it lies in instead",
        ));
    }
    ["-wal", "-shm"]
        .iter()
        .try_for_each(|suffix| refuse_shared(path, &sibling(path, suffix)))
}

/// What SQLite keeps beside the database belongs to that database alone.
fn refuse_shared(path: &Path, beside: &Path) -> Result<(), StoreError> {
    let is_link = fs::symlink_metadata(beside).is_ok_and(|metadata| metadata.is_symlink());
    let how = if is_link {
        "is a symbolic link"
    } else if hard_links(beside).is_some() {
        "has more than one name (hard links)"
    } else if is_mounted(beside) {
        "is mounted here from elsewhere"
    } else {
        return Ok(());
    };
    Err(refused(
        path,
        &format!("the file {} beside it {how}", beside.display()),
        "let the database, its -wal and its -shm lie in one directory, and mount that directory where another place needs it",
    ))
}

fn refused(path: &Path, reason: &str, advice: &str) -> StoreError {
    unusable(format!(
        "cannot open the database {}: {reason}. Each name would have a write-ahead log of its own, and what one process writes would be \
         lost to the others: {advice}",
        path.display()
    ))
}

/// How many names the file has, where it has several.
#[cfg(unix)]
fn hard_links(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    let links = fs::symlink_metadata(path).ok()?.nlink();
    (links > 1).then_some(links)
}

#[cfg(not(unix))]
fn hard_links(_path: &Path) -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn is_mounted(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS).is_ok_and(|found| {
        let asked = found.stx_attributes_mask & found.stx_attributes;
        asked.contains(StatxAttributes::MOUNT_ROOT)
    })
}

#[cfg(not(target_os = "linux"))]
fn is_mounted(_path: &Path) -> bool {
    false
}
