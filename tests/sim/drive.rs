//! A process's hold on one run: it performs effects and reports what came of them, as every driver does.

use std::sync::{Arc, Mutex};

use haltpoint_engine::journal::{CancelRequested, InDoubtRule, ModelReplied, Record, Remembered};
use haltpoint_engine::run::{Effect, ToolInDoubt, ToolStart, Verdict};
use haltpoint_engine::session::{Deliver, EngineError, Handed, Session};
use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::handle::Subscription;
use haltpoint_engine::{Text, Timestamp};

use crate::disk::Disk;
use crate::invariants;
use crate::news::{Inbox, News};
use crate::witness::{Happening, Promise, Witness};

/// What a drive can reach.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) disk: Arc<Mutex<Disk>>,
    pub(crate) inbox: Inbox,
    pub(crate) witness: Witness,
    pub(crate) now: Timestamp,
}

/// How a drive is to go on with a run that it gets.
#[derive(Clone, Copy)]
pub(crate) struct Intent {
    pub(crate) tool_call_limit: u64,
    pub(crate) rule: InDoubtRule,
    pub(crate) gives_up: bool,
}

/// A tool that runs.
pub(crate) struct RunningTool {
    pub(crate) start: ToolStart,
    pub(crate) is_interrupted: bool,
}

/// One drive, from the wish to drive to the stop.
pub(crate) struct Drive {
    pub(crate) id: u64,
    pub(crate) run_id: Text,
    pub(crate) session: Option<Session>,
    pub(crate) is_over: bool,
    pub(crate) awaits_model: bool,
    pub(crate) tools: Vec<RunningTool>,
    pub(crate) in_doubt: Vec<ToolInDoubt>,
    /// The last record of outsiders that this drive knows.
    pub(crate) heard: u64,
    /// The epoch of its lease; 0 before it has one.
    pub(crate) epoch: u64,
    early: Vec<Record>,
    /// Whoever continues a run takes an earlier wish to stop it back.
    has_begun: bool,
    intent: Option<Intent>,
    _subscription: Subscription,
}

impl Drive {
    pub(crate) fn new(id: u64, run_id: Text, intent: Option<Intent>, subscription: Subscription) -> Self {
        Self {
            id,
            run_id,
            session: None,
            is_over: false,
            awaits_model: false,
            tools: Vec::new(),
            in_doubt: Vec::new(),
            heard: 0,
            epoch: 0,
            early: Vec::new(),
            has_begun: intent.is_none(),
            intent,
            _subscription: subscription,
        }
    }

    /// Takes a new run's session.
    pub(crate) fn begin(&mut self, mut session: Session, handed: Handed, around: &Surroundings) {
        self.let_plan_ahead(&mut session);
        self.epoch = session.epoch();
        self.session = Some(session);
        self.perform(handed.now, around);
    }

    /// Takes the session of a run that was asked for, and what others wrote meanwhile.
    pub(crate) fn take_over(&mut self, mut session: Session, around: &Surroundings) {
        self.let_plan_ahead(&mut session);
        let intent = self.intent.filter(|intent| !intent.gives_up);
        self.note_lease(&session, around);
        self.session = Some(session);
        let Some(intent) = intent else {
            return self.end();
        };
        self.feed(around, |session, deliver| {
            Ok(session.notify_continued(intent.tool_call_limit, intent.rule, around.now, deliver)?)
        });
        for record in std::mem::take(&mut self.early) {
            self.hear(record, around);
        }
    }

    fn let_plan_ahead(&self, session: &mut Session) {
        if self.plans_ahead() {
            session.plan_ahead();
        }
    }

    /// Of some runs the model plans calls while others are open, whoever drives them.
    fn plans_ahead(&self) -> bool {
        self.run_id.bytes().map(u32::from).sum::<u32>() % 4 == 0
    }

    fn note_lease(&mut self, session: &Session, around: &Surroundings) {
        self.epoch = session.epoch();
        let disk = around.disk.lock().unwrap();
        let journal = disk.journals.get(&self.run_id);
        self.heard = journal.map_or(0, |journal| journal.granted_at);
    }

    /// Hears of a record, or keeps it until the drive has begun.
    pub(crate) fn hear(&mut self, record: Record, around: &Surroundings) {
        if self.session.is_none() {
            self.early.push(record);
            return;
        }
        self.heard = self.heard.max(record.seq);
        self.feed(around, |session, deliver| {
            session.notify_outsider(&record, around.now, deliver)
        });
    }

    /// Feeds an input and performs what follows.
    pub(crate) fn feed(
        &mut self,
        around: &Surroundings,
        input: impl FnOnce(&mut Session, Deliver) -> Result<Handed, EngineError>,
    ) {
        let deliver = deliver_to(around.inbox.clone(), self.id);
        let Some(session) = &mut self.session else {
            return;
        };
        let before = self.has_begun.then(|| invariants::stopping(session.run()));
        self.has_begun = true;
        match input(session, deliver) {
            Ok(handed) => {
                if let Some(before) = before {
                    invariants::check_stopping(before, session.run(), &handed.now, &around.witness);
                }
                self.perform(handed.now, around);
            }
            Err(_) => self.end(),
        }
    }

