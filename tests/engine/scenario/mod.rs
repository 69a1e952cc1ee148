//! A scripted host around a run: it plays driver, store and people, and checks after every input what must always hold. A test
//! reads as the story that it tells.

mod decisions;
mod expectations;
mod invariants;
mod journal;
mod others;
mod plans;
mod processes;
mod reports;

use std::collections::{HashSet, VecDeque};

pub(crate) use decisions::{
    answers, confirmed, confirmed_with, obliging, rejected, rejected_because, remembered, remembered_with_arguments,
    result, retried, signalled, skipped, skipped_because, supplied,
};
pub(crate) use expectations::{again, interrupt, reconcile, request_model, start};
pub(crate) use journal::{Journal, salt};
pub(crate) use plans::{
    Declared, as_json, asks_for_answers, asks_user, asks_user_for_more, awaits, calls, confirm, external, plain,
    refused, says_and_calls, sleeps, sleeps_until, text, unknown,
};

use haltpoint_engine::journal::{Entry, FORMAT, Record, RunStarted};
use haltpoint_engine::run::{Call, Effect, Run, Transition};
use haltpoint_engine::store::RunStatus;
use haltpoint_engine::{Text, Timestamp};

/// The run of most stories.
pub(crate) const RUN_ID: &str = "01936f00-0000-7000-8000-000000000001";
const BEGINNING: Timestamp = Timestamp(1_763_800_000_000_000);
const TICK_US: i64 = 1_000;

/// One run, the journal that its store would hold, and what it has asked its driver to do.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    live: Run,
    journal: Journal,
    now: Timestamp,
    /// Handed out and not yet looked at by an expectation.
    effects: Vec<Effect>,
    /// Appended by others and not yet heard of by the driver, oldest first.
    unheard: VecDeque<Record>,
    model_is_asked: bool,
    /// Calls in doubt whose tools were asked and have not answered.
    reconciling: HashSet<Text>,
    holder: u32,
}

impl Scenario {
    /// A driver has begun a run, and the model is being asked.
    pub(crate) fn new() -> Self {
        Self::of(run_started()).expect_effects([request_model()])
    }

    /// As [`Scenario::new`], of a run that may make so many tool calls.
    pub(crate) fn with_tool_call_limit(tool_call_limit: u64) -> Self {
        Self::of(RunStarted {
            tool_call_limit,
            ..run_started()
        })
        .expect_effects([request_model()])
    }

    /// A driver has begun this run.
    pub(crate) fn of(started: RunStarted) -> Self {
        let mut journal = Journal::default();
        journal.append(vec![Entry::RunStarted(Box::new(started.clone()))], false, BEGINNING);
        let scenario = Self {
            live: Run::new(Box::new(started), BEGINNING),
            journal,
            now: BEGINNING,
            effects: Vec::new(),
            unheard: VecDeque::new(),
            model_is_asked: false,
            reconciling: HashSet::new(),
            holder: 1,
        };
        scenario.feed(|run, at| run.notify_begun("process 1".into(), at))
    }

    /// What a process finds that looks at this journal while nobody drives the run.
    pub(crate) fn found(journal: Journal) -> Self {
        let live = Run::replay(journal.records()).unwrap();
        let now = journal.records().iter().map(|record| record.at).max().unwrap();
        Self {
            live,
            journal,
            now,
            effects: Vec::new(),
            unheard: VecDeque::new(),
            model_is_asked: false,
            reconciling: HashSet::new(),
            holder: 100,
        }
    }

    fn tick(&mut self) {
        self.now = self.now.plus_micros(TICK_US);
    }

    fn feed(mut self, input: impl FnOnce(&mut Run, Timestamp) -> Transition) -> Self {
        self.tick();
        let before = self.live.clone();
        let transition = input(&mut self.live, self.now);
        invariants::check_step(&before, &self.live, &transition);
        transition.effects.iter().for_each(|effect| self.notes(effect));
        self.journal.append(transition.entries, false, self.now);
        self.effects.extend(transition.effects);
        self.assert_heard_state();
        self.assert_not_stuck();
        self
    }

    fn notes(&mut self, effect: &Effect) {
        match effect {
            Effect::RequestModel => self.model_is_asked = true,
            Effect::ReconcileTool(in_doubt) => {
                assert!(
                    self.reconciling.insert(in_doubt.call_id.clone()),
                    "a tool is asked twice"
                );
            }
            Effect::StartTool(_) | Effect::InterruptTool { .. } => {}
            Effect::Stop => self.model_is_asked = false,
        }
    }

    /// The live state is the fold of what the driver wrote and heard.
    fn assert_heard_state(&self) {
        let unheard: HashSet<u64> = self.unheard.iter().map(|record| record.seq).collect();
        let heard: Vec<Record> = self
            .journal
            .records()
            .iter()
            .filter(|record| !unheard.contains(&record.seq))
            .cloned()
            .collect();
        invariants::check_state(&self.live, &heard);
    }

    /// A running run waits for the model or for a tool; otherwise nothing would ever move it again.
    fn assert_not_stuck(&self) {
        if self.live.status() == RunStatus::Running {
            let runs = self.live.calls().iter().any(Call::is_started);
            let moves = self.model_is_asked || runs || !self.reconciling.is_empty();
            assert!(moves, "running, and waiting for nothing");
        }
    }
}

/// The first entry of most stories.
pub(crate) fn run_started() -> RunStarted {
    RunStarted {
        format: FORMAT,
        run_id: RUN_ID.into(),
        agent_id: None,
        agent_name: Some("clerk".into()),
        session_id: None,
        user_id: None,
        model_name: Some("scripted".into()),
        system_prompt: None,
        description: "Pay the invoice".into(),
        context: None,
        prompt: None,
        response_format: None,
        tools: Vec::new(),
        remembers: Vec::new(),
        tool_call_limit: 100,
        metadata: None,
    }
}
