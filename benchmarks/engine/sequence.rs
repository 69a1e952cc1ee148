//! One run of so many tool calls, one after the other, as a driver plays it: what the benchmarks time and the tests count.

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};

use haltpoint_engine::journal::{AskingRules, FORMAT, ModelReplied, PlannedCall, RunStarted, ToolFacts, Usage};
use haltpoint_engine::run::{Effect, ToolOutcome, Verdict};
use haltpoint_engine::session::{Deliver, Handed, Memory, Session};
use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::{Json, Text, Timestamp};

pub(crate) type Failure = Box<dyn Error>;

/// When everything happens: the engine reads no clock.
pub(crate) const NOW: Timestamp = Timestamp(1_750_000_000_000_000);

type Committed = Result<Vec<Effect>, StoreError>;

/// Starts the run, makes `steps` tool calls, completes it.
pub(crate) fn drive(store: &StoreHandle, run_id: &str, steps: u32) -> Result<(), Failure> {
    let (sender, commits) = channel();
    let deliver = move || deliver_to(sender.clone());
    let (mut session, _) = Session::start(store.clone(), started(run_id), &Memory::default(), NOW, deliver());
    awaited_effect(&commits)?;
    for step in 0..steps {
        let handed = session.notify_model_replied(reply_with_call(step)?, Verdict::Accept(None), NOW, deliver())?;
        let Effect::StartTool(start) = effect_of(handed, &commits)? else {
            return Err("the tool was not started".into());
        };
        // The next request leaves at once; that the outcome is on disk comes later, with nothing in it.
        session.notify_tool_finished(&start.call_id, outcome(), NOW, deliver())?;
    }
    let handed = session.notify_model_replied(final_reply(), Verdict::Accept(None), NOW, deliver())?;
    match effect_of(handed, &commits)? {
        Effect::Stop => Ok(()),
        other => Err(format!("the run did not stop: {other:?}").into()),
    }
}

fn deliver_to(sender: Sender<Committed>) -> Deliver {
    Box::new(move |committed| {
        // A receiver that is gone has what it waited for.
        let _ = sender.send(committed);
    })
}

/// The effect that an input has at once, where its commit is made already, or else with its commit.
fn effect_of(handed: Handed, commits: &Receiver<Committed>) -> Result<Effect, Failure> {
    handed.spin().now.pop().map_or_else(|| awaited_effect(commits), Ok)
}

/// The effect of the next commit that has one.
fn awaited_effect(commits: &Receiver<Committed>) -> Result<Effect, Failure> {
    loop {
        if let Some(effect) = commits.recv()??.pop() {
            return Ok(effect);
        }
    }
}

pub(crate) fn started(run_id: &str) -> RunStarted {
    RunStarted {
        format: FORMAT,
        run_id: run_id.into(),
        agent_id: None,
        agent_name: None,
        session_id: None,
        user_id: None,
        model_name: Some("scripted".into()),
        system_prompt: None,
        description: "Look the numbers up.".into(),
        context: None,
        prompt: None,
        response_format: None,
        tools: Vec::new(),
        remembers: Vec::new(),
        tool_call_limit: u64::MAX,
        metadata: None,
    }
}

/// The reply that asks for call number `step`.
pub(crate) fn reply_with_call(step: u32) -> Result<ModelReplied, Failure> {
    let call = PlannedCall {
        id: Text::from(format!("call_{step}")),
        name: "lookup".into(),
        args: Json::parse(format!("{{\"number\":{step}}}"))?,
        shown: None,
        tool: Some(ToolFacts {
            module: "numbers".into(),
            digest: "0123456789abcdef0123456789abcdef".into(),
            repeatable: false,
            reconcilable: false,
            sequential: false,
            stop_after: false,
            sensitive: Vec::new(),
        }),
        asks: None,
        fields: None,
        answers_are_result: false,
        refused: None,
        rules: AskingRules::default(),
    };
    Ok(reply(None, vec![call]))
}

pub(crate) fn final_reply() -> ModelReplied {
    reply(Some("done"), Vec::new())
}

pub(crate) fn outcome() -> ToolOutcome {
    ToolOutcome {
        content: "ok: 42".into(),
        is_error: false,
        duration_us: 3,
    }
}

fn reply(text: Option<&str>, calls: Vec<PlannedCall>) -> ModelReplied {
    ModelReplied {
        text: text.map(Text::from),
        calls,
        usage: Some(Usage {
            input_tokens: 100,
            output_tokens: 10,
        }),
        provider_data: None,
        duration_us: 5,
        attempt: 1,
    }
}
