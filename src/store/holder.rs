//! Who holds a lease, and whether they still live.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::{Text, Timestamp};

/// A process that may drive runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// Unique to this process and database handle, drawn at random when the database was opened.
    pub token: Text,
    /// The machine's name, and behind a space what identifies its boot and process namespace: two holders with the
    /// same text can look each other up by process id.
    pub host: Text,
    /// The process id.
    pub pid: u32,
    /// When the process started, in whatever unit the operating system has: with the process id it names one process.
    pub started: u64,
}

impl Holder {
    /// This very process, under a token that nobody else has.
    #[must_use]
    pub fn this_process(token: Text) -> Self {
        let pid = std::process::id();
        let started = process::start_time(pid).unwrap_or_default();
        Self {
            token,
            host: process::host().into(),
            pid,
            started,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.host.split(' ').next().unwrap_or_default();
        write!(formatter, "process {} on {machine}", self.pid)
    }
}

/// Tells whether a process lives. The simulation has its own.
pub trait Liveness: Send + Sync {
    /// `Some(true)` or `Some(false)` where the operating system can tell; `None` where only the lease's expiry can.
    fn is_alive(&self, holder: &Holder) -> Option<bool>;
}

/// Asks the operating system. Knows only processes of this boot and process namespace.
#[derive(Clone, Debug, Default)]
pub struct ProcessLiveness {
    /// Where this process runs, found out when it is first asked for; `None` where the operating system cannot tell.
    host: OnceLock<Option<String>>,
}

impl ProcessLiveness {
    /// For the machine that this process runs on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn host(&self) -> Option<&str> {
        let can_tell = || process::start_time(std::process::id()).is_some();
        self.host.get_or_init(|| can_tell().then(process::host)).as_deref()
    }
}

impl Liveness for ProcessLiveness {
    fn is_alive(&self, holder: &Holder) -> Option<bool> {
        let here = self.host()? == &*holder.host;
        here.then(|| process::start_time(holder.pid) == Some(holder.started))
    }
}

/// Whether a lease of that holder may be taken over now.
#[must_use]
pub fn may_be_taken(liveness: &dyn Liveness, holder: &Holder, expires: Timestamp, now: Timestamp) -> bool {
    expires <= now || liveness.is_alive(holder) == Some(false)
}

#[cfg(target_os = "linux")]
mod process {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    /// Clock ticks from the machine's boot to the start of the process; `None` when there is no such process, or only
    /// what is left of it until its parent asks.
    pub(super) fn start_time(pid: u32) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name stands in parentheses and may itself hold any character.
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X" | "x")).then_some(started)
    }

    pub(super) fn host() -> String {
        let line = |path| fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned());
        let name = line("/proc/sys/kernel/hostname");
        let boot = line("/proc/sys/kernel/random/boot_id");
        let namespace = fs::metadata("/proc/self/ns/pid")
            .map(|file| file.ino())
            .unwrap_or_default();
        format!("{name} boot={boot} pidns={namespace}")
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    /// Without a portable way to tell two processes of one id apart, only the lease's expiry decides.
    pub(super) fn start_time(_pid: u32) -> Option<u64> {
        None
    }

    pub(super) fn host() -> String {
        std::env::var("HOSTNAME").unwrap_or_else(|_| "this-machine".to_owned())
    }
}
