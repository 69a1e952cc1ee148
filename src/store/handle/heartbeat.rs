//! Keeps the leases of this process alive: one write for all of them, a few times per lease.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::LostLeases;
use crate::Text;
use crate::store::clock::Clock;
use crate::store::holder::Holder;
use crate::store::{Append, Author, Committed, LeaseGrant, Operation, StoreError, WritableStore};

/// How many heartbeats are sent before a lease would expire.
const BEATS_PER_LEASE: u32 = 3;

/// How soon a heartbeat that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The leases that were granted through one handle, and when they must be renewed.
pub struct Heartbeat {
    holder: Holder,
    lease: Duration,
    clock: Clock,
    held: HashMap<Text, u64>,
    /// Releases that could not be written. Nobody drives those runs, and as long as this process lives nobody else can.
    owed: Vec<Operation>,
    due: Instant,
    /// When the leases were renewed last, or the first of them was taken.
    renewed: Instant,
    /// They may have been taken over, whatever the clock says.
    is_in_doubt: bool,
    lost: Arc<LostLeases>,
}

impl Heartbeat {
    /// Of no leases yet. They are renewed at a third of `lease`, by the backend's clock.
    #[must_use]
    pub fn new(holder: Holder, lease: Duration, clock: Clock) -> Self {
        Self {
            holder,
            lease,
            clock,
            held: HashMap::new(),
            owed: Vec::new(),
            due: Instant::now(),
            renewed: Instant::now(),
            is_in_doubt: false,
            lost: Arc::default(),
        }
    }

    /// The leases of which it found that others have them.
    #[must_use]
    pub fn lost(&self) -> Arc<LostLeases> {
        Arc::clone(&self.lost)
    }

    /// Lets the next beat ask which leases are still held, also where no whole lease has passed since the last one.
    pub fn doubt(&mut self) {
        self.is_in_doubt = true;
    }

    /// How long nothing needs to be done; `None` while nothing is held.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        (!self.held.is_empty()).then(|| self.due.saturating_duration_since(Instant::now()))
    }

    /// Renews the leases when it is time to, and gives those back that could not be before. A store that cannot be written now is
    /// asked again soon. One that comes so late that others may have taken runs over asks for those. Returns whether they were renewed
    /// by this call.
    pub fn beat_if_due(&mut self, store: &mut dyn WritableStore) -> bool {
        if self.time_left() != Some(Duration::ZERO) {
            return false;
        }
        let micros = i64::try_from(self.lease.as_micros()).unwrap_or(i64::MAX);
        let (now, sent) = ((self.clock)(), Instant::now());
        self.is_in_doubt |= self.renewed.elapsed() >= self.lease;
        let mut beaten = store.heartbeat(&self.holder, now, now.plus_micros(micros));
        if beaten.is_ok() && self.is_in_doubt {
            beaten = store.held_by(&self.holder).map(|held| self.note_held(held));
        }
        if beaten.is_ok() {
            self.renewed = sent;
        }
        if beaten.is_ok() && !self.owed.is_empty() {
            let owed = self.take_owed();
            for (release, outcome) in owed.iter().zip(store.commit(&owed)) {
                self.note(release, &outcome);
            }
        }
        let interval = self.lease / BEATS_PER_LEASE;
        self.due = Instant::now() + if beaten.is_ok() { interval } else { interval.min(RETRY) };
        beaten.is_ok()
    }

    /// Learns which leases the store says are held, after they were renewed: the others are lost.
    pub fn note_held(&mut self, held: Vec<(Text, u64)>) {
        let held: HashSet<(Text, u64)> = held.into_iter().collect();
        let lost = self
            .held
            .extract_if(|run_id, epoch| !held.contains(&(run_id.clone(), *epoch)));
        lost.for_each(|(run_id, epoch)| self.lost.add(run_id, epoch));
        self.is_in_doubt = false;
    }

    /// Renews the leases at the next opportunity.
    pub fn hasten(&mut self) {
        self.due = Instant::now();
    }

    /// Whether a run is held under that epoch.
    #[must_use]
    pub fn holds(&self, run_id: &str, epoch: u64) -> bool {
        self.held.get(run_id) == Some(&epoch)
    }

    /// Whether exactly one run is held, and nothing is owed.
    #[must_use]
    pub fn is_about_one_run(&self) -> bool {
        self.held.len() == 1 && self.owed.is_empty()
    }

    /// Learns from an operation's outcome which leases are held.
    pub fn note(&mut self, operation: &Operation, outcome: &Result<Committed, StoreError>) {
        match (operation, outcome) {
            (Operation::Create(new), Ok(_)) if !new.is_queued() => self.hold(&new.run_id, 1),
            (Operation::Acquire { run_id, .. }, Ok(Committed::Lease(LeaseGrant::Granted { epoch, .. }))) => {
                self.hold(run_id, *epoch);
            }
            (Operation::ClaimDue(_), Ok(Committed::DueClaimed(runs))) => {
                for run in runs {
                    run.epoch.into_iter().for_each(|epoch| self.hold(&run.run_id, epoch));
                }
            }
            (Operation::Release { run_id, epoch }, Ok(_)) => self.let_go(run_id, *epoch),
            (release @ Operation::Release { .. }, Err(_)) => self.owed.push(release.clone()),
            (Operation::Append(append), outcome) => self.note_append(append, outcome),
            _ => {}
        }
    }

    fn note_append(&mut self, append: &Append, outcome: &Result<Committed, StoreError>) {
        if let Author::Driver { epoch, .. } = append.author {
            let is_written = matches!(
                outcome,
                Ok(Committed::Appended { .. } | Committed::Delivered { .. } | Committed::Cancelled { .. })
            );
            let stopped = append.finish.is_some() && is_written;
            if stopped || matches!(outcome, Err(StoreError::LeaseLost { .. })) {
                self.let_go(&append.run_id, epoch);
            }
        }
    }

    fn hold(&mut self, run_id: &Text, epoch: u64) {
        if self.held.is_empty() {
            self.renewed = Instant::now();
            self.due = self.renewed + self.lease / BEATS_PER_LEASE;
        }
        self.held.insert(run_id.clone(), epoch);
    }

    fn let_go(&mut self, run_id: &Text, epoch: u64) {
        self.lost.forget(run_id, epoch);
        if self.holds(run_id, epoch) {
            self.held.remove(run_id);
        }
    }

    /// What still has to be given back: it belongs before whatever is written next.
    #[must_use]
    pub fn take_owed(&mut self) -> Vec<Operation> {
        std::mem::take(&mut self.owed)
    }

    /// What gives all leases back.
    #[must_use]
    pub fn releases(&self) -> Vec<Operation> {
        let release = |(run_id, &epoch): (&Text, &u64)| Operation::Release {
            run_id: run_id.clone(),
            epoch,
        };
        self.held.iter().map(release).collect()
    }
}
