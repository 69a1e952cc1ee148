//! A simulated process: a store handle, the runs that it drives, and an event loop.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use haltpoint_engine::journal::CancelRequested;
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::session::{self, EngineError, Opened, Session};
use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::handle::{StoreHandle, Subscription};
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::{Text, Timestamp};

use crate::backend::SimulatedBackend;
use crate::disk::Disk;
use crate::drive::{Drive, Intent, Surroundings, deliver_to};
use crate::invariants;
use crate::model::run_started;
use crate::news::{Inbox, News};
use crate::witness::{Happening, Witness};

/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Running,
    Frozen,
    Dead,
}

/// One process.
pub(crate) struct Process {
    pub(crate) condition: Condition,
    pub(crate) holder: Holder,
    pub(crate) backend: Arc<SimulatedBackend>,
    pub(crate) drives: Vec<Drive>,
    handle: StoreHandle,
    disk: Arc<Mutex<Disk>>,
    inbox: Inbox,
    witness: Witness,
    last_drive: u64,
}

impl Process {
    pub(crate) fn new(holder: Holder, disk: Arc<Mutex<Disk>>, witness: Witness) -> Self {
        let backend = Arc::new(SimulatedBackend::new(Arc::clone(&disk), holder.clone()));
        let handle = StoreHandle::new(Arc::clone(&backend) as _);
        Self {
            condition: Condition::Running,
            holder,
            backend,
            drives: Vec::new(),
            handle,
            disk,
            inbox: Inbox::default(),
            witness,
            last_drive: 0,
        }
    }

    /// Takes its memory away, and everything that was under way.
    pub(crate) fn die(&mut self) {
        self.condition = Condition::Dead;
        if self.backend.die() {
            self.witness.count(Happening::LostAcknowledgements);
        }
        self.drives.clear();
        while self.inbox.take().is_some() {}
        self.disk.lock().unwrap().lives.bury(&self.holder);
    }

    pub(crate) fn surroundings(&self, now: Timestamp) -> Surroundings {
        Surroundings {
            disk: Arc::clone(&self.disk),
            inbox: self.inbox.clone(),
            witness: self.witness.clone(),
            now,
        }
    }

    pub(crate) fn start_run(&mut self, run_id: Text, tool_call_limit: u64, remembers: bool, now: Timestamp) {
        let mut memory = session::Memory::default();
        if remembers {
            memory = session::recall(&mut *self.disk.lock().unwrap().store, "session").unwrap();
        }
        if !memory.runs.is_empty() {
            self.witness.count(Happening::RememberedRuns);
        }
        let started = run_started(run_id.clone(), tool_call_limit, memory.runs.clone());
        let mut drive = self.new_drive(run_id, None);
        let deliver = deliver_to(self.inbox.clone(), drive.id);
        let (session, handed) = Session::start(self.handle.clone(), started, &memory, now, deliver);
        drive.begin(session, handed, &self.surroundings(now));
        self.drives.push(drive);
    }

    pub(crate) fn continue_run(&mut self, run_id: Text, intent: Intent, now: Timestamp) {
        let drive = self.new_drive(run_id.clone(), Some(intent));
        let (id, inbox) = (drive.id, self.inbox.clone());
        self.drives.push(drive);
        let then = Box::new(move |opened| inbox.put(News::Opened { drive: id, opened }));
        session::open(&self.handle, run_id, now, then);
    }

    fn new_drive(&mut self, run_id: Text, intent: Option<Intent>) -> Drive {
        self.last_drive += 1;
        let subscription = self.listen(run_id.clone(), self.last_drive);
        Drive::new(self.last_drive, run_id, intent, subscription)
    }

    fn listen(&self, run_id: Text, drive: u64) -> Subscription {
        let inbox = self.inbox.clone();
        let put = move |found: &haltpoint_engine::store::ExternalRecord| {
            inbox.put(News::Notice {
                drive,
                record: found.record.clone(),
            });
        };
        self.handle.subscribe(run_id, Arc::new(put))
    }

    pub(crate) fn decide(&self, run_id: Text, requirement_id: Text, decision: Decision, by: &str, now: Timestamp) {
        let inbox = self.inbox.clone();
        let news = (run_id.clone(), requirement_id.clone(), decision.clone());
        let then = Box::new(move |outcome: Result<session::Loaded, _>| {
            let (run_id, requirement_id, decision) = news;
            let outcome = outcome.map(drop);
            inbox.put(News::Decided {
                run_id,
                requirement_id,
                decision,
                outcome,
            });
        });
        let word = session::Word {
            requirement_id,
            decision,
            by: Some(by.into()),
            expected_digest: None,
        };
        session::decide(&self.handle, run_id, word, now, then);
    }

