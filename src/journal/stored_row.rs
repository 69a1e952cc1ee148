//! A row of a journal as it is stored, in whichever format, and whether it fits.

use crate::Timestamp;

use super::features::unknown_features;
use super::seal::commitment;
use super::{Attribution, Chain, Content, Format, Hash, Link, SALT_LENGTH, Salt, Seal};

/// The columns of a row, none of which was checked.
#[derive(Clone, Copy, Debug)]
pub struct StoredRow<'a> {
    /// Position in the run's journal.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whether somebody appended it who does not drive the run.
    pub outsider: bool,
    /// The entry's kind.
    pub kind: &'a str,
    /// The entry's payload.
    pub payload: Option<&'a str>,
    /// What the commitment is salted with.
    pub salt: Option<&'a [u8]>,
    /// The commitment to the payload.
    pub commitment: Option<&'a [u8]>,
    /// The features that reading it requires, a JSON list.
    pub requires: Option<&'a str>,
    /// Who did what.
    pub attribution: Attribution<'a>,
}

/// Why a row does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// The hash belongs to another content, or to another place.
    #[error("its hash is not that of its content and the entry before")]
    Hash,
    /// The payload is another one than the one that was written.
    #[error("its payload and salt are not those that its commitment was made of")]
    Commitment,
    /// The payload is gone, and nothing says that it was erased.
    #[error("its payload is missing, and no entry says that it was erased")]
    Missing,
    /// A column holds what no release writes there.
    #[error("its column {0} holds what no entry of this format has there")]
    Column(&'static str),
    /// It uses features that this release does not know.
    #[error("it requires the features {}, which this haltpoint does not know", .0.join(", "))]
    Features(Vec<String>),
}

impl<'a> StoredRow<'a> {
    /// The hash that the row has behind one with the hash `previous`.
    ///
    /// # Errors
    /// [`RowFault::Column`] and [`RowFault::Missing`] where the columns are not those of a row of the chain's format.
    pub fn hash(&self, chain: &Chain, previous: &Hash) -> Result<Hash, RowFault> {
        let Self {
            seq,
            at,
            outsider,
            kind,
            ..
        } = *self;
        let seal;
        let content = match chain.format() {
            Format::First => Content::Payload(self.payload.ok_or(RowFault::Missing)?),
            Format::Second => {
                seal = self.seal()?;
                Content::Seal(&seal)
            }
        };
        let link = Link {
            seq,
            at,
            outsider,
            kind,
            content,
        };
        Ok(chain.next(previous, &link))
    }

    fn seal(&self) -> Result<Seal<'a>, RowFault> {
        let found = self.commitment.and_then(|bytes| Hash::try_from(bytes).ok());
        Ok(Seal {
            commitment: found.ok_or(RowFault::Column("commitment"))?,
            requires: self.requires,
            attribution: self.attribution,
        })
    }

    /// Checks the payload against what the hash covers of it, that the other columns are those of the format, and that this release
    /// knows what the row requires. To be asked after the hash, which covers all that.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self, format: Format) -> Result<&'a str, RowFault> {
        match format {
            Format::First => self.check_first(),
            Format::Second => self.check_second(),
        }
    }

    fn check_first(&self) -> Result<&'a str, RowFault> {
        let Attribution {
            action,
            actor,
            requirement_id,
        } = self.attribution;
        let later = [
            ("salt", self.salt.is_some()),
            ("commitment", self.commitment.is_some()),
            ("requires", self.requires.is_some()),
            ("action", action.is_some()),
            ("actor", actor.is_some()),
            ("requirement_id", requirement_id.is_some()),
        ];
        match later.into_iter().find(|(_, is_there)| *is_there) {
            Some((column, _)) => Err(RowFault::Column(column)),
            None => self.payload.ok_or(RowFault::Missing),
        }
    }

    fn check_second(&self) -> Result<&'a str, RowFault> {
        self.requires.map_or(Ok(()), check_requires)?;
        let Some(payload) = self.payload else {
            // With its payload goes its salt.
            return Err(self.salt.map_or(RowFault::Missing, |_| RowFault::Column("salt")));
        };
        let salt = self.salt.filter(|salt| salt.len() == SALT_LENGTH);
        let salt = salt
            .and_then(|salt| Salt::try_from(salt).ok())
            .ok_or(RowFault::Column("salt"))?;
        if self.commitment != Some(&commitment(&salt, payload)) {
            return Err(RowFault::Commitment);
        }
        Ok(payload)
    }
}

/// Checks that this release knows the features of a stored list.
///
/// # Errors
/// [`RowFault::Features`], or [`RowFault::Column`] for what is no list of features.
pub fn check_requires(requires: &str) -> Result<(), RowFault> {
    match unknown_features(requires) {
        Ok(unknown) if unknown.is_empty() => Ok(()),
        Ok(unknown) => Err(RowFault::Features(unknown)),
        Err(_) => Err(RowFault::Column("requires")),
    }
}
