//! A run in memory.

use crate::journal::{AuditKey, Chain, Entry, JournalEnd, Record};
use crate::requirement::RememberScope;
use crate::store::raw::{RawContent, RawEntry};
use crate::store::rules::{self, RequirementState, Requirements, RunState};
use crate::store::{NewRun, RunRow, RunStatus, StoreError, StoredRun};
use crate::{Text, Timestamp};

/// A run with its journal.
pub(super) struct MemoryRun {
    pub(super) row: RunRow,
    pub(super) held_since: Timestamp,
    pub(super) chain: Chain,
    pub(super) records: Vec<Record>,
    pub(super) driver_entries: u64,
    pub(super) requirements: Requirements,
}

impl MemoryRun {
    pub(super) fn new(new: &NewRun, key: Option<&AuditKey>) -> Self {
        let row = RunRow {
            run_id: new.run_id.clone(),
            agent_name: new.agent_name.clone(),
            session_id: new.session_id.clone(),
            user_id: new.user_id.clone(),
            status: rules::status_of(new),
            created_at: new.at,
            updated_at: new.at,
            epoch: 1,
            holder: (!new.is_queued()).then(|| new.holder.clone()),
            audit_key_id: key.map(|key| key.id().clone()),
        };
        Self {
            row,
            held_since: new.at,
            chain: Chain::with_key(key),
            records: Vec::new(),
            driver_entries: 0,
            requirements: Requirements::default(),
        }
    }

    pub(super) fn holder_token(&self) -> Option<&Text> {
        self.row.holder.as_ref().map(|holder| &holder.token)
    }

    pub(super) fn state(&self) -> RunState {
        RunState {
            status: self.row.status,
            epoch: self.row.epoch,
            held: self.row.holder.is_some(),
            driver_entries: self.driver_entries,
        }
    }

    pub(super) fn outsider_entries(&self) -> u64 {
        self.records.len() as u64 - self.driver_entries
    }

    /// Whether an outsider asked it to stop, behind a place in its journal.
    pub(super) fn is_cancelled_after(&self, place: u64) -> bool {
        let mut later = self.records.iter().rev().take_while(|record| record.seq > place);
        later.any(|record| record.outsider && matches!(record.entry, Entry::CancelRequested(_)))
    }

    /// Whether a worker can go on with it.
    pub(super) fn is_due(&self) -> bool {
        match self.row.status {
            RunStatus::Queued | RunStatus::Running => true,
            RunStatus::Paused => self.requirements.are_all_closed(),
            RunStatus::Completed | RunStatus::Cancelled | RunStatus::Error => false,
        }
    }

    /// The run with its journal behind what is known of it.
    pub(super) fn stored(&self, known: Option<JournalEnd>) -> StoredRun {
        let known = known.map_or(0, |known| known.seq);
        let records = self.records.iter().filter(|record| record.seq > known);
        StoredRun {
            row: self.row.clone(),
            records: records.cloned().collect(),
        }
    }

    /// Appends the entries, and returns the place of the last.
    pub(super) fn extend(&mut self, entries: &[&Entry], at: Timestamp, outsider: bool) -> Result<u64, StoreError> {
        let payloads = entries
            .iter()
            .map(|entry| rules::encode(entry))
            .collect::<Result<Vec<_>, _>>()?;
        for (entry, payload) in entries.iter().zip(payloads) {
            let genesis = || self.chain.genesis(&self.row.run_id);
            let previous = self.records.last().map_or_else(genesis, |record| record.hash);
            let seq = self.records.len() as u64 + 1;
            let hash = self.chain.next(&previous, seq, at, outsider, entry.kind(), &payload);
            self.requirements.note(entry, at);
            self.driver_entries += u64::from(!outsider);
            self.records.push(Record {
                seq,
                at,
                outsider,
                entry: (*entry).clone(),
                hash,
            });
        }
        Ok(self.records.len() as u64)
    }

    pub(super) fn raw_entries(&self) -> Result<Vec<RawEntry>, StoreError> {
        let mut driver_entries = 0;
        let raw = |record: &Record| {
            driver_entries += i64::from(!record.outsider);
            let content = RawContent {
                driver_entries,
                outsider: i64::from(record.outsider),
                at: record.at,
                kind: record.entry.kind().to_owned(),
                payload: rules::encode(&record.entry)?,
                hash: record.hash.to_vec(),
                outline: None,
            };
            let content = Ok(content);
            Ok(RawEntry {
                seq: record.seq,
                content,
            })
        };
        self.records.iter().map(raw).collect()
    }

    /// Where the approval of a requirement is remembered, and which calls it answers: those of this key.
    pub(super) fn standing(&self, requirement_id: &str) -> Option<(RememberScope, &Text)> {
        match self.requirements.get(requirement_id)? {
            RequirementState::Decided { by, is_revoked, .. } if !is_revoked => {
                Some((by.decision.remember()?.scope, by.memory_key.as_ref()?))
            }
            _ => None,
        }
    }
}
