//! What happens next: drawn from what can happen, with weights that each history draws for itself, so that some histories know
//! one kind of trouble only, and some know all of them at once.

use haltpoint_engine::journal::InDoubtRule;

use crate::event::{Answer, Event, ToolEnd};
use crate::process::{Condition, Process};
use crate::random::Random;
use crate::server::Server;
use crate::world::{PROCESSES, World};

/// The most runs that a history starts.
const MOST_RUNS: usize = 3;
const HOUR_US: i64 = 3_600_000_000;

/// How likely each kind of trouble is in one history.
struct Weights {
    crashes: u32,
    power_losses: u32,
    freezes: u32,
    disk_faults: u32,
    cancels: u32,
    resumers: u32,
    deciders: u32,
    waits: u32,
    clock_jumps: u32,
    veils: u32,
    revokers: u32,
}

impl Weights {
    fn draw(random: &mut Random) -> Self {
        let mut weight = |weights: &[u32]| random.one_of(weights);
        Self {
            crashes: weight(&[0, 1, 3]),
            power_losses: weight(&[0, 0, 1, 2]),
            freezes: weight(&[0, 0, 1, 3]),
            disk_faults: weight(&[0, 0, 0, 1, 2]),
            cancels: weight(&[0, 1, 3]),
            resumers: weight(&[2, 4, 8]),
            deciders: weight(&[1, 4, 8]),
            waits: weight(&[0, 1, 3]),
            clock_jumps: weight(&[0, 1, 3]),
            veils: weight(&[0, 0, 1, 2]),
            revokers: weight(&[0, 1, 4]),
        }
    }
}

/// How the server and the way to it are in one history.
#[derive(Clone, Copy)]
struct LinkWeights {
    landings: u32,
    lost_statements: u32,
    lost_answers: u32,
    given_up: u32,
}

impl LinkWeights {
    fn draw(random: &mut Random) -> Self {
        let mut weight = |weights: &[u32]| random.one_of(weights);
        Self {
            landings: weight(&[3, 8, 30, 30]),
            lost_statements: weight(&[0, 0, 1, 3]),
            lost_answers: weight(&[0, 0, 2, 6]),
            given_up: weight(&[0, 0, 1, 3]),
        }
    }
}

/// Draws one history's events.
pub(crate) struct Scheduler {
    random: Random,
    weights: Weights,
    link: Option<LinkWeights>,
    candidates: Vec<(u32, Event)>,
}

impl Scheduler {
    pub(crate) fn new(seed: u64, is_on_server: bool) -> Self {
        let mut random = Random::new(seed);
        let weights = Weights::draw(&mut random);
        let link = is_on_server.then(|| LinkWeights::draw(&mut random));
        Self {
            random,
            weights,
            link,
            candidates: Vec::new(),
        }
    }

    /// How many events the history has.
    pub(crate) fn length(&mut self) -> usize {
        // What goes to a server takes more events.
        let share = if self.link.is_some() { 3 } else { 2 };
        (30 + self.random.below(90)) * share / 2
    }

    pub(crate) fn next(&mut self, world: &World) -> Event {
        self.candidates.clear();
        for place in 0..PROCESSES {
            self.offer_of_process(world, place);
        }
        self.offer_of_world();
        self.offer_of_server(world);
        if world.resets_rows {
            let seed = self.random.number();
            self.offer(8, Event::ResetRows { seed });
        }
        let total: u32 = self.candidates.iter().map(|(weight, _)| weight).sum();
        let mut left = u32::try_from(self.random.below(total as usize)).unwrap();
        for (weight, event) in &self.candidates {
            if left < *weight {
                return event.clone();
            }
            left -= weight;
        }
        Event::Flush
    }

    fn offer(&mut self, weight: u32, event: Event) {
        if weight > 0 {
            self.candidates.push((weight, event));
        }
    }

    fn offer_of_world(&mut self) {
        self.offer(self.weights.power_losses, Event::PowerLoss);
        self.offer(1, Event::Flush);
        let micros = self.random.one_of(&[1_000_000, 20_000_000, 31_000_000, HOUR_US]);
        self.offer(self.weights.waits, Event::Wait { micros });
        let (process, of_all) = (self.random.below(PROCESSES), self.random.chance(50));
        let micros = self
            .random
            .one_of(&[HOUR_US, 31_000_000, 1_000_000, -1_000_000, -31_000_000, -HOUR_US]);
        self.offer(
            self.weights.clock_jumps,
            Event::SetClock {
                process,
                of_all,
                micros,
            },
        );
        let is_hidden = self.random.chance(70);
        self.offer(self.weights.veils, Event::Hide { process, is_hidden });
    }

