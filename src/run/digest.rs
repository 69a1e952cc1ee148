//! What a person decides on, as one short text.

use sha2::{Digest, Sha256};

use crate::Json;
use crate::journal::hexadecimal;
use crate::requirement::Decision;

use super::requirement::Requirement;
use super::state::Run;

impl Run {
    /// SHA-256, in hexadecimal digits, of what confirming would run now: the run, the requirement, the tool with the digest of its
    /// parameters, and the arguments. Of a call that several people must confirm these are the arguments that the first of them
    /// approved.
    #[must_use]
    pub fn digest_of(&self, requirement: &Requirement) -> String {
        let call = &self.calls[requirement.call];
        let tool = call.plan.tool.as_ref();
        let first = requirement.approvals.first().map(|approval| &approval.decision);
        let given = first
            .and_then(Decision::changed_args)
            .unwrap_or_else(|| call.plan.given_args());
        let shown = first
            .and_then(Decision::changed_args_shown)
            .unwrap_or_else(|| call.plan.shown_args());
        let parts = [
            "haltpoint requirement",
            self.run_id(),
            &requirement.id,
            requirement.kind.as_str(),
            &call.plan.id,
            &call.plan.name,
            tool.map_or("", |tool| &tool.module),
            tool.map_or("", |tool| &tool.digest),
            given.get(),
            shown.get(),
            call.plan.fields.as_ref().map_or("", Json::get),
        ];
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hexadecimal(&hasher.finalize())
    }
}
