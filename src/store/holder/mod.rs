//! Who holds a lease, and whether they still live.

mod expiry;
mod place;
mod process;

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::{Text, Timestamp};
pub use expiry::{Expiry, Now, Watch};
use place::Place;

/// A process that may drive runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// Unique to this process and database handle, drawn at random when the database was opened.
    pub token: Text,
    /// The machine's name, and behind spaces what identifies its boot, its process namespace and its time namespace, as far as they are
    /// known: they say which holders can look each other up, and by what.
    pub host: Text,
    /// The process id.
    pub pid: u32,
    /// When the process started, in whatever unit the operating system has: with the process id it names one process. 0: not known.
    pub started: u64,
}

impl Holder {
    /// This very process, under a token that nobody else has.
    #[must_use]
    pub fn this_process(token: Text) -> Self {
        Self {
            token,
            host: process::here().to_string().into(),
            pid: std::process::id(),
            started: process::own_start_time().unwrap_or_default(),
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
    /// `Some(true)` or `Some(false)` where the operating system proves it; `None` where only the lease's expiry can tell.
    fn is_alive(&self, holder: &Holder) -> Option<bool>;

    /// The time in microseconds on a clock that nobody can set, and that shows this process and the holder the same; `None` where there
    /// is no such clock. It stands still while the machine is suspended, as the holder does.
    fn shared_clock(&self, _holder: &Holder) -> Option<i64> {
        None
    }

    /// The time on this process's own clock that nobody can set, where nothing but a whole lease without a sign of life shows that the
    /// holder is gone: it may live, and one of the two wall clocks may be wrong. `None`: the wall clock is enough.
    fn own_clock(&self, _holder: &Holder) -> Option<Watch> {
        None
    }
}

/// Asks the operating system. "Cannot be seen" is not "dead": of a process that is hidden, or of another boot or namespace, it says nothing.
#[derive(Clone, Debug, Default)]
pub struct ProcessLiveness {
    /// Where this process runs, once that was found out.
    here: OnceLock<Place>,
}

impl ProcessLiveness {
    /// For the machine that this process runs on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn here(&self) -> Place {
        if let Some(here) = self.here.get() {
            return here.clone();
        }
        let here = process::here();
        // What cannot be found out now, for want of file descriptors say, is asked for again.
        if here.is_known() {
            let _ = self.here.set(here.clone());
        }
        here
    }
}

impl Liveness for ProcessLiveness {
    fn is_alive(&self, holder: &Holder) -> Option<bool> {
        let (here, there) = (self.here(), Place::parse(&holder.host));
        if !there.shares_process_ids(&here) {
            return None;
        }
        if process::is_gone(holder.pid) {
            return Some(false);
        }
        // A process of that id lives, or may do so. It is another one if it demonstrably started at another time.
        let is_comparable = holder.started != 0 && there.shares_time(&here);
        let found = process::start_time(holder.pid).filter(|_| is_comparable)?;
        Some(found == holder.started)
    }

    fn shared_clock(&self, holder: &Holder) -> Option<i64> {
        let is_shared = Place::parse(&holder.host).shares_time(&self.here());
        is_shared.then(process::steady_clock)?
    }

    fn own_clock(&self, holder: &Holder) -> Option<Watch> {
        let here = self.here();
        // What has shared memory runs on one kernel: a holder of another boot ended with it.
        let is_over = Place::parse(&holder.host).is_of_another_boot(&here);
        (!is_over).then(|| Watch {
            clock: here.clock(),
            time: process::own_clock(),
        })
    }
}

/// Whether a lease of that holder may be taken over now.
#[must_use]
pub fn may_be_taken(liveness: &dyn Liveness, holder: &Holder, expiry: Expiry, now: Timestamp) -> bool {
    left(liveness, holder, expiry, now) <= 0 || liveness.is_alive(holder) == Some(false)
}

/// How many microseconds are left of a lease of that holder, as far as its expiry says.
#[must_use]
pub fn left(liveness: &dyn Liveness, holder: &Holder, expiry: Expiry, now: Timestamp) -> i64 {
    let left = expiry.left(now_for(liveness, holder, now));
    let to_watch = clock_to_watch_by(liveness, holder, expiry).map(|now| expiry.left_to_watch(now));
    left.max(to_watch.unwrap_or(left))
}

/// The clock by which the holder's silence counts, where no clock that both share says when the lease ends.
#[must_use]
pub fn clock_to_watch_by(liveness: &dyn Liveness, holder: &Holder, expiry: Expiry) -> Option<Watch> {
    let is_shared = expiry.steady.is_some() && liveness.shared_clock(holder).is_some();
    if is_shared { None } else { liveness.own_clock(holder) }
}

/// What time it is for somebody who looks at a lease of that holder.
#[must_use]
pub fn now_for(liveness: &dyn Liveness, holder: &Holder, wall: Timestamp) -> Now {
    let steady = liveness.shared_clock(holder);
    Now { wall, steady }
}
