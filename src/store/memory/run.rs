//! A run in memory.

use crate::journal::{
    Attribution, AuditKey, Chain, Content, Entry, FORMAT, Hash, JournalEnd, Link, Record, RowFault, Salt, Sealing,
    decode,
};
use crate::requirement::RememberScope;
use crate::store::raw::{RawContent, RawEntry};
use crate::store::rules::{self, RequirementState, Requirements, RunState};
use crate::store::salts::Salts;
use crate::store::{Import, ImportedEntry, NewRun, RunRow, RunStatus, StoreError, StoredRun};
use crate::{Text, Timestamp};

/// A run with its journal.
pub(super) struct MemoryRun {
    pub(super) row: RunRow,
    pub(super) held_since: Timestamp,
    pub(super) chain: Chain,
    pub(super) records: Vec<Record>,
    /// The salts of the records.
    salts: Vec<Salt>,
    /// Rows as they came, or as they were left: of an erased run those before its records, of an imported one those of its first records.
    kept: Vec<RawEntry>,
    pub(super) driver_entries: u64,
    pub(super) requirements: Requirements,
    /// With how many open requirements it goes on, while it is paused.
    pub(super) goes_on_with: u64,
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
            not_before: rules::not_before_of(new.entries.iter()),
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
            kept: Vec::new(),
            driver_entries: 0,
            requirements: Requirements::default(),
            goes_on_with: 0,
        }
    }

    /// A run of another database.
    pub(super) fn imported(import: &Import, key: Option<&AuditKey>) -> Result<Self, StoreError> {
        let row = &import.row;
        let chain = rules::chain_to_write(&row.run_id, row.format, row.audit_key_id.as_ref(), key)?;
        let mut run = Self {
            row: row.clone(),
            held_since: row.updated_at,
            chain,
            records: Vec::new(),
            salts: Vec::new(),
            kept: Vec::with_capacity(import.entries.len()),
            driver_entries: 0,
            requirements: Requirements::default(),
            goes_on_with: import.goes_on_with,
        };
        for entry in &import.entries {
            run.keep(entry)?;
        }
        Ok(run)
    }

    fn keep(&mut self, entry: &ImportedEntry) -> Result<(), StoreError> {
        let ImportedEntry { seq, hash, content } = entry;
        self.driver_entries = content.driver_entries.unsigned_abs();
        self.kept.push(RawEntry {
            seq: *seq,
            content: Ok(content.clone()),
        });
        if self.row.is_erased {
            return Ok(());
        }
        let unreadable = || rules::misfit(&self.row.run_id, *seq, RowFault::Missing);
        let payload = content.payload.as_deref().ok_or_else(unreadable)?;
        let salt = content.salt.as_deref().and_then(|salt| Salt::try_from(salt).ok());
        let decoded = decode(&content.kind, payload).map_err(|_| unreadable())?;
        self.salts.push(salt.ok_or_else(unreadable)?);
        self.requirements.note(&decoded, content.at);
        self.records.push(Record {
            seq: *seq,
            at: content.at,
            outsider: content.outsider != 0,
            entry: decoded,
            hash: *hash,
        });
        Ok(())
    }

    /// Where the journal ends.
    pub(super) fn end(&self) -> JournalEnd {
        let last_kept = || self.kept.last().and_then(|entry| entry.content.as_ref().ok());
        let kept = || last_kept().and_then(|content| Hash::try_from(content.hash.as_slice()).ok());
        let hash = self.records.last().map(|record| record.hash).or_else(kept);
        JournalEnd {
            seq: self.length(),
            hash: hash.unwrap_or_else(|| self.chain.genesis(&self.row.run_id)),
        }
    }

    fn length(&self) -> u64 {
        let erased = if self.row.is_erased { self.kept.len() } else { 0 };
        (erased + self.records.len()) as u64
    }

    /// What the last entry says of where the run went.
    pub(super) fn moved_payload(&self) -> Option<String> {
        let is_move = |record: &&Record| matches!(record.entry, Entry::RunMoved(_));
        let moved = self.records.iter().rev().find(is_move)?;
        rules::encode(&moved.entry).ok()
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
        self.length().saturating_sub(self.driver_entries)
    }

    /// Whether an outsider asked it to stop, behind a place in its journal.
    pub(super) fn is_cancelled_after(&self, place: u64) -> bool {
        let mut later = self.records.iter().rev().take_while(|record| record.seq > place);
        later.any(|record| record.outsider && matches!(record.entry, Entry::CancelRequested(_)))
    }

    /// Whether a worker can go on with it by then.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        match self.row.status {
            RunStatus::Running => true,
            RunStatus::Queued => self.row.not_before.is_none_or(|from| from <= now),
            RunStatus::Paused => self.requirements.open_count() <= self.goes_on_with,
            RunStatus::Completed | RunStatus::Cancelled | RunStatus::Error | RunStatus::Moved => false,
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
            let JournalEnd { seq, hash: previous } = self.end();
            let seal = sealing.seal(entry);
            let link = Link {
                seq: seq + 1,
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
        Ok(self.length())
    }

    /// Erases what the entries say, and notes that.
    pub(super) fn erase(&mut self, erased: &Entry, at: Timestamp, salts: &Salts) -> Result<(), StoreError> {
        self.extend(&[erased], at, true, salts)?;
        let mut left = self.raw_entries()?;
        let last = left.len() - 1;
        for content in left[..last].iter_mut().filter_map(|entry| entry.content.as_mut().ok()) {
            (content.payload, content.salt) = (None, None);
        }
        self.kept = left;
        self.row.is_erased = true;
        self.requirements = Requirements::default();
        self.records.clear();
        self.salts.clear();
        Ok(())
    }

    pub(super) fn raw_entries(&self) -> Result<Vec<RawEntry>, StoreError> {
        let known = if self.row.is_erased { 0 } else { self.kept.len() };
        let last = self.kept.last().and_then(|entry| entry.content.as_ref().ok());
        let mut driver_entries = last.map_or(0, |content| content.driver_entries);
        let raw = |(record, salt): (&Record, &Salt)| {
            driver_entries += i64::from(!record.outsider);
            Ok(RawEntry {
                seq: record.seq,
                content: Ok(raw_content(record, *salt, driver_entries)?),
            })
        };
        let kept = self.kept.iter().cloned().map(Ok);
        kept.chain(self.records.iter().zip(&self.salts).skip(known).map(raw))
            .collect()
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
