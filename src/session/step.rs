//! What an input led to, and how to wait a moment for the part of it that is not on disk yet.

use std::fmt;

use crate::run::Effect;

use super::commit_gate::Gate;

/// What an input led to.
#[derive(Debug)]
pub struct Handed {
    /// Effects that may be performed now, among them those whose entries are on disk already.
    pub now: Vec<Effect>,
    /// [`super::Deliver`] is going to be called with more.
    pub later: Option<Later>,
}

/// Effects that wait for the disk.
#[derive(Default)]
pub struct Later {
    /// Where it pays to spin for them.
    near: Option<Gate>,
}

impl Handed {
    pub(super) fn at_once(now: Vec<Effect>) -> Self {
        Self { now, later: None }
    }

    /// Whether [`Handed::spin`] is likely to get what is handed out later, instead of [`super::Deliver`].
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.later.as_ref().is_some_and(|later| later.near.is_some())
    }

    /// Spins for what is handed out later, for a quarter of a millisecond at most. What is there by then is handed out now; what is
    /// not, later. To be called, if at all, with no lock held that another thread needs.
    #[must_use]
    pub fn spin(mut self) -> Self {
        let near = self.later.as_mut().and_then(|later| later.near.take());
        if let Some(effects) = near.and_then(|gate| gate.spin()) {
            self.now.extend(effects);
            self.later = None;
        }
        self
    }
}

impl Later {
    pub(super) fn new(gate: Gate, is_near: bool) -> Self {
        Self {
            near: is_near.then_some(gate),
        }
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Later")
            .field("is_near", &self.near.is_some())
            .finish()
    }
}
