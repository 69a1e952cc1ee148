//! How a connection waits while another process holds a lock that it needs.
//!
//! SQLite's own way sleeps longer each time, up to a tenth of a second, so that of several busy processes the one that has waited longest is
//! the least likely to have its turn. Transactions here take a few milliseconds at most: it pays to ask again soon, each process at its own
//! moment, and ever sooner the longer it has waited.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// The first sleeps are about this long, in microseconds ...
const FIRST: u64 = 500;

/// ... and the longer a process has waited, the shorter they get, down to about this: of several that wait, the one that came first is
/// the most likely to find the lock free.
const SHORTEST: u64 = 60;

/// How many times the connection sleeps before it sleeps half as long.
const PATIENCE: u64 = 8;

/// Who has asked this often, for about a tenth of a second, does not wait for a transaction but for something slow ...
const MOST_QUICK: u64 = 2_000;

/// ... and asks seldom, in microseconds.
const SLOW: u64 = 5_000;

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

/// Between half and all of a sleep that shrinks the more often the lock was asked for before.
fn pause(asked_before: i32, chance: u64) -> Duration {
    let asked = u64::from(asked_before.unsigned_abs());
    let longest = match asked < MOST_QUICK {
        true => (FIRST >> (asked / PATIENCE).min(10)).max(SHORTEST),
        false => SLOW,
    };
    Duration::from_micros(longest / 2 + chance % (longest / 2))
}

/// Xorshift: nobody guards anything with it.
fn next_chance(mut chance: u64) -> u64 {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^ chance << 17
}
