//! Where the salts of journals come from. Runs are pure and draw no random numbers: the stores do, where entries are appended.

use std::cell::RefCell;

use super::StoreError;
use super::rules::unusable;
use crate::journal::{SALT_LENGTH, Salt};

/// How many salts are drawn at once: asking the operating system for each would cost more than all the hashing.
const DRAWN: usize = 64;

/// Which salts a store uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaltSource {
    /// Random ones from the operating system.
    #[default]
    Random,
    /// For tests: 1, 2, 3, ... as big-endian numbers. Whoever knows them can find a short payload that was erased by trying.
    Counting,
}

/// Hands out salts, each once.
#[derive(Debug)]
pub struct Salts(RefCell<State>);

#[derive(Debug)]
struct State {
    source: SaltSource,
    count: u128,
    drawn: Vec<Salt>,
}

impl Salts {
    /// From that source.
    #[must_use]
    pub fn new(source: SaltSource) -> Self {
        Self(RefCell::new(State {
            source,
            count: 0,
            drawn: Vec::new(),
        }))
    }

    /// The next salt.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn next(&self) -> Result<Salt, StoreError> {
        let mut state = self.0.borrow_mut();
        if state.source == SaltSource::Counting {
            state.count += 1;
            return Ok(state.count.to_be_bytes());
        }
        if state.drawn.is_empty() {
            state.drawn = draw()?;
        }
        Ok(state.drawn.pop().unwrap_or_default())
    }
}

fn draw() -> Result<Vec<Salt>, StoreError> {
    let mut bytes = [0; DRAWN * SALT_LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        unusable(format!(
            "the operating system has no random numbers ({error}); nothing was written"
        ))
    })?;
    let (salts, _) = bytes.as_chunks::<SALT_LENGTH>();
    Ok(salts.to_vec())
}
