//! What a journal keeps of approvals that answer later calls, too.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hexadecimal;
use super::replies::PlannedCall;
use crate::Text;

/// The earlier approval that answers a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The requirement that was confirmed.
    pub requirement_id: Text,
    /// Its run.
    pub run_id: Text,
    /// Who confirmed it, as far as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
}

/// An approval answers no further calls from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRevoked {
    /// The requirement that was confirmed.
    pub requirement_id: Text,
    /// Who revoked it, as far as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text>,
}

/// What an approval of this call answers later: calls that have the same key. Of a tool that changed since, none has; so it is with
/// a tool that the journal does not know.
#[must_use]
pub fn memory_key(call: &PlannedCall, with_arguments: bool) -> Option<Text> {
    let tool = call.tool.as_ref()?;
    let args = with_arguments.then(|| call.shown_args().canonical());
    let mut hasher = Sha256::new();
    for part in [&*call.name, &tool.module, &tool.digest]
        .into_iter()
        .chain(args.as_deref())
    {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    Some(hexadecimal(&hasher.finalize()).into())
}