    pub(crate) fn revoke(&self, requirement_id: Text, now: Timestamp) {
        let (inbox, id) = (self.inbox.clone(), requirement_id.clone());
        let then = Box::new(move |outcome| {
            inbox.put(News::Revoked {
                requirement_id: id,
                outcome,
            });
        });
        session::revoke(&self.handle, requirement_id, Some("cid".into()), now, then);
    }

    pub(crate) fn expire(&self, run_id: Text, requirement_id: Text, now: Timestamp) {
        let inbox = self.inbox.clone();
        let then = Box::new(move |outcome| inbox.put(News::Expired { outcome }));
        session::expire(&self.handle, run_id, requirement_id, now, then);
    }

    pub(crate) fn cancel(&self, run_id: Text, interrupt: bool, now: Timestamp) {
        let inbox = self.inbox.clone();
        let cancel = CancelRequested {
            interrupt,
            by: None,
            reason: None,
        };
        let then = Box::new(move |outcome| inbox.put(News::Cancelled { outcome }));
        session::cancel(&self.handle, run_id, cancel, now, then);
    }

    /// Works off what has reached the event loop, then checks what it led to.
    pub(crate) fn turn(&mut self, now: Timestamp) {
        let around = self.surroundings(now);
        while let Some(news) = self.inbox.take() {
            self.take_in(news, &around);
        }
        self.drives.retain(|drive| !drive.is_over);
        self.check_live_states();
    }

    fn take_in(&mut self, news: News, around: &Surroundings) {
        match news {
            News::Delivered { drive, delivered } => {
                self.with(drive, |drive| drive.take_delivery(delivered, around));
            }
            News::Notice { drive, record } => self.with(drive, |drive| drive.hear(record, around)),
            News::Opened {
                drive,
                opened: Ok(Opened::Session(session)),
            } => {
                self.with(drive, |drive| drive.take_over(*session, around));
            }
            News::Opened { drive, .. } => self.with(drive, Drive::end),
            News::Decided {
                run_id,
                requirement_id,
                decision,
                outcome: Ok(()),
            } => {
                self.disk
                    .lock()
                    .unwrap()
                    .acknowledge_decision(run_id, requirement_id, decision);
            }
            News::Cancelled { outcome: Ok(true) } => self.witness.count(Happening::CancelledFromOutside),
            News::Decided {
                outcome: Err(EngineError::Store(StoreError::Expired { .. })),
                ..
            } => self.witness.count(Happening::LateDecisions),
            News::Recalled { drive, reply, found } => {
                self.with(drive, |drive| drive.take_recalled(*reply, found, around));
            }
            News::Revoked {
                requirement_id,
                outcome: Ok(was_standing),
            } => {
                if was_standing {
                    self.witness.count(Happening::Revocations);
                }
                self.disk.lock().unwrap().memory.acknowledge_revocation(requirement_id);
            }
            News::Expired { outcome: Ok(true) } => self.witness.count(Happening::Expiries),
            News::Decided { .. } | News::Cancelled { .. } | News::Expired { .. } | News::Revoked { .. } => {}
        }
    }

    fn with(&mut self, id: u64, act: impl FnOnce(&mut Drive)) {
        if let Some(drive) = self.drives.iter_mut().find(|drive| drive.id == id && !drive.is_over) {
            act(drive);
        }
    }

    /// Only the newest drive of a run can be the one that holds it.
    fn check_live_states(&self) {
        let disk = self.disk.lock().unwrap();
        for drive in &self.drives {
            let is_newest = self
                .drives
                .iter()
                .all(|other| other.run_id != drive.run_id || other.id <= drive.id);
            let Some(journal) = disk.journals.get(&drive.run_id) else {
                continue;
            };
            let holds = journal.is_held && journal.epoch == drive.epoch;
            if is_newest && holds {
                invariants::check_live_state(drive, &self.backend, (journal, disk.server.as_ref()), &self.witness);
            }
        }
    }
}

impl Process {
    /// Nothing waits in its store.
    pub(crate) fn is_quiet(&self) -> bool {
        let backend = &self.backend;
        !backend.can_commit()
            && !backend.has_sent()
            && !backend.can_acknowledge()
            && !backend.can_read()
            && !backend.has_notices()
    }
}
