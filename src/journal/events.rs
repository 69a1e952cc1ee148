//! What happens outside, and what a wait is for that it ends.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Hash;
use crate::Text;

/// What a signal says has happened, and what a wait may be for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// What, as in `payment.settled`.
    pub name: Text,
    /// To which of several, as in the number of an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Text>,
}

impl Event {
    /// A digest of name and key, of one length: stores find waits and signals by it.
    #[must_use]
    pub fn topic(&self) -> Hash {
        let name = Sha256::digest(self.name.as_bytes());
        let key = self.key.as_ref().map(|key| Sha256::digest(key.as_bytes()));
        let digest = Sha256::new().chain_update(name);
        key.iter()
            .fold(digest, |digest, key| digest.chain_update(key))
            .finalize()
            .into()
    }
}
