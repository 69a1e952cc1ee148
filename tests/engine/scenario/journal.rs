//! A journal as a store keeps it: numbered, chained, appended to in batches that are on disk as a whole or not at all.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{Chain, Content, Entry, Format, Hash, Link, Record, Salt, Sealing, encode};

/// The rows of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    records: Vec<Record>,
    batch_ends: Vec<usize>,
}

impl Journal {
    /// Appends one batch.
    pub(crate) fn append(&mut self, entries: Vec<Entry>, outsider: bool, at: Timestamp) {
        if entries.is_empty() {
            return;
        }
        for entry in entries {
            let record = self.next_record(entry, outsider, at);
            self.records.push(record);
        }
        self.batch_ends.push(self.records.len());
    }

    fn next_record(&self, entry: Entry, outsider: bool, at: Timestamp) -> Record {
        let seq = self.records.len() as u64 + 1;
        let sealing = Sealing::new(&entry, &encode(&entry).unwrap(), salt(seq));
        let link = Link {
            seq,
            at,
            outsider,
            kind: entry.kind(),
            content: Content::Seal(&sealing.seal(&entry)),
        };
        let hash = chain().next(&self.last_hash(&entry), &link);
        Record {
            seq,
            at,
            outsider,
            entry,
            hash,
        }
    }

    fn last_hash(&self, entry: &Entry) -> Hash {
        match (self.records.last(), entry) {
            (Some(last), _) => last.hash,
            (None, Entry::RunStarted(started)) => chain().genesis(&started.run_id),
            (None, _) => panic!("a journal begins with run_started"),
        }
    }

    /// All rows.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// What a process that died after each batch leaves behind, shortest first.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = Self> {
        (1..=self.batch_ends.len()).map(|batches| Self {
            records: self.records[..self.batch_ends[batches - 1]].to_vec(),
            batch_ends: self.batch_ends[..batches].to_vec(),
        })
    }
}

fn chain() -> Chain {
    Chain::new(Format::Second, None)
}

/// The salt of the entry at a place: the same whenever a story is told.
pub(crate) fn salt(seq: u64) -> Salt {
    u128::from(seq).to_be_bytes()
}
