//! Keeps this process from being forked while one of its threads is inside of SQLite.
//!
//! A fork takes no other thread along. SQLite has locks that all connections of a process share, whatever their files: one that another thread
//! holds in that moment stays locked in the child, where then nothing can be opened any more. Whoever forks therefore calls [`before_fork`],
//! which waits until no thread is inside, and afterwards [`after_fork`], or in the child [`after_fork_in_child`].
//!
//! There is no lock in here, which a fork could leave locked: who goes inside and who forks first says so, and then looks for the other. Nobody
//! waits for ever, whatever else they hold: where waiting did not help, the child opens nothing, and is told so.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// For how long a fork waits for threads that are inside.
const LONGEST_STAY: Duration = Duration::from_secs(10);

/// For how long a thread waits for a fork before it goes inside all the same.
const LONGEST_FORK: Duration = Duration::from_secs(1);

/// Between two looks of who waits.
const PAUSE: Duration = Duration::from_micros(200);

/// How many threads are inside.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// How many threads are about to fork.
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// This process was forked while a thread of its parent was inside.
static IS_CUT_OFF: AtomicBool = AtomicBool::new(false);

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static IS_FORKING: Cell<bool> = const { Cell::new(false) };
}

/// As long as it lives, the thread that made it is inside.
#[derive(Debug)]
#[must_use = "whoever drops it has left"]
pub(super) struct Inside(());

/// Goes inside, as soon as no fork is under way.
pub(super) fn enter() -> Inside {
    let deadline = Instant::now() + LONGEST_FORK;
    loop {
        // Whoever says so only to take it back at once, while the fork is under way, may be inside in the child's copy for good.
        while !is_inside() && is_forking() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
        let inside = Inside::new();
        if !is_outermost() || !is_forking() || Instant::now() >= deadline {
            return inside;
        }
    }
}

/// Goes inside, unless a fork is under way.
pub(super) fn enter_at_once() -> Option<Inside> {
    if !is_inside() && is_forking() {
        return None;
    }
    let inside = Inside::new();
    let is_free = !is_outermost() || !is_forking();
    is_free.then_some(inside)
}

/// Whether SQLite's locks may be locked for ever in this process.
pub(super) fn is_cut_off() -> bool {
    IS_CUT_OFF.load(Ordering::SeqCst)
}

/// To be called by a thread that is about to fork. Waits until no other thread is inside.
pub fn before_fork() {
    if !IS_FORKING.replace(true) {
        FORKING.fetch_add(1, Ordering::SeqCst);
    }
    let deadline = Instant::now() + LONGEST_STAY;
    while INSIDE.load(Ordering::SeqCst) > inside_here() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
}

/// To be called by that thread in the parent, once it has forked.
pub fn after_fork() {
    if IS_FORKING.replace(false) {
        FORKING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// To be called in the child, before anything else.
pub fn after_fork_in_child() {
    let here = inside_here();
    if INSIDE.swap(here, Ordering::SeqCst) > here {
        IS_CUT_OFF.store(true, Ordering::SeqCst);
    }
    FORKING.store(0, Ordering::SeqCst);
    IS_FORKING.set(false);
}

impl Inside {
    fn new() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        if is_outermost() {
            INSIDE.fetch_add(1, Ordering::SeqCst);
        }
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if is_outermost() {
            INSIDE.fetch_sub(1, Ordering::SeqCst);
        }
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn is_forking() -> bool {
    FORKING.load(Ordering::SeqCst) > 0
}

/// Whether this thread is inside.
fn is_inside() -> bool {
    DEPTH.get() > 0
}

fn is_outermost() -> bool {
    DEPTH.get() == 1
}

/// How many of the threads inside are this one.
fn inside_here() -> usize {
    usize::from(is_inside())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_fork_waits_for_who_is_inside_and_who_comes_waits_for_the_fork() {
        let (inside, forking) = (enter(), thread::spawn(before_fork_and_report));
        while FORKING.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert!(!forking.is_finished());
        // Whoever is inside already waits for nothing.
        drop(enter());
        let (arrived, arrival) = channel();
        let coming = thread::spawn(move || {
            assert!(enter_at_once().is_none());
            arrived.send("before the door")?;
            drop(enter());
            arrived.send("inside")
        });
        assert_eq!(arrival.recv(), Ok("before the door"));
        assert!(arrival.try_recv().is_err());
        drop(inside);
        assert!(forking.join().is_ok());
        assert!(coming.join().is_ok_and(|sent| sent.is_ok()));
        assert!(enter_at_once().is_some());
    }

    fn before_fork_and_report() {
        before_fork();
        after_fork();
    }
}
