//! How a connection waits while another process holds a lock that it needs.
//!
//! SQLite's own way sleeps longer each time, up to a tenth of a second, so that of several busy processes the one that has waited longest is
//! the least likely to have its turn. Transactions here take a few milliseconds at most: it pays to ask again soon, each process at its own
//! moment.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// The sleeps grow from about this one, in microseconds ...
const SHORTEST: u64 = 100;

/// ... up to about this one: whoever keeps a lock that long is not going to give it back any moment.
const LONGEST: u64 = 5_000;

/// How many times the connection sleeps before it sleeps twice as long.
const PATIENCE: u64 = 16;

/// Says whether a connection waits at all.
#[derive(Debug)]
pub(super) struct LockWait {
    is_forbidden: Arc<AtomicBool>,
}

impl LockWait {
    /// Makes the connection wait for locks, for at most `timeout` each.
    pub(super) fn install(connection: &mut Connection, timeout: Duration) -> rusqlite::Result<Self> {
        let is_forbidden = Arc::new(AtomicBool::new(false));
        let forbidden = Arc::clone(&is_forbidden);
        let mut began = Instant::now();
        let mut chance = RandomState::new().hash_one(began);
        connection.busy_handler(Some(move |asked_before: i32| {
            if asked_before == 0 {
                began = Instant::now();
            }
            if forbidden.load(Ordering::Relaxed) || began.elapsed() >= timeout {
                return false;
            }
            chance = next_chance(chance);
            thread::sleep(pause(asked_before, chance));
            true
        }))?;
        Ok(Self { is_forbidden })
    }

    /// Carries `action` out; it fails where it would have to wait for a lock.
    pub(super) fn without<T>(&self, action: impl FnOnce() -> T) -> T {
        self.is_forbidden.store(true, Ordering::Relaxed);
        let done = action();
        self.is_forbidden.store(false, Ordering::Relaxed);
        done
    }
}

/// Between half and all of a sleep that grows the more often the lock was asked for before.
fn pause(asked_before: i32, chance: u64) -> Duration {
    let doublings = u64::from(asked_before.unsigned_abs()) / PATIENCE;
    let longest = (SHORTEST << doublings.min(10)).min(LONGEST);
    Duration::from_micros(longest / 2 + chance % (longest / 2))
}

/// Xorshift: nobody guards anything with it.
fn next_chance(mut chance: u64) -> u64 {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^ chance << 17
}
