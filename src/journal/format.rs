//! The formats of journals: what a run's row says, and what the hashes of its entries are computed from.

/// The version of the journal format that this release writes, kept in each run's row and first entry.
pub const FORMAT: u32 = Format::Second as u32;

/// A format that this release reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Hashes cover the payload itself. Such runs can be read and verified, and nothing is written to them.
    First = 1,
    /// Hashes cover a salted commitment to the payload, so that the payload can go and the chain still fits.
    Second = 2,
}

impl Format {
    /// The format of that number; `None` for one that this release does not know.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        [Self::First, Self::Second]
            .into_iter()
            .find(|format| *format as u32 == number)
    }

    /// The text that a chain of this format begins with.
    pub(super) fn genesis(self) -> &'static [u8] {
        match self {
            Self::First => b"haltpoint journal 1\0",
            Self::Second => b"haltpoint journal 2\0",
        }
    }
}
