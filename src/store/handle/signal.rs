//! What one thread sets and another spins for, where being woken would take as long as the wait itself.

use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// For how long a thread spins in one go, at most.
pub(in crate::store) const LONGEST_SPIN: Duration = Duration::from_micros(250);

/// How often a spinning thread looks before it reads the clock, and lets others have its core.
const LOOKS: u32 = 64;

/// What one thread sets and another spins for.
///
/// It is a hint, and hands nothing over: what it announces is guarded by a lock, under which it is set, and which whoever saw it
/// takes afterwards, whether or not they saw it. Relaxed operations are therefore enough: the lock orders everything else.
#[derive(Debug, Default)]
pub(crate) struct Signal(AtomicBool);

impl Signal {
    pub(crate) fn set(&self, is_set: bool) {
        self.0.store(is_set, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Spins until it is set, for a quarter of a millisecond at most.
    pub(crate) fn spin(&self) {
        let deadline = Instant::now() + LONGEST_SPIN;
        while !self.is_set_soon() && Instant::now() < deadline {
            // Whoever is to set it may be waiting for this core.
            thread::yield_now();
        }
    }

    fn is_set_soon(&self) -> bool {
        (0..LOOKS).any(|_| {
            hint::spin_loop();
            self.is_set()
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn whoever_spins_sees_what_is_set_meanwhile() {
        let signal = Signal::default();
        thread::scope(|scope| {
            let spinning = scope.spawn(|| {
                while !signal.is_set() {
                    signal.spin();
                }
            });
            signal.set(true);
            spinning.join().unwrap();
        });
    }

    #[test]
    fn nobody_spins_for_ever() {
        let signal = Signal::default();
        signal.spin();
        assert!(!signal.is_set());
    }
}
