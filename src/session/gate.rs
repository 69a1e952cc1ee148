//! Effects that wait for a commit, which may be made before the call that submitted it returns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::run::Effect;
use crate::store::StoreError;

use super::Deliver;

/// What became of a commit, shared by who submitted it and who carries it out.
#[derive(Clone)]
pub(super) struct Gate(Arc<Mutex<State>>);

enum State {
    /// The call that submitted it has not returned.
    Within(Deliver),
    /// It has, so that the effects go by another way.
    After(Deliver),
    /// The commit is on disk, and these effects may be performed.
    Open(Vec<Effect>),
    /// Nothing is left to hand out.
    Done,
}

impl Gate {
    pub(super) fn new(deliver: Deliver) -> Self {
        Self(Arc::new(Mutex::new(State::Within(deliver))))
    }

    /// Takes what the store says of the commit.
    pub(super) fn notify(&self, committed: Result<Vec<Effect>, StoreError>) {
        let mut state = self.lock();
        match (std::mem::replace(&mut *state, State::Done), committed) {
            (State::Within(_), Ok(effects)) => *state = State::Open(effects),
            (State::Within(deliver) | State::After(deliver), committed) => {
                drop(state);
                deliver(committed);
            }
            (State::Open(_) | State::Done, _) => {}
        }
    }

    /// The effects, if the commit is on disk as the call returns; `None`: they are delivered.
    pub(super) fn pass(&self) -> Option<Vec<Effect>> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Done) {
            State::Open(effects) => Some(effects),
            State::Within(deliver) => {
                *state = State::After(deliver);
                None
            }
            State::After(_) | State::Done => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
