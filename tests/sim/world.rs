//! The world: one disk, a few processes, a clock; and what each event does to them.

use std::sync::{Arc, Mutex};

use haltpoint_engine::journal::FailureKind;
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::run::{Reconciliation, ToolInDoubt, ToolOutcome};
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::{Text, Timestamp};

use crate::backend::Fate;
use crate::disk::Disk;
use crate::drive::{Drive, Intent, RunningTool};
use crate::event::{Answer, Event, ToolEnd};
use crate::history::Setting;
use crate::liveness::{FAR_HOST, Lives, NEAR_HOST};
use crate::model;
use crate::process::{Condition, LEASE, Process};
use crate::random::Random;
use crate::server::Server;
use crate::witness::{Happening, Witness};

/// How many processes there are.
pub(crate) const PROCESSES: usize = 3;
const BEGINNING: Timestamp = Timestamp(1_763_800_000_000_000);
const TICK_US: i64 = 1_000;

/// Everything there is.
pub(crate) struct World {
    /// How much time has passed, in microseconds.
    passed: i64,
    /// How far each process's wall clock is off.
    skews: [i64; PROCESSES],
    pub(crate) disk: Arc<Mutex<Disk>>,
    pub(crate) processes: Vec<Process>,
    pub(crate) runs: Vec<Text>,
    /// Whether somebody sets back the rows beside the journals.
    pub(crate) resets_rows: bool,
    /// Whether journals are kept by a server.
    pub(crate) is_on_server: bool,
    pub(crate) witness: Witness,
    born: u32,
}

impl World {
    pub(crate) fn new(setting: Setting, witness: Witness) -> Self {
        let disk = Disk::new(Lives::new(setting.sabotage), witness.clone(), setting);
        let mut world = Self {
            passed: 0,
            skews: [0; PROCESSES],
            disk: Arc::new(Mutex::new(disk)),
            processes: Vec::new(),
            runs: Vec::new(),
            resets_rows: setting.resets_rows,
            is_on_server: setting.is_on_server,
            witness,
            born: 0,
        };
        world.processes = (0..PROCESSES).map(|place| world.new_process(place)).collect();
        world
    }

    fn new_process(&mut self, place: usize) -> Process {
        self.born += 1;
        let host = if place == PROCESSES - 1 { FAR_HOST } else { NEAR_HOST };
        let token = format!("holder {}", self.born).into();
        let holder = Holder {
            token,
            host: host.into(),
            pid: self.born,
            started: 1,
        };
        Process::new(holder, Arc::clone(&self.disk), self.witness.clone())
    }

