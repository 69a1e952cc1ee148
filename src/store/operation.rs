//! What a store is asked to write, and what it answers.

use crate::journal::{Entry, JournalEnd, PayloadsErased};
use crate::{Text, Timestamp};

use super::filter::DueFilter;
use super::holder::Holder;
use super::late_cancel::Finish;
use super::row::{OutboxClaim, StoredRun};
use super::signals::{NewSignal, Signalled};

/// What can be asked of a store.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Creates a run: held by `NewRun::holder` with epoch 1, status running; or by nobody, where it is to wait for a worker.
    Create(NewRun),
    /// Appends to a run's journal.
    Append(Append),
    /// Takes the right to drive a run: grants it when nobody holds it, or when the holder is dead or its lease expired.
    /// The status stays as it is until the driver appends. Grants nothing for a completed run: see
    /// [`LeaseGrant::Completed`].
    Acquire {
        /// The run.
        run_id: Text,
        /// Who wants it.
        holder: Holder,
        /// When, for the comparison with the present holder's expiry.
        now: Timestamp,
        /// Until when the new holder counts as alive without a further heartbeat.
        expires: Timestamp,
        /// What of the journal has been read before: the grant brings what stands behind it.
        known: Option<JournalEnd>,
    },
    /// Keeps a signal, or ends with it the oldest wait for its event. One of an id that was given before changes nothing.
    Signal(NewSignal),
    /// Gives the right back without a change of status. A lease that is no longer held is no error.
    Release {
        /// The run.
        run_id: Text,
        /// The epoch under which it was held.
        epoch: u64,
    },
    /// Takes the right to drive runs that are due, without their journals: those of the agents in turn. Runs that nobody can be granted
    /// without a closer look are only named: [`Operation::Acquire`] looks.
    ClaimDue(DueClaim),
    /// Takes the right to deliver what a subscription has coming. A new subscription begins with what is written from now on.
    ClaimOutbox(OutboxClaim),
    /// Notes that all up to `place` is delivered, and that whoever delivers is alive.
    AdvanceOutbox {
        /// Who delivers.
        claim: OutboxClaim,
        /// The place of the last entry that was delivered.
        place: i64,
    },
}

/// What a worker wants to drive.
#[derive(Clone, Debug)]
pub struct DueClaim {
    /// Which runs, and how many at most.
    pub filter: DueFilter,
    /// Who wants them.
    pub holder: Holder,
    /// Until when the holder counts as alive without a further heartbeat.
    pub expires: Timestamp,
}

/// A run that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRun {
    /// The run.
    pub run_id: Text,
    /// Its agent's name.
    pub agent_name: Option<Text>,
    /// The epoch under which it is held by who asked. `None`: it was not granted, since somebody may hold it, or it is to be refused.
    pub epoch: Option<u64>,
}

/// A run to be created.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The run's id.
    pub run_id: Text,
    /// The agent's name, for finding runs.
    pub agent_name: Option<Text>,
    /// The session, for finding runs.
    pub session_id: Option<Text>,
    /// The user, for finding runs.
    pub user_id: Option<Text>,
    /// Who drives it.
    pub holder: Holder,
    /// Until when the holder counts as alive without a heartbeat.
    pub expires: Timestamp,
    /// When.
    pub at: Timestamp,
    /// The first entries.
    pub entries: Vec<Entry>,
}

impl NewRun {
    /// Whether the run waits for a worker from the beginning.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        matches!(self.entries.last(), Some(Entry::RunQueued(_)))
    }
}

/// Entries for a run's journal.
#[derive(Clone, Debug)]
pub struct Append {
    /// The run.
    pub run_id: Text,
    /// Who appends.
    pub author: Author,
    /// When.
    pub at: Timestamp,
    /// What; never empty.
    pub entries: Vec<Entry>,
    /// With it, the driver stops.
    pub finish: Option<Finish>,
}

/// What a run said is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The run.
    pub run_id: Text,
    /// Who erases it, as far as they say.
    pub by: Option<Text>,
    /// Why, in words.
    pub reason: Option<Text>,
    /// When.
    pub at: Timestamp,
}

impl Erasure {
    /// The entry that says so.
    pub fn entry(&self) -> Entry {
        Entry::PayloadsErased(PayloadsErased {
            by: self.by.clone(),
            reason: self.reason.clone(),
        })
    }
}

/// Who appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// The run's driver. Refused with [`super::StoreError::LeaseLost`] unless the run's epoch is this one and
    /// exactly `driver_entries` entries of drivers stand in the journal.
    Driver {
        /// The epoch under which the lease was granted.
        epoch: u64,
        /// How many entries drivers have appended so far, as this one knows it.
        driver_entries: u64,
    },
    /// Somebody who does not drive: may append [`Entry::ApprovalRevoked`] to any run, [`Entry::RequirementDecided`] and
    /// [`Entry::RequirementExpired`] to one that is not completed, and [`Entry::CancelRequested`] to a run that is running
    /// (refused with [`super::StoreError::NotRunning`] otherwise).
    External,
    /// Somebody who moves the run between databases: may append [`Entry::RunMoved`] to a run that nobody holds, and
    /// [`Entry::RunArrived`] to one that was moved, whether it was erased or not. Refused with [`super::StoreError::LeaseLost`] unless
    /// exactly `driver_entries` entries of drivers, its own among them, stand in the journal.
    Mover {
        /// How many entries of drivers it has read.
        driver_entries: u64,
    },
}

impl Author {
    /// Whether it moves the run between databases.
    #[must_use]
    pub fn is_mover(&self) -> bool {
        matches!(self, Self::Mover { .. })
    }
}

/// The outcome of an operation that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// Entries are on disk; the sequence number of the last one.
    Appended {
        /// Sequence number of the last entry.
        seq: u64,
    },
    /// As [`Committed::Appended`]. Behind it stands, of outsiders, that signals which were kept have ended waits of the run.
    Delivered {
        /// Sequence number of the last entry of the append itself.
        seq: u64,
    },
    /// What became of a signal.
    Signalled(Signalled),
    /// Somebody wanted the run cancelled before it ended: [`super::LateCancel`] is on disk instead of the append.
    Cancelled {
        /// Sequence number of the last entry.
        seq: u64,
    },
    /// The decision stood on disk already, made by somebody else in the very same words: nothing was appended.
    AlreadyDecided,
    /// The answer to [`Operation::Acquire`].
    Lease(LeaseGrant),
    /// The answer to [`Operation::ClaimDue`].
    DueClaimed(Vec<DueRun>),
    /// Nothing to say.
    Released,
    /// The place up to which a subscription is delivered; `None` while somebody else delivers.
    OutboxClaimed(Option<i64>),
    /// Whether whoever says so is still the one who delivers.
    OutboxAdvanced(bool),
}

impl Committed {
    /// The answer to an append in whose place [`super::LateCancel`] was written.
    pub fn into_cancelled(self) -> Self {
        match self {
            Self::Appended { seq } => Self::Cancelled { seq },
            other => other,
        }
    }
}

/// The answer to [`Operation::Acquire`].
#[derive(Clone, Debug, PartialEq)]
pub enum LeaseGrant {
    /// Granted, with the run as it stands on disk in that very transaction.
    Granted {
        /// The new epoch.
        epoch: u64,
        /// The run with its journal.
        run: Box<StoredRun>,
    },
    /// The run is completed: there is nothing to drive.
    Completed {
        /// The run with its journal.
        run: Box<StoredRun>,
    },
}
