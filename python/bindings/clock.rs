//! The clock, which the engine does not have.

use std::time::{SystemTime, UNIX_EPOCH};

use haltpoint_engine::Timestamp;

/// The present time.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