    /// Lets it happen, where it applies.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.let_pass(TICK_US);
        self.witness.tell(|| format!("{event:?}"));
        match event {
            Event::PowerLoss => self.lose_power(),
            Event::Begin { pick } => self.disk.lock().unwrap().begin(*pick),
            Event::Land { pick } => self.land(*pick),
            Event::Lose { pick } => self.lose_statement(*pick),
            Event::Flush => self.disk.lock().unwrap().flush(),
            Event::ResetRows { seed } => self.disk.lock().unwrap().reset_rows(*seed),
            Event::Wait { micros } => self.let_pass(*micros),
            Event::SetClock {
                process,
                of_all,
                micros,
            } => self.set_clock(*process, *of_all, *micros),
            Event::Hide { process, is_hidden } => {
                let holder = &self.processes[*process].holder;
                self.disk.lock().unwrap().lives.hide(holder, *is_hidden);
            }
            Event::Crash { process } => self.crash(*process),
            Event::Restart { process } => self.restart(*process),
            Event::Wake { process } => self.wake(*process),
            _ => self.apply_to_process(event),
        }
    }

    /// What a process's wall clock shows.
    pub(crate) fn clock(&self, place: usize) -> Timestamp {
        BEGINNING.plus_micros(self.passed + self.skews[place])
    }

    pub(crate) fn let_pass(&mut self, micros: i64) {
        self.passed += micros;
        self.disk.lock().unwrap().lives.let_pass(micros);
    }

    fn set_clock(&mut self, place: usize, of_all: bool, micros: i64) {
        // Where there is a server, its clock is the only one that anybody is asked about.
        if self.is_on_server && !of_all {
            return;
        }
        for (other, skew) in self.skews.iter_mut().enumerate() {
            if of_all || other == place {
                *skew += micros;
            }
        }
    }

    fn lose_power(&mut self) {
        self.witness.count(Happening::PowerLosses);
        if self.is_on_server {
            return self.restart_server();
        }
        self.processes.iter_mut().for_each(Process::die);
        self.disk.lock().unwrap().lose_power();
    }

    /// What was under way is rolled back, and no connection survives. Whoever has one lives on.
    fn restart_server(&mut self) {
        let mut disk = self.disk.lock().unwrap();
        disk.server.iter_mut().for_each(Server::restart);
        disk.check_acknowledged();
        drop(disk);
        self.processes.iter().for_each(|process| process.backend.lose_answer());
    }

    fn land(&self, pick: usize) {
        let _may_wait = self.disk.lock().unwrap().land(pick);
    }

    fn lose_statement(&mut self, pick: usize) {
        self.disk
            .lock()
            .unwrap()
            .server
            .iter_mut()
            .for_each(|server| server.lose(pick));
        self.processes.iter().for_each(|process| process.backend.notice_loss());
    }

    fn crash(&mut self, place: usize) {
        if self.processes[place].condition != Condition::Dead {
            self.witness.count(Happening::Crashes);
            self.processes[place].die();
        }
    }

    pub(crate) fn restart(&mut self, place: usize) {
        if self.processes[place].condition == Condition::Dead {
            self.processes[place] = self.new_process(place);
        }
    }

    pub(crate) fn wake(&mut self, place: usize) {
        let process = &mut self.processes[place];
        if process.condition == Condition::Frozen {
            process.condition = Condition::Running;
            self.witness.count(Happening::WokenHolders);
        }
    }

    fn apply_to_process(&mut self, event: &Event) {
        let place = place_of(event);
        if self.processes[place].condition != Condition::Running {
            return;
        }
        self.processes[place].backend.set_clock(self.clock(place));
        match event {
            Event::Start {
                tool_call_limit,
                remembers,
                ..
            } => self.start(place, *tool_call_limit, *remembers),
            Event::Freeze { .. } => self.processes[place].condition = Condition::Frozen,
            Event::Heartbeat { .. } => self.beat(place),
            Event::Commit { most, .. } => self.commit(place, *most),
            Event::CommitFails { .. } => self.fail_commit(place, Fate::Refused, Happening::FailedCommits),
            Event::CommitGoesUnheard { .. } => self.fail_commit(place, Fate::Unheard, Happening::UnheardCommits),
            Event::LoseAnswer { .. } => self.processes[place].backend.lose_answer(),
            Event::LookUp { .. } => self.processes[place].backend.look_up(),
            Event::GiveUp { .. } => self.give_up(place),
            Event::Acknowledge { .. } => self.processes[place].backend.acknowledge(),
            Event::Read { .. } => self.processes[place].backend.read_one(),
            Event::Notify { .. } => self.processes[place].backend.notify_one(),
            Event::Continue { .. }
            | Event::Decide { .. }
            | Event::Revoke { .. }
            | Event::Expire { .. }
            | Event::Cancel { .. } => self.apply_to_run(place, event),
            _ => self.apply_to_drive(place, event),
        }
        let now = self.clock(place);
        self.processes[place].turn(now);
    }

    fn start(&mut self, place: usize, tool_call_limit: u64, remembers: bool) {
        let run_id: Text = format!("run {}", self.runs.len() + 1).into();
        self.runs.push(run_id.clone());
        let now = self.clock(place);
        self.processes[place].start_run(run_id, tool_call_limit, remembers, now);
    }

    fn beat(&mut self, place: usize) {
        // One connection writes, and one thing at a time.
        if self.processes[place].backend.has_sent() {
            return;
        }
        let now = self.clock(place);
        let expires = now.plus_micros(i64::try_from(LEASE.as_micros()).unwrap());
        self.disk
            .lock()
            .unwrap()
            .heartbeat(&self.processes[place].holder, now, expires);
        self.processes[place].backend.note_renewal(self.passed);
    }

    fn give_up(&mut self, place: usize) {
        if self.processes[place].backend.give_up() {
            self.witness.count(Happening::UnheardCommits);
        }
    }

    fn commit(&mut self, place: usize, most: usize) {
        if self.processes[place].backend.commit(most, Fate::Written) > 1 {
            self.witness.count(Happening::GroupCommits);
        }
    }

    fn fail_commit(&mut self, place: usize, fate: Fate, happening: Happening) {
        if self.processes[place].backend.commit(1, fate) > 0 {
            self.witness.count(happening);
        }
    }

    fn apply_to_run(&mut self, place: usize, event: &Event) {
        let (Event::Continue { run, .. }
        | Event::Decide { run, .. }
        | Event::Revoke { run, .. }
        | Event::Expire { run, .. }
        | Event::Cancel { run, .. }) = event
        else {
            return;
        };
        let Some(run_id) = self.runs.get(*run).cloned() else {
            return;
        };
        let now = self.clock(place);
        match event {
            Event::Continue {
                tool_call_limit,
                rule,
                gives_up,
                ..
            } => {
                let intent = Intent {
                    tool_call_limit: *tool_call_limit,
                    rule: *rule,
                    gives_up: *gives_up,
                };
                self.processes[place].continue_run(run_id, intent, now);
            }
            Event::Decide { pick, seed, .. } => self.decide(place, &run_id, *pick, *seed),
            Event::Revoke { pick, .. } => {
                if let Some(id) = self.standing_approval(&run_id, *pick) {
                    self.processes[place].revoke(id, now);
                }
            }
            Event::Expire { pick, .. } => {
                if let Some((id, _)) = self.requirement(&run_id, *pick) {
                    self.processes[place].expire(run_id, id, now);
                }
            }
            Event::Cancel { interrupt, .. } => self.processes[place].cancel(run_id, *interrupt, now),
            _ => {}
        }
    }

    fn decide(&mut self, place: usize, run_id: &Text, pick: usize, seed: u64) {
        if let Some((id, kind)) = self.requirement(run_id, pick) {
            let mut random = Random::new(seed);
            let by = random.one_of(&model::PEOPLE);
            let decision = model::decision(kind, &mut random);
            self.processes[place].decide(run_id.clone(), id, decision, by, self.clock(place));
        }
    }

    fn requirement(&self, run_id: &Text, pick: usize) -> Option<(Text, RequirementKind)> {
        let disk = self.disk.lock().unwrap();
        let requirements = disk.journals.get(run_id)?.run.requirements();
        let requirement = requirements.get(pick % requirements.len().max(1))?;
        Some((requirement.id.clone(), requirement.kind))
    }

    fn standing_approval(&self, run_id: &Text, pick: usize) -> Option<Text> {
        let disk = self.disk.lock().unwrap();
        let requirements = disk.journals.get(run_id)?.run.requirements().iter();
        let standing: Vec<_> = requirements.filter(|found| found.standing().is_some()).collect();
        Some(standing.get(pick % standing.len().max(1))?.id.clone())
    }

    fn apply_to_drive(&mut self, place: usize, event: &Event) {
        match event {
            Event::Tool { pick, end, .. } => self.finish_tool(place, *pick, *end),
            Event::Reconcile { pick, answer, .. } => self.reconcile(place, *pick, *answer),
            Event::Reply { pick, seed, .. } => self.reply(place, *pick, Some(*seed)),
            Event::ModelFails { pick, .. } => self.fail_model(place, *pick),
            Event::CancelOwn {
                pick,
                interrupt,
                is_told,
                ..
            } => self.cancel_own(place, *pick, *interrupt, *is_told),
            Event::HandBack { pick, force, .. } => self.drain_run(place, *pick, *force),
            Event::Abandon { pick, .. } => self.abandon(place, *pick),
            _ => {}
        }
    }

    fn pick(&mut self, place: usize, pick: usize, fits: impl Fn(&Drive) -> bool) -> Option<&mut Drive> {
        let mut fitting: Vec<&mut Drive> = self.processes[place]
            .drives
            .iter_mut()
            .filter(|drive| fits(drive))
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let chosen = pick % fitting.len();
        Some(fitting.swap_remove(chosen))
    }

    pub(crate) fn finish_tool(&mut self, place: usize, pick: usize, end: ToolEnd) {
        let around = self.processes[place].surroundings(self.clock(place));
        let Some(drive) = self.pick(place, pick, |drive| !drive.tools.is_empty()) else {
            return;
        };
        let chosen = pick / 7 % drive.tools.len();
        let RunningTool { start, is_interrupted } = drive.tools.swap_remove(chosen);
        drive.feed(&around, |session, deliver| {
            let now = around.now;
            Ok(if is_interrupted && end == ToolEnd::IsInterrupted {
                session.notify_tool_interrupted(&start.call_id, "interrupted".into(), now, deliver)?
            } else {
                session.notify_tool_finished(&start.call_id, outcome(end == ToolEnd::Raises), now, deliver)?
            })
        });
    }

    pub(crate) fn reconcile(&mut self, place: usize, pick: usize, answer: Answer) {
        let around = self.processes[place].surroundings(self.clock(place));
        let disk = Arc::clone(&self.disk);
        let Some(drive) = self.pick(place, pick, |drive| !drive.in_doubt.is_empty()) else {
            return;
        };
        let ToolInDoubt { call_id, attempt, .. } = drive.in_doubt.remove(0);
        let was_executed = disk
            .lock()
            .unwrap()
            .ledger
            .was_executed(&drive.run_id, &call_id, attempt);
        let answer = match answer {
            Answer::TheTruth if was_executed => Reconciliation::Finished(outcome(false)),
            Answer::TheTruth => Reconciliation::NotStarted,
            Answer::Unknown => Reconciliation::Unknown(None),
        };
        drive.feed(&around, |session, deliver| {
            Ok(session.notify_reconciled(&call_id, answer, around.now, deliver)?)
        });
    }

    pub(crate) fn reply(&mut self, place: usize, pick: usize, seed: Option<u64>) {
        let around = self.processes[place].surroundings(self.clock(place));
        let Some(drive) = self.pick(place, pick, |drive| drive.awaits_model) else {
            return;
        };
        drive.awaits_model = false;
        let Some(session) = &drive.session else { return };
        let asked = session.run().messages().len() / 2;
        let (reply, verdict) = seed.map_or_else(model::final_answer, |seed| model::reply(seed, asked));
        drive.plan(reply, verdict, &around);
    }

    fn fail_model(&mut self, place: usize, pick: usize) {
        let around = self.processes[place].surroundings(self.clock(place));
        if let Some(drive) = self.pick(place, pick, |drive| drive.awaits_model) {
            drive.awaits_model = false;
            let failure = model::failure(FailureKind::Model);
            drive.feed(&around, |session, deliver| {
                Ok(session.notify_model_failed(failure, 3, around.now, deliver)?)
            });
        }
    }

    fn cancel_own(&mut self, place: usize, pick: usize, interrupt: bool, is_told: bool) {
        let around = self.processes[place].surroundings(self.clock(place));
        if let Some(drive) = self.pick(place, pick, |drive| drive.session.is_some()) {
            let is_granted = drive.want_cancelled(interrupt, &around);
            if is_granted && is_told {
                drive.feed(&around, |session, deliver| {
                    Ok(session.notify_cancelled(interrupt, None, around.now, deliver)?)
                });
            }
        }
    }

    fn drain_run(&mut self, place: usize, pick: usize, force: bool) {
        let around = self.processes[place].surroundings(self.clock(place));
        if let Some(drive) = self.pick(place, pick, |drive| drive.session.is_some()) {
            drive.feed(&around, |session, deliver| {
                Ok(session.notify_drained(force, around.now, deliver)?)
            });
        }
    }

    fn abandon(&mut self, place: usize, pick: usize) {
        if let Some(drive) = self.pick(place, pick, |_| true) {
            drive.end();
        }
    }
}

