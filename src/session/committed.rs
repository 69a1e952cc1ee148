//! What a driver's commits put on disk, for those who listen to its run: nobody reads back what was just written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Timestamp;
use crate::journal::{Entry, Record};
use crate::store::{Committed, Operation, StoreError};

/// So many records wait for a listener at most. One that is further behind reads the journal.
const MOST: usize = 1024;

/// An entry as it stands on disk, without its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedEntry {
    /// Its place in the run's journal.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whether it was appended by somebody who does not drive the run.
    pub outsider: bool,
    /// What happened.
    pub entry: Entry,
}

/// What a run's journal got since somebody began to listen, in its order, each entry once. Shared by who commits and who listens.
#[derive(Clone, Debug, Default)]
pub struct CommittedEntries(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    entries: BTreeMap<u64, CommittedEntry>,
    /// The first place of which is known what stands there.
    first: Option<u64>,
    /// The last place that is known to hold something.
    last: u64,
}

impl CommittedEntries {
    /// Takes what stands behind place `after`, as far as nothing is missing in between. `None`: only the journal has it.
    ///
    /// What another process appended becomes known a moment after what this one did: with `is_last` it is not waited for.
    #[must_use]
    pub fn take(&self, after: u64, is_last: bool) -> Option<Vec<CommittedEntry>> {
        let mut waiting = self.lock();
        waiting.entries = waiting.entries.split_off(&(after + 1));
        let mut taken: Vec<CommittedEntry> = Vec::new();
        while let Some(entry) = waiting.entries.remove(&(after + 1 + taken.len() as u64)) {
            taken.push(entry);
        }
        let end = after + taken.len() as u64;
        let is_behind = end < waiting.last && (is_last || waiting.first.is_none_or(|first| end + 1 < first));
        (!taken.is_empty() || !is_behind).then_some(taken)
    }

    pub(super) fn add(&self, entry: CommittedEntry) {
        let mut waiting = self.lock();
        waiting.last = waiting.last.max(entry.seq);
        if waiting.entries.len() >= MOST {
            waiting.entries.clear();
            waiting.first = None;
            return;
        }
        waiting.first = Some(waiting.first.map_or(entry.seq, |first| first.min(entry.seq)));
        waiting.entries.insert(entry.seq, entry);
    }

    /// Something stands at that place, and only the journal has it.
    fn know_of(&self, seq: u64) {
        let mut waiting = self.lock();
        waiting.last = waiting.last.max(seq);
    }

    pub(super) fn add_noticed(&self, record: &Record) {
        self.add(CommittedEntry {
            seq: record.seq,
            at: record.at,
            outsider: record.outsider,
            entry: record.entry.clone(),
        });
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an operation is about to append, for those who listen.
pub(super) struct Appending {
    at: Timestamp,
    entries: Vec<Entry>,
    listening: CommittedEntries,
}

impl Appending {
    pub(super) fn of(operation: &Operation, listening: &CommittedEntries) -> Option<Self> {
        let Operation::Append(append) = operation else {
            return None;
        };
        Some(Self {
            at: append.at,
            entries: append.entries.clone(),
            listening: listening.clone(),
        })
    }

    /// What became of it.
    pub(super) fn committed(self, outcome: &Result<Committed, StoreError>) {
        match outcome {
            Ok(Committed::Appended { seq } | Committed::Delivered { seq }) => self.appended(*seq),
            // Other entries stand in the place of these.
            Ok(Committed::Cancelled { seq }) => self.listening.know_of(*seq),
            _ => {}
        }
    }

    fn appended(self, seq: u64) {
        let before = seq.saturating_sub(self.entries.len() as u64);
        for (seq, entry) in (before + 1..).zip(self.entries) {
            let (at, outsider) = (self.at, false);
            self.listening.add(CommittedEntry {
                seq,
                at,
                outsider,
                entry,
            });
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::journal::RunPaused;

    fn own(listening: &CommittedEntries, seqs: std::ops::RangeInclusive<u64>) {
        let appending = Appending {
            at: Timestamp(0),
            entries: seqs.clone().map(|_| Entry::RunPaused(RunPaused {})).collect(),
            listening: listening.clone(),
        };
        appending.appended(*seqs.end());
    }

    fn others(listening: &CommittedEntries, seq: u64) {
        listening.add_noticed(&Record {
            seq,
            at: Timestamp(0),
            outsider: true,
            entry: Entry::RunPaused(RunPaused {}),
            hash: [0; 32],
        });
    }

    fn taken(listening: &CommittedEntries, after: u64, is_last: bool) -> Option<Vec<u64>> {
        let taken = listening.take(after, is_last)?;
        Some(taken.into_iter().map(|entry| entry.seq).collect())
    }

    #[test]
    fn entries_come_in_the_order_of_the_journal_however_they_become_known() {
        let listening = CommittedEntries::default();
        own(&listening, 1..=2);
        own(&listening, 4..=4);
        assert_eq!(taken(&listening, 0, false), Some(vec![1, 2]));
        assert_eq!(
            taken(&listening, 2, false),
            Some(vec![]),
            "another process's is on its way"
        );
        others(&listening, 3);
        assert_eq!(taken(&listening, 2, false), Some(vec![3, 4]));
        assert_eq!(taken(&listening, 4, true), Some(vec![]));
    }

    #[test]
    fn what_was_never_told_is_read() {
        let listening = CommittedEntries::default();
        own(&listening, 3..=3);
        assert_eq!(
            taken(&listening, 0, false),
            None,
            "it was appended before anybody listened"
        );
        own(&listening, 5..=5);
        assert_eq!(taken(&listening, 2, true), Some(vec![3]));
        assert_eq!(
            taken(&listening, 3, true),
            None,
            "nobody will tell of the fourth any more"
        );
    }

    #[test]
    fn what_stands_in_the_place_of_a_drivers_last_entries_is_read() {
        let listening = CommittedEntries::default();
        own(&listening, 1..=2);
        let appending = Appending {
            at: Timestamp(0),
            entries: vec![Entry::RunPaused(RunPaused {})],
            listening: listening.clone(),
        };
        appending.committed(&Ok(Committed::Cancelled { seq: 5 }));
        assert_eq!(taken(&listening, 0, true), Some(vec![1, 2]));
        assert_eq!(taken(&listening, 2, true), None);
    }

    #[test]
    fn what_was_read_is_not_told_again() {
        let listening = CommittedEntries::default();
        own(&listening, 1..=4);
        assert_eq!(taken(&listening, 3, false), Some(vec![4]));
        others(&listening, 2);
        assert_eq!(taken(&listening, 4, true), Some(vec![]));
    }

    #[test]
    fn a_listener_that_is_far_behind_reads_and_is_told_again_then() {
        let listening = CommittedEntries::default();
        let many = MOST as u64;
        own(&listening, 1..=many + 1);
        assert_eq!(taken(&listening, 0, false), None);
        assert_eq!(taken(&listening, many + 1, false), Some(vec![]));
        own(&listening, many + 2..=many + 2);
        assert_eq!(taken(&listening, many + 1, false).unwrap(), [many + 2]);
    }
}
