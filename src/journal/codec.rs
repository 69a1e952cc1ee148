//! The stored form of entries: a stable kind name and a JSON payload.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Entry;

/// An entry that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The row is of a kind that this release does not know.
    #[error("journal entry of unknown kind {kind:?}: written by a newer haltpoint, or damaged")]
    UnknownKind {
        /// The kind as stored.
        kind: String,
    },
    /// The payload does not fit its kind.
    #[error("journal entry {kind:?} cannot be read: {source}")]
    Payload {
        /// The kind as stored.
        kind: String,
        /// What does not fit.
        source: serde_json::Error,
    },
}

macro_rules! kinds {
    ($($variant:ident => $name:literal),+ $(,)?) => {
        impl Entry {
            /// The names of all kinds, in the order of a run's life.
            pub const KINDS: &'static [&'static str] = &[$($name),+];

            /// The stable name under which the entry is stored.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }
        }

        /// The entry's payload as JSON text.
        ///
        /// # Errors
        /// When a value has no JSON form; entries made by the engine always have one.
        pub fn encode(entry: &Entry) -> Result<String, CodecError> {
            match entry {
                $(Entry::$variant(payload) => write($name, payload, room(entry)),)+
            }
        }

        /// The entry that a stored kind and payload stand for.
        ///
        /// # Errors
        /// When the kind is unknown or the payload does not fit it.
        pub fn decode(kind: &str, payload: &str) -> Result<Entry, CodecError> {
            match kind {
                $($name => read(kind, payload).map(Entry::$variant),)+
                _ => Err(CodecError::UnknownKind { kind: kind.to_owned() }),
            }
        }
    };
}

kinds! {
    RunStarted => "run_started",
    RunQueued => "run_queued",
    RunContinued => "run_continued",
    ModelReplied => "model_replied",
    StepsPlanned => "steps_planned",
    AnswerRefused => "answer_refused",
    ToolStarted => "tool_started",
    ToolFinished => "tool_finished",
    ToolInterrupted => "tool_interrupted",
    ToolReconciled => "tool_reconciled",
    RequirementOpened => "requirement_opened",
    RequirementDecided => "requirement_decided",
    RequirementExpired => "requirement_expired",
    ApprovalRevoked => "approval_revoked",
    RunPaused => "run_paused",
    CancelRequested => "cancel_requested",
    RunCancelled => "run_cancelled",
    RunFailed => "run_failed",
    RunCompleted => "run_completed",
    PayloadsErased => "payloads_erased",
    RunMoved => "run_moved",
    RunArrived => "run_arrived",
}

impl Entry {
    /// The kinds of what happens to runs: all but those that say what became of their journals.
    pub fn kinds_of_runs() -> impl Iterator<Item = &'static str> {
        let of_keeping = ["payloads_erased", "run_moved", "run_arrived"];
        Self::KINDS
            .iter()
            .copied()
            .filter(move |kind| !of_keeping.contains(kind))
    }
}

/// From so many bytes on a text is written into memory of about its size; growing step by step would take up to twice as much.
const LONG: usize = 64 << 10;

/// How much memory an entry's payload is going to take, where that is much.
fn room(entry: &Entry) -> Option<usize> {
    match entry {
        Entry::ToolFinished(finished) => Some(finished.content.len()),
        _ => None,
    }
    .filter(|length| *length >= LONG)
    .map(|length| length + length / 16)
}

fn write<T: Serialize>(kind: &str, payload: &T, room: Option<usize>) -> Result<String, CodecError> {
    let written = match room {
        Some(room) => write_into(payload, Vec::with_capacity(room)),
        None => serde_json::to_string(payload),
    };
    written.map_err(|source| CodecError::Payload {
        kind: kind.to_owned(),
        source,
    })
}

fn write_into<T: Serialize>(payload: &T, mut memory: Vec<u8>) -> serde_json::Result<String> {
    serde_json::to_writer(&mut memory, payload)?;
    String::from_utf8(memory).map_err(serde::ser::Error::custom)
}

fn read<T: DeserializeOwned>(kind: &str, payload: &str) -> Result<T, CodecError> {
    serde_json::from_str(payload).map_err(|source| CodecError::Payload {
        kind: kind.to_owned(),
        source,
    })
}
