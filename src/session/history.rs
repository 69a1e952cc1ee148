//! What a run's model sees before the run's own messages: its instructions and the session's earlier completed runs.

use std::sync::Arc;

use crate::Text;
use crate::journal::RunStarted;
use crate::message::{Message, Role};
use crate::run::Run;
use crate::store::{Store, StoreError};

use super::EngineError;

/// The messages of earlier runs. The journal keeps the runs' ids only, so a long session does not grow every run's journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The runs, oldest first.
    pub runs: Vec<Text>,
    /// Others, which are left out because they were erased.
    pub erased: Vec<Text>,
    messages: Vec<Message>,
}

impl Memory {
    /// Loads the messages of these runs. A run that is gone or erased is left out.
    ///
    /// # Errors
    /// What the store ran into, or a journal that cannot be read.
    pub fn load(store: &mut dyn Store, runs: Vec<Text>) -> Result<Self, EngineError> {
        let mut memory = Self::default();
        for run_id in runs {
            match store.load(&run_id) {
                Ok(stored) => {
                    memory
                        .messages
                        .extend_from_slice(Run::replay(&stored.records)?.messages());
                    memory.runs.push(run_id);
                }
                Err(StoreError::RunErased { .. }) => memory.erased.push(run_id),
                Err(StoreError::RunNotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(memory)
    }

    /// Instructions first, then what is remembered.
    pub(super) fn before(&self, started: &RunStarted) -> Arc<[Message]> {
        let system = started
            .system_prompt
            .iter()
            .map(|prompt| Message::text(Role::System, prompt.clone()));
        system.chain(self.messages.iter().cloned()).collect()
    }
}

/// What a new run of that session remembers: all its completed runs.
///
/// # Errors
/// What the store ran into, or a journal that cannot be read.
pub fn recall(store: &mut dyn Store, session_id: &str) -> Result<Memory, EngineError> {
    let runs = store.completed_runs(session_id)?.into_iter().map(Text::from).collect();
    Memory::load(store, runs)
}
