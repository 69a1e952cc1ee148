//! The end of every history: no more trouble, and everybody does their part until all runs are completed.

use haltpoint_engine::Text;
use haltpoint_engine::journal::InDoubtRule;
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::Requirement;

use crate::backend::Fate;
use crate::drive::Intent;
use crate::event::{Answer, ToolEnd};
use crate::model;
use crate::process::LEASE;
use crate::random::Random;
use crate::witness::{Happening, Promise};
use crate::world::World;

/// In so many rounds each run has to end.
const MOST_ROUNDS: usize = 40;
/// Where an index that was set back may keep a run from its end.
const FEW_ROUNDS: usize = 4;
/// What anybody continues a run with in the end.
const WILLING: Intent = Intent {
    tool_call_limit: 1_000,
    rule: InDoubtRule::Ask,
    gives_up: false,
};

impl World {
    /// Brings every run that is on disk to its end, and checks what must hold then.
    pub(crate) fn bring_to_an_end(&mut self) {
        self.witness.tell(|| "no more trouble".to_owned());
        self.disk.lock().unwrap().land_all();
        for place in 0..self.processes.len() {
            self.wake(place);
            self.restart(place);
        }
        let rounds = if self.resets_rows { FEW_ROUNDS } else { MOST_ROUNDS };
        for round in 0..rounds {
            if round == MOST_ROUNDS / 2 {
                self.start_all_anew();
            }
            self.play_a_round();
            if self.witness.is_broken() || self.unfinished().is_empty() {
                break;
            }
        }
        let unfinished = self.unfinished();
        self.witness.expect(unfinished.is_empty(), Promise::RunsCanEnd, || {
            format!("{unfinished:?} did not end")
        });
        self.drain();
        self.processes.iter().for_each(|process| process.backend.check_told());
        let disk = &mut *self.disk.lock().unwrap();
        disk.journals
            .values()
            .for_each(|_| self.witness.count(Happening::EndedRuns));
        disk.check_acknowledged();
        disk.check_replay();
    }

    /// A lease that a process took without hearing of it is held for as long as the process lives.
    fn start_all_anew(&mut self) {
        self.witness.count(Happening::RestartsInTheEnd);
        let may_be_needed = self.witness.tally()[Happening::UnheardCommits as usize] > 0;
        self.witness.expect(may_be_needed, Promise::RunsCanEnd, || {
            "a run ends only with its process".to_owned()
        });
        for place in 0..self.processes.len() {
            self.processes[place].die();
            self.restart(place);
        }
    }

    fn unfinished(&self) -> Vec<Text> {
        let disk = self.disk.lock().unwrap();
        let open = disk.journals.iter().filter(|(_, journal)| !journal.is_completed());
        open.map(|(run_id, _)| run_id.clone()).collect()
    }

    fn play_a_round(&mut self) {
        self.drain();
        for place in 0..self.processes.len() {
            self.do_what_drives_ask(place);
        }
        self.drain();
        for run_id in self.unfinished() {
            let is_driven = self
                .processes
                .iter()
                .any(|process| process.drives.iter().any(|drive| drive.run_id == run_id));
            if !is_driven {
                self.decide_and_continue(&run_id);
            }
        }
    }

    /// Lets the stores work off whatever waits.
    fn drain(&mut self) {
        for _ in 0..20 {
            for place in 0..self.processes.len() {
                let now = self.clock(place);
                let process = &mut self.processes[place];
                process.backend.look_up();
                process.backend.acknowledge();
                process.backend.commit(usize::MAX, Fate::Written);
                self.disk.lock().unwrap().land_all();
                process.backend.acknowledge();
                process.backend.read_one();
                process.backend.notify_one();
                process.turn(now);
            }
            if self.processes.iter().all(|process| process.is_quiet()) {
                return;
            }
        }
    }

    fn do_what_drives_ask(&mut self, place: usize) {
        for _ in 0..12 {
            self.finish_tool(place, 0, ToolEnd::IsInterrupted);
            self.reconcile(place, 0, Answer::Unknown);
            self.reply(place, 0, None);
            let now = self.clock(place);
            self.processes[place].turn(now);
        }
    }

    fn decide_and_continue(&mut self, run_id: &Text) {
        // Holders whose death nobody can see hold their runs until then.
        self.let_pass(i64::try_from(LEASE.as_micros()).unwrap() * 2);
        let now = self.clock(0);
        let decisions = self.open_decisions(run_id);
        for (requirement_id, decision) in decisions {
            for by in model::PEOPLE {
                self.processes[0].decide(run_id.clone(), requirement_id.clone(), decision.clone(), by, now);
            }
        }
        self.drain();
        self.processes[0].continue_run(run_id.clone(), WILLING, now);
        self.drain();
    }

    fn open_decisions(&self, run_id: &Text) -> Vec<(Text, Decision)> {
        let disk = self.disk.lock().unwrap();
        let Some(journal) = disk.journals.get(run_id) else {
            return Vec::new();
        };
        // Whoever confirms second confirms what the first one did.
        let decide = |requirement: &Requirement| {
            let first = requirement.approvals.first().map(|approval| approval.decision.clone());
            // A tool that always asks takes no approval that is to be remembered.
            let drawn = || model::forgetful(model::decision(requirement.kind, &mut Random::new(journal.len())));
            (requirement.id.clone(), first.unwrap_or_else(drawn))
        };
        journal.run.open_requirements().map(decide).collect()
    }
}
