//! Ids that are new.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Timestamp, Uuid};

/// A new id: a UUIDv7, so that ids sort by time. A clock that shows a time before 1970 counts as one that shows the beginning of 1970.
#[must_use]
pub fn new_id() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = match since_epoch.is_zero() {
        false => Uuid::now_v7(),
        true => Uuid::new_v7(Timestamp::from_unix(NoContext, 0, 0)),
    };
    id.to_string()
}
