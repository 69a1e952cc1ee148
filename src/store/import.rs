//! Runs that come from another database, as they stand there.

use crate::Text;
use crate::journal::{Hash, JournalEnd};

use super::raw::{RawContent, RawRequirement, open_among};
use super::{RunRow, RunStatus, StoreError};

/// A run whose rows are to be written as they are. The caller has checked them.
#[derive(Clone, Debug)]
pub struct Import {
    /// The run's row, without a holder.
    pub row: RunRow,
    /// Its whole journal, in order.
    pub entries: Vec<ImportedEntry>,
    /// Its whole index of requirements, in order.
    pub requirements: Vec<RawRequirement>,
    /// With how many open requirements it goes on.
    pub goes_on_with: u64,
    /// Where its journal ends that is here already.
    pub known: Option<JournalEnd>,
    /// What its subscribers have not got.
    pub undelivered: Undelivered,
}

/// An entry as it stands in another database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedEntry {
    /// Its place in the run's journal.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// What else stands in its row.
    pub content: RawContent,
}

/// Entries of a run that a subscription has not delivered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// The names of the subscriptions.
    pub subscriptions: Vec<Text>,
    /// The places of the entries in the run's journal.
    pub entries: Vec<u64>,
}

impl Import {
    /// The entries that are not here yet.
    pub fn news(&self) -> &[ImportedEntry] {
        let known = self.known.map_or(0, |known| known.seq);
        let begin = self.entries.partition_point(|entry| entry.seq <= known);
        &self.entries[begin..]
    }

    /// The last entry.
    pub fn last(&self) -> Option<&ImportedEntry> {
        self.entries.last()
    }

    /// The place of the entry that says that what came before was erased.
    pub fn erased(&self) -> Option<u64> {
        let mut entries = self.entries.iter().rev();
        let found = entries.find(|entry| entry.content.kind == "payloads_erased");
        found.filter(|_| self.row.is_erased).map(|entry| entry.seq)
    }

    /// How many of its requirements wait.
    pub fn open_requirements(&self) -> i64 {
        match self.row.is_erased {
            true => 0,
            false => open_among(&self.requirements),
        }
    }

    /// Checks that what is here is what is known of it, and that it can't be continued. `found` is the run that is here.
    ///
    /// # Errors
    /// [`StoreError::RunExists`].
    pub fn check(&self, found: Option<(&RunRow, JournalEnd)>) -> Result<(), StoreError> {
        let is_known = match (found, self.known) {
            (None, None) => true,
            (Some((row, end)), Some(known)) => end == known && row.holder.is_none() && is_at_rest(row),
            _ => false,
        };
        is_known.then_some(()).ok_or_else(|| StoreError::RunExists {
            run_id: self.row.run_id.clone(),
        })
    }
}

/// Whether a run can't be continued as it stands.
pub(crate) fn is_at_rest(row: &RunRow) -> bool {
    row.is_erased || matches!(row.status, RunStatus::Completed | RunStatus::Moved)
}
