//! Leases of this process that others took over while it could not renew them: stopped, or cut off.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lock;
use crate::Text;

/// Filled by who renews the leases, asked by who drives under them.
#[derive(Debug, Default)]
pub struct LostLeases {
    /// Whether there are any, for those who ask all the time.
    has_some: AtomicBool,
    lost: Mutex<HashSet<(Text, u64)>>,
}

impl LostLeases {
    /// Whether the lease of that epoch was found to be another one's.
    pub fn has(&self, run_id: &Text, epoch: u64) -> bool {
        self.has_some.load(Ordering::Acquire) && lock(&self.lost).contains(&(run_id.clone(), epoch))
    }

    pub(super) fn add(&self, run_id: Text, epoch: u64) {
        lock(&self.lost).insert((run_id, epoch));
        self.has_some.store(true, Ordering::Release);
    }

    /// Nobody drives under it any more.
    pub(super) fn forget(&self, run_id: &Text, epoch: u64) {
        if self.has_some.load(Ordering::Acquire) {
            let mut lost = lock(&self.lost);
            lost.remove(&(run_id.clone(), epoch));
            self.has_some.store(!lost.is_empty(), Ordering::Release);
        }
    }
}
