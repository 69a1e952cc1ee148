//! Runs as they stand in a store, be they readable or not: what an examination starts from.

use super::rules::{is_final, read_format};
use super::{RunRow, StoreError};
use crate::journal::{
    Attribution, AuditKey, Chain, Entry, Format, RequirementDecided, RequirementOpened, StoredRow, Terms,
};
use crate::requirement::RememberScope;
use crate::{Text, Timestamp};

/// A value, or what keeps it from being read.
pub type Readable<T> = Result<T, String>;

/// A run's rows, none of which was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRun {
    /// The run's own row.
    pub row: Readable<RunRow>,
    /// The rows of its journal, in order.
    pub entries: Vec<RawEntry>,
    /// The rows of its requirements, in order.
    pub requirements: Vec<Readable<RawRequirement>>,
    /// How many of them the run's row says are open.
    pub open_requirements: i64,
    /// With how many open requirements the run's row says that the run goes on.
    pub goes_on_with: i64,
    /// The key that the store was opened with.
    pub key: Option<AuditKey>,
}

/// A row of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEntry {
    /// Position in the run's journal.
    pub seq: u64,
    /// What else stands in it.
    pub content: Readable<RawContent>,
}

/// What a row of a journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawContent {
    /// How many entries drivers have appended, up to this one.
    pub driver_entries: i64,
    /// 1 where somebody appended it who does not drive the run, else 0.
    pub outsider: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The entry's kind.
    pub kind: String,
    /// The entry's payload.
    pub payload: Option<String>,
    /// The chain's hash.
    pub hash: Vec<u8>,
    /// What the commitment is salted with.
    pub salt: Option<Vec<u8>>,
    /// The commitment to the payload.
    pub commitment: Option<Vec<u8>>,
    /// The features that reading the journal requires from this entry on, a JSON list.
    pub requires: Option<String>,
    /// What was done, where somebody decided.
    pub action: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// The requirement that it is about.
    pub requirement_id: Option<String>,
    /// What lists show in place of a large payload.
    pub outline: Option<String>,
}

impl RawContent {
    /// The row at a place, of which somebody appended it who drives the run, or does not.
    #[must_use]
    pub fn stored(&self, seq: u64, outsider: bool) -> StoredRow<'_> {
        StoredRow {
            seq,
            at: self.at,
            outsider,
            kind: &self.kind,
            payload: self.payload.as_deref(),
            salt: self.salt.as_deref(),
            commitment: self.commitment.as_deref(),
            requires: self.requires.as_deref(),
            attribution: self.attribution(),
        }
    }

    /// What it says of who did what.
    #[must_use]
    pub fn attribution(&self) -> Attribution<'_> {
        Attribution {
            action: self.action.as_deref(),
            actor: self.actor.as_deref(),
            requirement_id: self.requirement_id.as_deref(),
        }
    }
}

/// A row of the index over requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRequirement {
    /// The requirement.
    pub requirement_id: Text,
    /// Its kind.
    pub kind: Text,
    /// The entry that opened it.
    pub opened: u64,
    /// The entry that closed it.
    pub decided: Option<u64>,
    /// How long it waits, and for how many people.
    pub terms: Terms,
    /// The entries of those who confirmed, where several people must.
    pub approvals: Vec<u64>,
    /// What makes its approval answer later calls.
    pub memory: Option<RawMemory>,
    /// What stands for the event that ends it.
    pub topic: Option<Vec<u8>>,
}

/// What a row of the index says of an approval that answers later calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMemory {
    /// The session whose runs it is remembered for; `None` where it is for its own run.
    pub session_id: Option<Text>,
    /// Which calls it answers: those of this key.
    pub key: Text,
    /// The entry that revoked it.
    pub revoked: Option<u64>,
}

impl RawMemory {
    fn of(decided: &RequirementDecided, session_id: Option<&Text>) -> Option<Self> {
        let scope = decided.decision.remember()?.scope;
        Some(Self {
            session_id: session_id.filter(|_| scope == RememberScope::Session).cloned(),
            key: decided.memory_key.clone()?,
            revoked: None,
        })
    }
}

impl RawRequirement {
    fn opened(opened: &RequirementOpened, seq: u64) -> Self {
        Self {
            requirement_id: opened.requirement_id.clone(),
            kind: opened.kind.as_str().into(),
            opened: seq,
            decided: None,
            terms: opened.terms,
            approvals: Vec::new(),
            memory: None,
            topic: opened.event.as_ref().map(|event| event.topic().to_vec()),
        }
    }

    fn note(&mut self, decided: &RequirementDecided, seq: u64, session_id: Option<&Text>) {
        if !is_final(&self.terms, decided) {
            self.approvals.push(seq);
            if self.approvals.len() < self.terms.approvals as usize {
                return;
            }
        }
        self.decided = Some(seq);
        self.memory = RawMemory::of(decided, session_id);
    }

    fn note_revoked(&mut self, seq: u64) {
        if let Some(memory) = &mut self.memory {
            memory.revoked.get_or_insert(seq);
        }
    }
}

/// The rows that the index has for a journal with these entries, which begin at place 1.
pub(crate) fn index_of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<RawRequirement> {
    let mut rows: Vec<RawRequirement> = Vec::new();
    let mut session_id = None;
    for (seq, entry) in (1..).zip(entries) {
        match entry {
            Entry::RunStarted(started) => session_id = started.session_id.as_ref(),
            Entry::RequirementOpened(opened) => rows.push(RawRequirement::opened(opened, seq)),
            Entry::RequirementDecided(decided) => {
                if let Some(row) = named(&mut rows, &decided.requirement_id) {
                    row.note(decided, seq, session_id);
                }
            }
            Entry::ApprovalRevoked(revoked) => {
                if let Some(row) = named(&mut rows, &revoked.requirement_id) {
                    row.note_revoked(seq);
                }
            }
            Entry::RequirementExpired(expired) => {
                if let Some(row) = named(&mut rows, &expired.requirement_id) {
                    row.decided = Some(seq);
                }
            }
            _ => {}
        }
    }
    rows
}

/// How many requirements wait, by these rows.
pub(crate) fn open_among(rows: &[RawRequirement]) -> i64 {
    rows.iter().filter(|row| row.decided.is_none()).map(|_| 1).sum()
}

fn named<'a>(rows: &'a mut [RawRequirement], requirement_id: &str) -> Option<&'a mut RawRequirement> {
    rows.iter_mut().find(|row| &*row.requirement_id == requirement_id)
}

/// How the rows of a run are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The format.
    pub format: Format,
    /// What the hashes are checked with. `None`: the chain is keyed, and its key is not at hand.
    pub chain: Option<Chain>,
}

impl Reading {
    /// # Errors
    /// [`StoreError::UnsupportedJournal`] where the format came later.
    pub fn of(row: &RunRow, key: Option<&AuditKey>) -> Result<Self, StoreError> {
        let format = read_format(&row.run_id, row.format)?;
        let chain = match (&row.audit_key_id, key) {
            (None, _) => Some(Chain::new(format, None)),
            (Some(id), Some(key)) if id == key.id() => Some(Chain::new(format, Some(key))),
            (Some(_), _) => None,
        };
        Ok(Self { format, chain })
    }
}
