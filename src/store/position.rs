//! Where somebody is in a store's change feed.

use std::fmt;

use super::ExternalRecord;

/// A place in a store's change feed. What it is made of only the store knows that gave it out; for all others, two of them are equal or
/// not, and where they are not, somebody has committed in between.
///
/// The default is the place before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position([u64; 2]);

impl Position {
    /// A place, of a store that keeps such numbers.
    #[must_use]
    pub const fn new(first: u64, second: u64) -> Self {
        Self([first, second])
    }

    /// The numbers that it was made of.
    #[must_use]
    pub const fn numbers(self) -> [u64; 2] {
        self.0
    }

    /// One number that differs where the positions do.
    #[must_use]
    pub fn as_number(self) -> u128 {
        let [first, second] = self.0.map(u128::from);
        (first << u64::BITS) | second
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0;
        write!(formatter, "{first}.{second}")
    }
}

/// What was committed behind a position.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// The records that outsiders appended; those of one run in the order of its journal.
    pub records: Vec<ExternalRecord>,
    /// Where to go on. It differs from the position that was asked about where anything was committed.
    pub end: Position,
}