fn outcome(is_error: bool) -> ToolOutcome {
    ToolOutcome {
        content: "worked".into(),
        is_error,
        duration_us: 3,
    }
}

fn place_of(event: &Event) -> usize {
    match event {
        Event::Start { process, .. }
        | Event::Continue { process, .. }
        | Event::Commit { process, .. }
        | Event::CommitFails { process }
        | Event::CommitGoesUnheard { process }
        | Event::Acknowledge { process }
        | Event::LoseAnswer { process }
        | Event::LookUp { process }
        | Event::GiveUp { process }
        | Event::Read { process }
        | Event::Notify { process }
        | Event::Heartbeat { process }
        | Event::Crash { process }
        | Event::Restart { process }
        | Event::Freeze { process }
        | Event::Wake { process }
        | Event::Tool { process, .. }
        | Event::Reconcile { process, .. }
        | Event::Reply { process, .. }
        | Event::ModelFails { process, .. }
        | Event::Decide { process, .. }
        | Event::Revoke { process, .. }
        | Event::Expire { process, .. }
        | Event::Cancel { process, .. }
        | Event::CancelOwn { process, .. }
        | Event::HandBack { process, .. }
        | Event::Abandon { process, .. }
        | Event::SetClock { process, .. }
        | Event::Hide { process, .. } => *process,
        Event::PowerLoss
        | Event::Flush
        | Event::Begin { .. }
        | Event::Land { .. }
        | Event::Lose { .. }
        | Event::ResetRows { .. }
        | Event::Wait { .. } => 0,
    }
}
