//! Signals: what happens outside, kept until a run that waits for it takes it. Each goes to one wait.

use sha2::{Digest, Sha256};

use super::rules::unusable;
use super::{Append, Author, StoreError};
use crate::journal::{Entry, Event, Hash, LONGEST_NAME, RequirementDecided, is_fit_name};
use crate::requirement::Decision;
use crate::{Json, Text, Timestamp};

/// The most that the payload of a signal takes as JSON, in bytes.
pub const LARGEST_PAYLOAD: usize = 1024 * 1024;

/// For how long a signal is kept that nobody takes, and for how long one that was taken is known by its id, in microseconds.
pub const KEPT_FOR: i64 = 30 * 86_400 * 1_000_000;

/// How many old signals go with each new one.
pub const FORGOTTEN_AT_ONCE: u32 = 100;

/// A signal that comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSignal {
    /// Its id: the same one twice is one signal.
    pub id: Text,
    /// What has happened.
    pub event: Event,
    /// What is to be said of it.
    pub payload: Json,
    /// Who says so, as far as they do.
    pub by: Option<Text>,
    /// When it came.
    pub at: Timestamp,
}

/// What became of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signalled {
    /// The run that has taken it; `None`: it is kept, or the run was removed since.
    pub run_id: Option<Text>,
    /// Whether a run has taken it.
    pub is_taken: bool,
    /// Whether it came now; else it was there before.
    pub is_new: bool,
}

/// A signal that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSignal {
    /// Its place among all.
    pub place: i64,
    /// The signal, with the time when it came.
    pub signal: NewSignal,
}

/// Which kept signals to list, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalFilter {
    /// Of this event's name only.
    pub name: Option<Text>,
    /// With this key only.
    pub key: Option<Text>,
    /// That came later than this only.
    pub after: Timestamp,
    /// Behind this place only.
    pub behind: i64,
    /// At most so many.
    pub limit: u32,
}

impl NewSignal {
    /// Refuses what could not be kept, or not be read back.
    ///
    /// # Errors
    /// [`StoreError::Unusable`].
    pub fn check(&self) -> Result<(), StoreError> {
        let key = self.event.key.as_ref();
        let names = [
            ("the id", Some(&self.id)),
            ("the name", Some(&self.event.name)),
            ("the key", key),
        ];
        let names = names.into_iter().chain([("the name of the sender", self.by.as_ref())]);
        for (what, name) in names.filter_map(|(what, name)| Some((what, name?))) {
            if name.trim().is_empty() || !is_fit_name(name) {
                return Err(unusable(format!(
                    "{what} of a signal must not be blank, hold the character U+0000 or take more than {LONGEST_NAME} bytes; nothing was \
                     written"
                )));
            }
        }
        let size = self.payload.get().len();
        if size > LARGEST_PAYLOAD {
            return Err(unusable(format!(
                "the payload of a signal takes {size} bytes as JSON, and {LARGEST_PAYLOAD} are allowed; nothing was written"
            )));
        }
        super::rules::encode(&self.entry("")).map(drop)
    }

    /// What a later signal of this id is compared with.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let digest = Sha256::new().chain_update(self.event.topic());
        digest.chain_update(self.payload.canonical()).finalize().into()
    }

    /// Refuses a signal of an id that another one has. The digest of one whose run was erased is gone.
    ///
    /// # Errors
    /// [`StoreError::OtherSignal`].
    pub fn check_same(&self, known: Option<&[u8]>) -> Result<(), StoreError> {
        match known {
            Some(known) if known != self.digest() => Err(StoreError::OtherSignal { id: self.id.clone() }),
            _ => Ok(()),
        }
    }

    /// The entry by which it ends a wait.
    fn entry(&self, requirement_id: &str) -> Entry {
        Entry::RequirementDecided(RequirementDecided {
            requirement_id: requirement_id.into(),
            decision: Decision::Signal {
                signal_id: self.id.clone(),
                event: self.event.clone(),
                payload: self.payload.clone(),
            },
            by: self.by.clone(),
            memory_key: None,
            remembered: None,
        })
    }

    /// What is written where it ends a wait then.
    #[must_use]
    pub fn delivery(&self, run_id: Text, requirement_id: &str, at: Timestamp) -> Append {
        Append {
            run_id,
            author: Author::External,
            at,
            entries: vec![self.entry(requirement_id)],
            finish: None,
        }
    }
}

/// From when on signals are kept, at that time.
#[must_use]
pub fn kept_since(now: Timestamp) -> Timestamp {
    now.plus_micros(-KEPT_FOR)
}

/// Whether waits of the run may begin with this append that a kept signal ends: those that it opens, and those that stand where the run
/// goes on.
#[must_use]
pub fn may_take(append: &Append) -> bool {
    let begins = |entry: &Entry| match entry {
        Entry::RequirementOpened(opened) => opened.event.is_some(),
        Entry::RunContinued(_) | Entry::RunArrived(_) => true,
        _ => false,
    };
    append.author != Author::External && append.entries.iter().any(begins)
}
