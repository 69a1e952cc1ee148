//! A run in memory.

use crate::journal::{Attribution, AuditKey, Chain, Content, Entry, FORMAT, JournalEnd, Link, Record, Salt, Sealing};
use crate::requirement::RememberScope;
use crate::store::raw::{RawContent, RawEntry};
use crate::store::rules::{self, RequirementState, Requirements, RunState};
use crate::store::salts::Salts;
use crate::store::{NewRun, RunRow, RunStatus, StoreError, StoredRun};
use crate::{Text, Timestamp};

/// A run with its journal.
pub(super) struct MemoryRun {
    pub(super) row: RunRow,
    pub(super) held_since: Timestamp,
    pub(super) chain: Chain,
    pub(super) records: Vec<Record>,
    /// The salts of the records.
    salts: Vec<Salt>,
    /// What is left of the records where they were erased.
    left: Vec<RawEntry>,
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
            format: FORMAT,
            is_erased: false,
            audit_key_id: key.map(|key| key.id().clone()),
        };
        Self {
            row,
            held_since: new.at,
            chain: rules::chain_to_begin(key),
            records: Vec::new(),
            salts: Vec::new(),
            left: Vec::new(),
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
    pub(super) fn stored(&self, known: Option<JournalEnd>) -> Result<StoredRun, StoreError> {
        rules::check_not_erased(&self.row)?;
        let known = known.map_or(0, |known| known.seq);
        let records = self.records.iter().filter(|record| record.seq > known);
        Ok(StoredRun {
            row: self.row.clone(),
            records: records.cloned().collect(),
        })
    }

    /// Appends the entries, and returns the place of the last.
    pub(super) fn extend(
        &mut self,
        entries: &[&Entry],
        at: Timestamp,
        outsider: bool,
        salts: &Salts,
    ) -> Result<u64, StoreError> {
        let sealings = entries
            .iter()
            .map(|entry| {
                let payload = rules::encode(entry)?;
                Ok(Sealing::new(entry, &payload, salts.next()?))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        for (entry, sealing) in entries.iter().zip(sealings) {
            let genesis = || self.chain.genesis(&self.row.run_id);
            let previous = self.records.last().map_or_else(genesis, |record| record.hash);
            let seal = sealing.seal(entry);
            let link = Link {
                seq: self.records.len() as u64 + 1,
                at,
                outsider,
                kind: entry.kind(),
                content: Content::Seal(&seal),
            };
            let hash = self.chain.next(&previous, &link);
            self.requirements.note(entry, at);
            self.driver_entries += u64::from(!outsider);
            self.salts.push(sealing.salt);
            self.records.push(Record {
                seq: link.seq,
                at,
                outsider,
                entry: (*entry).clone(),
                hash,
            });
        }
        Ok(self.records.len() as u64)
    }

    /// Erases what the entries say, and notes that.
    pub(super) fn erase(&mut self, erased: &Entry, at: Timestamp, salts: &Salts) -> Result<(), StoreError> {
        self.extend(&[erased], at, true, salts)?;
        let mut left = self.raw_entries()?;
        let last = left.len() - 1;
        for content in left[..last].iter_mut().filter_map(|entry| entry.content.as_mut().ok()) {
            (content.payload, content.salt) = (None, None);
        }
        self.left = left;
        self.row.is_erased = true;
        self.requirements = Requirements::default();
        self.records.clear();
        self.salts.clear();
        Ok(())
    }

    pub(super) fn raw_entries(&self) -> Result<Vec<RawEntry>, StoreError> {
        if self.row.is_erased {
            return Ok(self.left.clone());
        }
        let mut driver_entries = 0;
        let raw = |(record, salt): (&Record, &Salt)| {
            driver_entries += i64::from(!record.outsider);
            Ok(RawEntry {
                seq: record.seq,
                content: Ok(raw_content(record, *salt, driver_entries)?),
            })
        };
        self.records.iter().zip(&self.salts).map(raw).collect()
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

fn raw_content(record: &Record, salt: Salt, driver_entries: i64) -> Result<RawContent, StoreError> {
    let payload = rules::encode(&record.entry)?;
    let attribution = Attribution::of(&record.entry);
    let sealing = Sealing::new(&record.entry, &payload, salt);
    Ok(RawContent {
        driver_entries,
        outsider: i64::from(record.outsider),
        at: record.at,
        kind: record.entry.kind().to_owned(),
        commitment: Some(sealing.commitment.to_vec()),
        salt: Some(salt.to_vec()),
        payload: Some(payload),
        hash: record.hash.to_vec(),
        requires: sealing.requires,
        action: attribution.action.map(str::to_owned),
        actor: attribution.actor.map(str::to_owned),
        requirement_id: attribution.requirement_id.map(str::to_owned),
        outline: None,
    })
}
