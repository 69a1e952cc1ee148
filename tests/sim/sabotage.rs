//! Stores that break their word: with any of them, the simulation has to fail.

use std::collections::BTreeMap;

use haltpoint_engine::journal::Entry;
use haltpoint_engine::store::{Append, Author, Operation};
use haltpoint_engine::{Text, Timestamp};

use crate::journal::Journal;

/// What a store leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Nothing,
    /// Whoever appends is taken for the driver.
    NoLeaseCheck,
    /// The record that a tool is about to run is not written.
    NoStartRecord,
    /// That calls were planned is not written.
    NoPlanRecord,
    /// Commits are acknowledged before they are durable.
    LateFsync,
    /// A run's end is written as its driver knows it, whatever was wanted before.
    DeafEnd,
    /// That an approval is revoked is not written.
    NoRevocation,
    /// Leases end by the wall clock of whoever asks, also where both share a clock that nobody can set.
    WallClocksOnly,
    /// A process that cannot be looked up is taken for dead.
    UnseenIsDead,
    /// A lease of a process that cannot be looked up ends by the wall clock of whoever asks, with nobody watching for a sign of life.
    NobodyWatches,
    /// The store does not know when drivers wrote their entries, so that a decision is judged by the clock of whoever decides.
    ForgottenTimes,
    /// Decisions are judged by the rows beside the journal.
    JudgingByIndex,
    /// A server carries a statement out, whatever its runs have become since they were read.
    NoHeadCheck,
    /// Places in the feed are given out without a lock, as a sequence does it, so that an earlier one can become visible after a later one.
    UnlockedFeed,
    /// What was written for a driver counts, however long ago that was.
    UnmeasuredLeases,
}

/// Changes operations on their way to the disk.
pub(crate) struct Tampering {
    sabotage: Sabotage,
    /// How many entries of each drive were left out.
    left_out: BTreeMap<(Text, u64), u64>,
}

impl Tampering {
    pub(crate) fn new(sabotage: Sabotage) -> Self {
        Self {
            sabotage,
            left_out: BTreeMap::new(),
        }
    }

    pub(crate) fn delays_durability(&self) -> bool {
        self.sabotage == Sabotage::LateFsync
    }

    pub(crate) fn judges_by_index(&self) -> bool {
        self.sabotage == Sabotage::JudgingByIndex
    }

    /// The operation that is carried out instead; `None` where nothing is left of it.
    pub(crate) fn apply(&mut self, operation: &Operation, journals: &BTreeMap<Text, Journal>) -> Option<Operation> {
        match (operation, self.sabotage) {
            (Operation::Append(append), Sabotage::NoLeaseCheck) => Some(Operation::Append(trusting(append, journals))),
            (Operation::Append(append), Sabotage::NoStartRecord) => self
                .without(append, |entry| matches!(entry, Entry::ToolStarted(_)))
                .map(Operation::Append),
            (Operation::Append(append), Sabotage::NoPlanRecord) => self
                .without(append, |entry| matches!(entry, Entry::StepsPlanned(_)))
                .map(Operation::Append),
            (Operation::Append(append), Sabotage::DeafEnd) => Some(Operation::Append(without_ears(append))),
            (Operation::Append(append), Sabotage::NoRevocation) if revokes(append) => None,
            (Operation::Append(append), Sabotage::ForgottenTimes) => Some(Operation::Append(timeless(append))),
            _ => Some(operation.clone()),
        }
    }

    fn without(&mut self, append: &Append, is_left_out: impl Fn(&Entry) -> bool) -> Option<Append> {
        let Author::Driver { epoch, driver_entries } = append.author else {
            return Some(append.clone());
        };
        let before = self.left_out.entry((append.run_id.clone(), epoch)).or_default();
        let mut changed = append.clone();
        changed.author = Author::Driver {
            epoch,
            driver_entries: driver_entries.saturating_sub(*before),
        };
        changed.entries.retain(|entry| !is_left_out(entry));
        *before += (append.entries.len() - changed.entries.len()) as u64;
        (!changed.entries.is_empty()).then_some(changed)
    }
}

fn without_ears(append: &Append) -> Append {
    let mut changed = append.clone();
    if let Some(finish) = &mut changed.finish {
        finish.if_cancelled = None;
    }
    changed
}

fn timeless(append: &Append) -> Append {
    let mut changed = append.clone();
    if append.author != Author::External {
        changed.at = Timestamp::default();
    }
    changed
}

fn revokes(append: &Append) -> bool {
    matches!(*append.entries, [Entry::ApprovalRevoked(_)])
}

fn trusting(append: &Append, journals: &BTreeMap<Text, Journal>) -> Append {
    let mut changed = append.clone();
    if let (Author::Driver { .. }, Some(journal)) = (&append.author, journals.get(&append.run_id)) {
        changed.author = Author::Driver {
            epoch: journal.epoch,
            driver_entries: journal.run.driver_entries(),
        };
    }
    changed
}
