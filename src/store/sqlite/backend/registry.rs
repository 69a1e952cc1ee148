//! Which files this process has open. Two sets of threads on one file would work against each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use super::OpenFile;
use crate::store::StoreError;
use crate::store::backend::Backend;
use crate::store::handle::{FORK_ADVICE, lock};
use crate::store::rules::unusable;
use crate::store::sqlite::{FileIdentity, SqliteOptions, fork_guard, locate};

static OPEN: Mutex<BTreeMap<FileIdentity, Registered>> = Mutex::new(BTreeMap::new());

struct Registered {
    process: u32,
    file: Weak<OpenFile>,
}

/// Opens the file, or joins those who have it open already.
pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Arc<OpenFile>, StoreError> {
    if fork_guard::is_cut_off() {
        return Err(cut_off());
    }
    // What is locked below is locked for all files.
    let _inside = fork_guard::enter();
    let located = locate(path)?;
    let identity = FileIdentity::of(&located)
        .map_err(|error| unusable(format!("cannot open the database {}: {error}", path.display())))?;
    let (durability, lease, audit_key) = (options.durability, options.lease, options.audit_key.clone());
    let file = match find(identity, path)? {
        Some(file) => file,
        None => register(OpenFile::open(located, identity, options)?),
    };
    if file.has_options(durability, lease, audit_key.as_ref()) {
        return Ok(file);
    }
    file.close();
    Err(unusable(format!(
        "the database {} is open in this process with another durability, lease or audit key; open it with the same one, or close it first",
        path.display()
    )))
}

fn cut_off() -> StoreError {
    StoreError::Forked {
        message: "this process was forked while another thread of its parent was inside of SQLite, and can open no database: fork \
                  again, or start children with the spawn or forkserver method"
            .to_owned(),
    }
}

fn find(identity: FileIdentity, path: &Path) -> Result<Option<Arc<OpenFile>>, StoreError> {
    let open = lock(&OPEN);
    let Some(registered) = open.get(&identity) else {
        return Ok(None);
    };
    let Some(file) = registered.file.upgrade().filter(|file| file.is_open()) else {
        return Ok(None);
    };
    // SQLite's record of the file's locks came along with the fork, but the locks themselves did not.
    if registered.process != std::process::id() {
        return Err(StoreError::Forked {
            message: format!(
                "the database {} was opened before this process was forked, and {FORK_ADVICE}",
                path.display()
            ),
        });
    }
    Ok(file.join().then_some(file))
}

/// Another thread may have opened the same file meanwhile; then this one's work is undone.
fn register(opened: OpenFile) -> Arc<OpenFile> {
    let process = std::process::id();
    let mut open = lock(&OPEN);
    open.retain(|_, other| other.process != process || other.file.upgrade().is_some_and(|file| file.is_open()));
    let present = open
        .get(&opened.identity)
        .and_then(|other| other.file.upgrade())
        .filter(|file| file.join());
    if let Some(present) = present {
        drop(open);
        opened.close();
        return present;
    }
    let opened = Arc::new(opened);
    open.insert(
        opened.identity,
        Registered {
            process,
            file: Arc::downgrade(&opened),
        },
    );
    opened
}
