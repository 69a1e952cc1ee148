//! Signals in memory.

use super::MemoryStore;
use crate::journal::{AuditKey, Event, Hash};
use crate::store::rules::RequirementState;
use crate::store::signals::kept_since;
use crate::store::{Append, Committed, KeptSignal, NewSignal, RunStatus, SignalFilter, Signalled, StoreError};
use crate::{Text, Timestamp};

/// A signal, until it is forgotten.
pub(super) struct MemorySignal {
    id: Text,
    at: Timestamp,
    place: i64,
    digest: Option<Hash>,
    standing: Standing,
}

enum Standing {
    Kept(NewSignal),
    /// By this run, unless that was removed.
    Taken(Option<Text>),
}

impl MemorySignal {
    fn kept(&self) -> Option<&NewSignal> {
        match &self.standing {
            Standing::Kept(signal) => Some(signal),
            Standing::Taken(_) => None,
        }
    }

    fn is_of(&self, run_id: &str) -> bool {
        matches!(&self.standing, Standing::Taken(Some(taker)) if **taker == *run_id)
    }

    /// The run was erased.
    pub(super) fn erase(&mut self, run_id: &str) {
        if self.is_of(run_id) {
            self.digest = None;
        }
    }

    /// The run was removed.
    pub(super) fn remove(&mut self, run_id: &str) {
        if self.is_of(run_id) {
            (self.digest, self.standing) = (None, Standing::Taken(None));
        }
    }
}

impl MemoryStore {
    pub(super) fn take_in(&mut self, signal: &NewSignal) -> Result<Signalled, StoreError> {
        signal.check()?;
        self.forget(kept_since(signal.at));
        if let Some(known) = self.signals.iter().find(|known| known.id == signal.id) {
            signal.check_same(known.digest.as_ref().map(|digest| &digest[..]))?;
            return Ok(Signalled {
                run_id: match &known.standing {
                    Standing::Kept(_) => None,
                    Standing::Taken(run_id) => run_id.clone(),
                },
                is_taken: known.kept().is_none(),
                is_new: false,
            });
        }
        self.signal_count += 1;
        self.signals.push(MemorySignal {
            id: signal.id.clone(),
            at: signal.at,
            place: self.signal_count,
            digest: Some(signal.digest()),
            standing: Standing::Kept(signal.clone()),
        });
        let waits = self
            .requirements
            .iter()
            .map(|(row, _)| (row.run_id.clone(), row.requirement_id.clone()));
        for (run_id, requirement_id) in waits.collect::<Vec<_>>() {
            let is_meant = self
                .wait_of(&run_id, &requirement_id)
                .is_some_and(|event| *event == signal.event);
            if is_meant && self.deliver(signal, &signal.delivery(run_id.clone(), &requirement_id, signal.at)) {
                return Ok(Signalled {
                    run_id: Some(run_id),
                    is_taken: true,
                    is_new: true,
                });
            }
        }
        Ok(Signalled {
            run_id: None,
            is_taken: false,
            is_new: true,
        })
    }

    /// Ends waits of a run with signals that are kept, and says whether there were any.
    pub(super) fn deliver_kept(&mut self, append: &Append) -> bool {
        let rows = self.requirements.iter().map(|(row, _)| row);
        let waits: Vec<Text> = rows
            .filter(|row| row.run_id == append.run_id)
            .map(|row| row.requirement_id.clone())
            .collect();
        let mut has_delivered = false;
        for requirement_id in waits {
            let event = self.wait_of(&append.run_id, &requirement_id).cloned();
            let Some(signal) = event.and_then(|event| self.oldest(&event, append.at)) else {
                continue;
            };
            let delivery = signal.delivery(append.run_id.clone(), &requirement_id, append.at);
            has_delivered |= self.deliver(&signal, &delivery);
        }
        has_delivered
    }

    fn oldest(&self, event: &Event, now: Timestamp) -> Option<NewSignal> {
        let old = kept_since(now);
        let mut kept = self
            .signals
            .iter()
            .filter(|known| known.at > old)
            .filter_map(MemorySignal::kept);
        kept.find(|signal| signal.event == *event).cloned()
    }

    /// The event that an open requirement waits for, of a run that can go on.
    fn wait_of(&self, run_id: &str, requirement_id: &str) -> Option<&Event> {
        let run = self.run(run_id).ok()?;
        let goes_on = matches!(
            run.row.status,
            RunStatus::Queued | RunStatus::Running | RunStatus::Paused
        );
        let is_ours = run.row.audit_key_id.as_ref() == self.key.as_ref().map(AuditKey::id);
        match run.requirements.get(requirement_id)? {
            RequirementState::Open(open) if goes_on && is_ours && !run.row.is_erased => open.event.as_ref(),
            _ => None,
        }
    }

    fn deliver(&mut self, signal: &NewSignal, delivery: &Append) -> bool {
        let is_written = matches!(self.append_alone(delivery), Ok(Committed::Appended { .. }));
        let known = self.signals.iter_mut().find(|known| known.id == signal.id);
        if let Some(known) = known.filter(|_| is_written) {
            known.standing = Standing::Taken(Some(delivery.run_id.clone()));
        }
        is_written
    }

    /// Removes signals that came no later, and says how many.
    pub(super) fn forget(&mut self, before: Timestamp) -> u64 {
        let there = self.signals.len();
        self.signals.retain(|known| known.at > before);
        (there - self.signals.len()) as u64
    }

    pub(super) fn kept_signals(&self, filter: &SignalFilter) -> Vec<KeptSignal> {
        let is_meant = |known: &&MemorySignal| known.place > filter.behind && known.at > filter.after;
        let kept = self
            .signals
            .iter()
            .filter(is_meant)
            .filter_map(|known| Some((known.place, known.kept()?)));
        let has = |signal: &NewSignal| {
            let of_name = filter.name.as_ref().is_none_or(|name| *name == signal.event.name);
            of_name && (filter.key.is_none() || filter.key == signal.event.key)
        };
        let kept = kept.filter(|(_, signal)| has(signal)).take(filter.limit as usize);
        let kept = kept.map(|(place, signal)| KeptSignal {
            place,
            signal: signal.clone(),
        });
        kept.collect()
    }
}