    /// Wants the run cancelled, as any thread of its process may; whether that is granted.
    pub(crate) fn want_cancelled(&self, interrupt: bool, around: &Surroundings) -> bool {
        let cancel = CancelRequested {
            interrupt,
            by: None,
            reason: None,
        };
        let is_granted = self.session.as_ref().is_some_and(|session| session.wish().want(cancel));
        if !is_granted {
            around.witness.count(Happening::RefusedWishes);
        }
        let mut disk = around.disk.lock().unwrap();
        disk.note_wish(&self.run_id, self.epoch, is_granted);
        is_granted
    }

    /// The model replied: first it is looked what answers its calls already.
    pub(crate) fn plan(&mut self, reply: ModelReplied, verdict: Verdict, around: &Surroundings) {
        let Some(session) = &self.session else { return };
        let (inbox, drive) = (around.inbox.clone(), self.id);
        let calls = reply.calls.clone();
        let reply = Box::new((reply, verdict));
        let then = Box::new(move |found| inbox.put(News::Recalled { drive, reply, found }));
        session.recall_approvals(calls, then);
    }

    /// What answers the calls of a reply.
    pub(crate) fn take_recalled(
        &mut self,
        (mut reply, verdict): (ModelReplied, Verdict),
        found: Result<Vec<Option<Remembered>>, EngineError>,
        around: &Surroundings,
    ) {
        let Ok(found) = found else { return self.end() };
        {
            let disk = &mut *around.disk.lock().unwrap();
            for (call, remembered) in reply.calls.iter_mut().zip(found) {
                disk.memory
                    .check(&self.run_id, call, remembered.as_ref(), &disk.journals);
                call.rules.remembered = remembered;
            }
        }
        let plans_ahead = self.plans_ahead();
        self.feed(around, |session, deliver| {
            let has_open = session.run().unfinished_calls().next().is_some();
            if plans_ahead && (has_open || !reply.calls.is_empty()) {
                if has_open && !reply.calls.is_empty() {
                    around.witness.count(Happening::JoinedCalls);
                }
                return Ok(session.notify_steps_planned(reply.calls, around.now, deliver)?);
            }
            Ok(session.notify_model_replied(reply, verdict, around.now, deliver)?)
        });
    }

    /// What had to wait for the disk, or why it cannot be had.
    pub(crate) fn take_delivery(&mut self, delivered: Result<Vec<Effect>, StoreError>, around: &Surroundings) {
        match delivered {
            Ok(effects) => self.perform(effects, around),
            Err(_) => self.end(),
        }
    }

    fn perform(&mut self, effects: Vec<Effect>, around: &Surroundings) {
        for effect in effects {
            around.witness.tell(|| format!("    {}: {effect:?}", self.run_id));
            match effect {
                Effect::RequestModel => self.request_model(around),
                Effect::StartTool(start) => self.start_tool(start, around),
                Effect::ReconcileTool(doubt) => self.in_doubt.push(doubt),
                Effect::InterruptTool { call_id } => {
                    let mut tools = self.tools.iter_mut();
                    tools
                        .by_ref()
                        .filter(|tool| tool.start.call_id == call_id)
                        .for_each(|tool| tool.is_interrupted = true);
                }
                Effect::Stop => self.stop(around),
            }
        }
    }

    fn request_model(&mut self, around: &Surroundings) {
        around.witness.count(Happening::Requests);
        self.awaits_model = true;
        if let Some(session) = &self.session {
            invariants::check_conversation(session, &around.witness);
        }
    }

    fn start_tool(&mut self, start: ToolStart, around: &Surroundings) {
        let disk = &mut *around.disk.lock().unwrap();
        let journal = disk.journals.get(&self.run_id);
        let is_taken = journal.is_some_and(|journal| journal.taken_over.contains(&self.epoch));
        around
            .witness
            .expect(disk.server.is_none() || !is_taken, Promise::EffectsNeedTheLease, || {
                format!(
                    "{} starts a tool under epoch {}, which was taken over",
                    self.run_id, self.epoch
                )
            });
        disk.ledger
            .execute(&self.run_id, &start, disk.journals.get(&self.run_id));
        self.tools.push(RunningTool {
            start,
            is_interrupted: false,
        });
    }

    fn stop(&mut self, around: &Surroundings) {
        if let Some(session) = &self.session {
            let disk = around.disk.lock().unwrap();
            let on_disk = disk
                .journals
                .get(&self.run_id)
                .map_or(0, |journal| journal.run.driver_entries());
            let known = session.run().driver_entries();
            around
                .witness
                .expect(on_disk >= known, Promise::EffectsFollowCommits, || {
                    format!(
                        "{} stops after {known} entries, of which {on_disk} are on disk",
                        self.run_id
                    )
                });
        }
        self.end();
    }

    /// The drive is over; dropping the session gives the run back where it is still held.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
        self.session = None;
    }
}

/// What a session calls when a commit has come to its end.
pub(crate) fn deliver_to(inbox: Inbox, drive: u64) -> Deliver {
    Box::new(move |delivered| inbox.put(News::Delivered { drive, delivered }))
}