    fn offer_of_server(&mut self, world: &World) {
        let Some(link) = self.link else { return };
        let under_way = world.disk.lock().unwrap().server.as_ref().map_or(0, Server::under_way);
        if under_way > 0 {
            let pick = self.random.below(under_way);
            self.offer(link.landings, Event::Land { pick });
            self.offer(link.landings.min(8), Event::Begin { pick });
            self.offer(link.lost_statements, Event::Lose { pick });
        }
        for process in 0..PROCESSES {
            let at = &world.processes[process];
            if at.condition != Condition::Running {
                continue;
            }
            if at.backend.is_in_the_dark() {
                self.offer(20, Event::LookUp { process });
                self.offer(link.given_up, Event::GiveUp { process });
            } else if at.backend.has_sent() {
                self.offer(link.lost_answers, Event::LoseAnswer { process });
            }
        }
    }

    fn offer_of_process(&mut self, world: &World, process: usize) {
        match world.processes[process].condition {
            Condition::Dead => self.offer(8, Event::Restart { process }),
            Condition::Frozen => {
                self.offer(4, Event::Wake { process });
                self.offer(self.weights.crashes, Event::Crash { process });
            }
            Condition::Running => {
                self.offer_of_store(&world.processes[process], process);
                self.offer_of_drives(&world.processes[process], process);
                self.offer_of_users(world, process);
                self.offer(self.weights.crashes, Event::Crash { process });
                self.offer(self.weights.freezes, Event::Freeze { process });
                self.offer(1, Event::Heartbeat { process });
            }
        }
    }

    fn offer_of_store(&mut self, at: &Process, process: usize) {
        if at.backend.can_commit() {
            let most = self.random.one_of(&[1, 1, 2, 8]);
            self.offer(30, Event::Commit { process, most });
            self.offer(self.weights.disk_faults, Event::CommitFails { process });
            if self.link.is_none() {
                self.offer(self.weights.disk_faults, Event::CommitGoesUnheard { process });
            }
        }
        if at.backend.can_acknowledge() {
            self.offer(30, Event::Acknowledge { process });
        }
        if at.backend.can_read() {
            self.offer(25, Event::Read { process });
        }
        if at.backend.has_notices() {
            self.offer(12, Event::Notify { process });
        }
    }

    fn offer_of_drives(&mut self, at: &Process, process: usize) {
        let pick = self.random.below(1_000);
        if at.drives.iter().any(|drive| drive.awaits_model) {
            let seed = self.random.number();
            self.offer(25, Event::Reply { process, pick, seed });
            self.offer(1, Event::ModelFails { process, pick });
        }
        if at.drives.iter().any(|drive| !drive.tools.is_empty()) {
            let end = self
                .random
                .one_of(&[ToolEnd::Returns, ToolEnd::Raises, ToolEnd::IsInterrupted]);
            self.offer(20, Event::Tool { process, pick, end });
        }
        if at.drives.iter().any(|drive| !drive.in_doubt.is_empty()) {
            let answer = self.random.one_of(&[Answer::TheTruth, Answer::Unknown]);
            self.offer(15, Event::Reconcile { process, pick, answer });
        }
        if !at.drives.is_empty() {
            let (interrupt, is_told) = (self.random.chance(50), self.random.chance(50));
            self.offer(
                self.weights.cancels,
                Event::CancelOwn {
                    process,
                    pick,
                    interrupt,
                    is_told,
                },
            );
            let force = self.random.chance(50);
            self.offer(self.weights.cancels.min(1), Event::HandBack { process, pick, force });
            self.offer(self.weights.crashes.min(1), Event::Abandon { process, pick });
        }
    }

    fn offer_of_users(&mut self, world: &World, process: usize) {
        let tool_call_limit = self.random.one_of(&[2, 6, 100, 100]);
        if world.runs.len() < MOST_RUNS {
            let remembers = self.random.chance(30);
            let weight = if world.runs.is_empty() { 60 } else { 2 };
            self.offer(
                weight,
                Event::Start {
                    process,
                    tool_call_limit,
                    remembers,
                },
            );
        }
        if world.runs.is_empty() {
            return;
        }
        let (run, pick, seed) = (
            self.random.below(world.runs.len()),
            self.random.below(1_000),
            self.random.number(),
        );
        let rule = self.random.one_of(&[
            InDoubtRule::Ask,
            InDoubtRule::Ask,
            InDoubtRule::Retry,
            InDoubtRule::Fail,
        ]);
        let gives_up = self.random.chance(5);
        self.offer(
            self.weights.resumers,
            Event::Continue {
                process,
                run,
                tool_call_limit,
                rule,
                gives_up,
            },
        );
        self.offer(
            self.weights.deciders,
            Event::Decide {
                process,
                run,
                pick,
                seed,
            },
        );
        self.offer(self.weights.deciders, Event::Expire { process, run, pick });
        self.offer(self.weights.revokers, Event::Revoke { process, run, pick });
        let interrupt = self.random.chance(50);
        self.offer(
            self.weights.cancels,
            Event::Cancel {
                process,
                run,
                interrupt,
            },
        );
    }
}
