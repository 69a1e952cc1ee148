//! Until when the leases of this process last, as it measures that itself.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{micros, steady};

/// Renewed by the thread that writes, asked by who drives.
pub(super) struct OwnLease {
    length: i64,
    /// When the last renewal was sent that the server has acknowledged, by this machine's steady clock.
    renewed: AtomicI64,
}

impl OwnLease {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            length: micros(length),
            renewed: AtomicI64::new(steady()),
        }
    }

    /// Notes a renewal that was sent at that time by the steady clock.
    pub(super) fn renew(&self, sent: i64) {
        self.renewed.fetch_max(sent, Ordering::AcqRel);
    }

    /// How many microseconds are left. It ends a little before the server's does: the server counts from when it took the renewal, and
    /// the two clocks differ by a little.
    pub(super) fn left(&self) -> i64 {
        let renewed = self.renewed.load(Ordering::Acquire);
        renewed
            .saturating_add(self.length - self.length / 10)
            .saturating_sub(steady())
    }
}
