//! The id of a journal row: the run's number in the upper half, the place in the run's journal in the lower.

use crate::store::StoreError;
use crate::store::rules::unusable;

const SEQ_BITS: u32 = 32;
const LAST_SEQ: i64 = (1 << SEQ_BITS) - 1;

/// The id of the entry at `seq` of run number `run`.
pub(super) fn entry_id(run: i64, seq: u64) -> Result<i64, StoreError> {
    match i64::try_from(seq) {
        Ok(seq) if (0..=LAST_SEQ).contains(&seq) && run < (1 << 31) => Ok(run << SEQ_BITS | seq),
        _ => Err(unusable(format!(
            "entry {seq} of run number {run} is more than a database holds; start a new one"
        ))),
    }
}

/// The place in its run's journal of the entry with that id.
pub(super) fn seq(id: i64) -> u64 {
    (id & LAST_SEQ).unsigned_abs()
}

/// The lowest and the highest id that an entry of run number `run` can have.
pub(super) fn ids_of(run: i64) -> (i64, i64) {
    (run << SEQ_BITS, run << SEQ_BITS | LAST_SEQ)
}
