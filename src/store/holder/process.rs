//! What the operating system says about processes, and how much of that is proof.

/// Microseconds of a clock that nobody can set, wherever it counts from.
#[cfg(unix)]
pub(super) fn own_clock() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(time.tv_nsec / 1_000)
}

/// Microseconds of a clock that nobody can set: from when it was first asked for in this process.
#[cfg(not(unix))]
pub(super) fn own_clock() -> i64 {
    static BEGINNING: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let passed = BEGINNING.get_or_init(std::time::Instant::now).elapsed();
    i64::try_from(passed.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{here, is_gone, own_start_time, start_time, steady_clock};
#[cfg(target_os = "linux")]
pub(super) use linux::{here, is_gone, own_start_time, start_time, steady_clock};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
    use rustix::time::{ClockId, clock_gettime};

    use crate::store::holder::place::Place;

    /// Where this process runs.
    pub(in super::super) fn here() -> Place {
        let line = |path| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let namespace = |path| fs::metadata(path).ok().map(|file| file.ino().to_string());
        let machine = line("/proc/sys/kernel/hostname").filter(|name| !name.is_empty() && !name.contains(' '));
        Place {
            machine: machine.unwrap_or_else(|| "unknown".to_owned()),
            boot: line("/proc/sys/kernel/random/boot_id"),
            pid_namespace: namespace("/proc/self/ns/pid"),
            time_namespace: namespace("/proc/self/ns/time"),
        }
    }

    /// Clock ticks from the machine's boot to the start of this process.
    pub(in super::super) fn own_start_time() -> Option<u64> {
        start_time_in("/proc/self/stat")
    }

    /// Clock ticks from the machine's boot to the start of the process, as this process's own time namespace counts them; `None` where
    /// that process cannot be seen.
    pub(in super::super) fn start_time(pid: u32) -> Option<u64> {
        shows_own_namespace().then(|| start_time_in(&format!("/proc/{pid}/stat")))?
    }

    fn start_time_in(path: &str) -> Option<u64> {
        let stat = fs::read_to_string(path).ok()?;
        // The command's name stands in parentheses and may itself hold any character.
        let (_, after_name) = stat.rsplit_once(')')?;
        after_name.split_ascii_whitespace().nth(19)?.parse().ok()
    }

    /// Whether the ids under `/proc` are those of this process's own namespace: it may be mounted for another one.
    fn shows_own_namespace() -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        ids.is_some_and(|ids| ids.split_ascii_whitespace().count() == 1)
    }

    /// Microseconds of the clock that nobody can set.
    pub(in super::super) fn steady_clock() -> Option<i64> {
        let time = clock_gettime(ClockId::Monotonic);
        time.tv_sec.checked_mul(1_000_000)?.checked_add(time.tv_nsec / 1_000)
    }

    /// Whether it is proven that no process of that id lives in this process's namespace.
    pub(in super::super) fn is_gone(pid: u32) -> bool {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return false;
        };
        test_kill_process(pid) == Err(Errno::SRCH) || has_ended(pid)
    }

    /// Whether all of the process has ended, and only its parent has not asked yet. Its first thread may end before the others.
    fn has_ended(pid: Pid) -> bool {
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
            return false;
        };
        let mut asked = [PollFd::new(&process, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut asked, Some(&at_once)) == Ok(1) && asked[0].revents().contains(PollFlags::IN)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use crate::store::holder::place::Place;

    pub(in super::super) fn here() -> Place {
        Place {
            machine: std::env::var("HOSTNAME").unwrap_or_else(|_| "this-machine".to_owned()),
            ..Place::default()
        }
    }

    pub(in super::super) fn own_start_time() -> Option<u64> {
        None
    }

    /// Without a portable way to tell two processes of one id apart, only the lease's expiry decides.
    pub(in super::super) fn start_time(_pid: u32) -> Option<u64> {
        None
    }

    pub(in super::super) fn is_gone(_pid: u32) -> bool {
        false
    }

    pub(in super::super) fn steady_clock() -> Option<i64> {
        None
    }
}
