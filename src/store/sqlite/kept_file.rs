//! A file that is kept open to look into it while SQLite uses it.
//!
//! Closing any descriptor of a file takes away the locks that this process has on it, whichever descriptor they were taken with. So the
//! openings of one file share one descriptor, which is closed after the last of them has closed its connection.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::guard::FileIdentity;

/// Where SQLite locks a database that it reads: from which byte on, and how many.
#[cfg(unix)]
const SHARED_BYTES: (u64, u64) = (0x4000_0002, 510);

static KEPT: Mutex<BTreeMap<FileIdentity, Weak<File>>> = Mutex::new(BTreeMap::new());

/// The file, as long as an opening needs it. To be opened before the connection, and dropped after it.
#[derive(Debug, Default)]
pub(super) struct KeptFile {
    /// `None` where it cannot be opened: SQLite says better why.
    file: Option<Arc<File>>,
}

impl KeptFile {
    pub(super) fn open(path: &Path) -> Self {
        let Ok(identity) = FileIdentity::of(path) else {
            return Self::default();
        };
        let mut kept = kept();
        kept.retain(|_, file| file.strong_count() > 0);
        let file = kept.get(&identity).and_then(Weak::upgrade).or_else(|| {
            let opened = Arc::new(open_for_reading(path)?);
            kept.insert(identity, Arc::downgrade(&opened));
            Some(opened)
        });
        Self { file }
    }

    /// Whether it could be opened.
    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// What the file system says about it now.
    pub(super) fn metadata(&self) -> Option<Metadata> {
        self.file.as_deref()?.metadata().ok()
    }

    /// Another process that has the database open, by its number: 0 where that cannot be seen from here.
    pub(super) fn other_user(&self) -> Option<i32> {
        other_user(self.file.as_deref()?)
    }

    /// Reads at a place; `None` where there is less to read, or nothing can be.
    pub(super) fn read<const LENGTH: usize>(&self, place: u64) -> Option<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.read_into(place, &mut bytes).then_some(bytes)
    }

    /// Fills all of `bytes` with what stands at a place, and says whether there was as much.
    pub(super) fn read_into(&self, place: u64, bytes: &mut [u8]) -> bool {
        self.file.as_deref().is_some_and(|file| read_at(file, bytes, place))
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        // Nobody opens the file anew before it is closed.
        let _kept = kept();
        drop(self.file.take());
    }
}

fn kept() -> MutexGuard<'static, BTreeMap<FileIdentity, Weak<File>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn open_for_reading(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // What is no ordinary file must not keep anybody waiting.
    let at_once = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(at_once)
        .open(path)
        .ok()
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], place: u64) -> bool {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place).is_ok()
}

/// Each connection with a write-ahead log keeps a part of these bytes locked for as long as it is open. Asking takes no lock, and finds none
/// of this very process.
#[cfg(unix)]
fn other_user(file: &File) -> Option<i32> {
    use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};
    let lock = Flock {
        start: SHARED_BYTES.0,
        length: SHARED_BYTES.1,
        ..Flock::from(FlockType::WriteLock)
    };
    let found = fcntl_getlk(file, &lock).ok().flatten()?;
    Some(found.pid.map_or(0, Pid::as_raw_pid))
}

#[cfg(not(unix))]
fn other_user(_file: &File) -> Option<i32> {
    None
}

#[cfg(not(unix))]
fn open_for_reading(_path: &Path) -> Option<File> {
    None
}

#[cfg(not(unix))]
fn read_at(_file: &File, _bytes: &mut [u8], _place: u64) -> bool {
    false
}
