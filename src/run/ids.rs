//! Identifiers that every process computes alike.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Text;
use crate::requirement::RequirementKind;

/// The id of a call's requirement: the same whoever computes it, so that replaying a run never invents a second one.
///
/// `round` counts the requirements that the call had before.
#[must_use]
pub fn requirement_id(run_id: &str, call_id: &str, kind: RequirementKind, round: usize) -> Text {
    computed_id(&["requirement", run_id, call_id, kind.as_str(), &round.to_string()])
}

/// The id of the run that an agent starts under a key: the same whoever computes it, so that a second start finds the first.
#[must_use]
pub fn keyed_run_id(agent_name: &str, key: &str) -> Text {
    computed_id(&["run", agent_name, key])
}

/// The key that a tool hands to the service it calls, so that a repeated call is recognised there.
///
/// A function of the run and the call only: stable across retries, continuations, crashes and processes.
#[must_use]
pub fn idempotency_key(run_id: &str, call_id: &str) -> String {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest(&["idempotency", run_id, call_id])[..16]);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn computed_id(parts: &[&str]) -> Text {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest(parts)[..16]);
    Uuid::new_v8(bytes).to_string().into()
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}
