//! What a sequential run's steps cost the engine: one run of N model replies with one tool call each, driven from one thread.
//!
//!     cargo run --release --example steps -- normal 10000
//!
//! Stores: `full`, `normal` and `memory`; and `limit-full`, `limit-normal`, `limit-none`: bare SQLite with one commit for each reply
//! and one for each result. Prints one JSON line.

#![expect(clippy::print_stdout, reason = "the figures are what the program is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures, and so needs the clock and the disk"
)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use haltpoint_engine::journal::{FORMAT, ModelReplied, PlannedCall, RunStarted, ToolFacts, Usage};
use haltpoint_engine::run::{Effect, ToolOutcome, ToolStart, Verdict};
use haltpoint_engine::session::{Deliver, Handed, Memory, Session};
use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};
use haltpoint_engine::{Json, Text, Timestamp};

type Failure = Box<dyn Error>;
type Committed = Result<Vec<Effect>, StoreError>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(store), Some(steps)) = (arguments.next(), arguments.next()) else {
        return Err("usage: steps full|normal|memory|limit-full|limit-normal|limit-none STEPS".into());
    };
    let steps: u32 = steps.parse()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("runs.db");
    let began = Figures::now()?;
    match store.strip_prefix("limit-") {
        Some(synchronous) => commit_barely(&path, synchronous, steps)?,
        None => drive(&open(&path, &store)?, steps)?,
    }
    let spent = Figures::now()?.since(&began, steps);
    println!("{{\"store\": \"{store}\", \"steps\": {steps}, {spent}}}");
    Ok(())
}

/// What a process has used up.
struct Figures {
    at: Instant,
    cpu_ticks: u64,
    written: u64,
}

impl Figures {
    fn now() -> Result<Self, Failure> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        let after_name = stat.rsplit_once(')').ok_or("no process name")?.1;
        let ticks = |field: usize| {
            after_name
                .split_whitespace()
                .nth(field)
                .ok_or("no such field")?
                .parse::<u64>()
                .map_err(Failure::from)
        };
        let io = std::fs::read_to_string("/proc/self/io")?;
        let written = io
            .lines()
            .find_map(|line| line.strip_prefix("wchar: "))
            .ok_or("no count of bytes")?;
        Ok(Self {
            at: Instant::now(),
            cpu_ticks: ticks(11)? + ticks(12)?,
            written: written.parse()?,
        })
    }

    /// Time and CPU time in microseconds, and bytes, for each step.
    fn since(&self, began: &Self, steps: u32) -> String {
        let steps = f64::from(steps);
        let micros = self.at.duration_since(began.at).as_secs_f64() * 1e6 / steps;
        let cpu = (self.cpu_ticks - began.cpu_ticks) as f64 * 1e4 / steps;
        let bytes = (self.written - began.written) as f64 / steps;
        format!("\"step_us\": {micros:.1}, \"cpu_us\": {cpu:.1}, \"step_bytes\": {bytes:.0}")
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn open(path: &Path, store: &str) -> Result<StoreHandle, Failure> {
    let durability = match store {
        "memory" => return Ok(StoreHandle::in_memory()),
        "normal" => Durability::Normal,
        "full" => Durability::Full,
        other => return Err(format!("no store {other:?}").into()),
    };
    let options = SqliteOptions {
        durability,
        clock: Arc::new(now),
        ..SqliteOptions::default()
    };
    Ok(StoreHandle::open_sqlite(path, options)?)
}

// The engine

/// Drives one run of so many tool calls, one after the other.
fn drive(store: &StoreHandle, steps: u32) -> Result<(), Failure> {
    let (sender, commits) = channel();
    let deliver = move || deliver_to(sender.clone());
    let (mut session, _) = Session::start(store.clone(), started(), &Memory::default(), now(), deliver());
    await_commit(&commits)?;
    for step in 0..steps {
        reply(&mut session, reply_with_call(step)?, deliver())?;
        let Some(Effect::StartTool(start)) = await_commit(&commits)?.pop() else {
            return Err("the tool was not started".into());
        };
        finish_tool(&mut session, &start, deliver())?;
        // The next request leaves at once; that the outcome is on disk comes later, with nothing in it.
    }
    reply(&mut session, model_replied(Some("done"), Vec::new()), deliver())?;
    await_commit(&commits)?;
    Ok(())
}

fn deliver_to(sender: Sender<Committed>) -> Deliver {
    Box::new(move |committed| {
        // A receiver that is gone has what it waited for.
        let _ = sender.send(committed);
    })
}

/// The effects of the next commit that has any.
fn await_commit(commits: &Receiver<Committed>) -> Result<Vec<Effect>, Failure> {
    loop {
        let effects = commits.recv()??;
        if !effects.is_empty() {
            return Ok(effects);
        }
    }
}

fn reply(session: &mut Session, reply: ModelReplied, deliver: Deliver) -> Result<Handed, StoreError> {
    session.notify_model_replied(reply, Verdict::Accept(None), now(), deliver)
}

fn finish_tool(session: &mut Session, start: &ToolStart, deliver: Deliver) -> Result<Handed, StoreError> {
    let outcome = ToolOutcome {
        content: "42 degrees, and a light wind from the west".into(),
        is_error: false,
        duration_us: 3,
    };
    session.notify_tool_finished(&start.call_id, outcome, now(), deliver)
}

fn started() -> RunStarted {
    RunStarted {
        format: FORMAT,
        run_id: "0198c0de-0000-7000-8000-000000000001".into(),
        agent_id: None,
        agent_name: None,
        session_id: None,
        user_id: None,
        model_name: Some("scripted".into()),
        system_prompt: None,
        description: "Call the tool until you are done.".into(),
        context: None,
        prompt: None,
        response_format: None,
        tools: Vec::new(),
        remembers: Vec::new(),
        tool_call_limit: u64::MAX,
        metadata: None,
    }
}

fn reply_with_call(step: u32) -> Result<ModelReplied, Failure> {
    let call = PlannedCall {
        id: Text::from(format!("call_{step}")),
        name: "look_up".into(),
        args: Json::parse(format!("{{\"place\":\"Lisbon\",\"number\":{step}}}"))?,
        tool: Some(ToolFacts {
            module: "weather".into(),
            digest: "0123456789abcdef0123456789abcdef".into(),
            repeatable: false,
            reconcilable: false,
            sequential: false,
            stop_after: false,
        }),
        asks: None,
        fields: None,
        answers_are_result: false,
        refused: None,
    };
    Ok(model_replied(None, vec![call]))
}

fn model_replied(text: Option<&str>, calls: Vec<PlannedCall>) -> ModelReplied {
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

// The limit

fn commit_barely(path: &Path, synchronous: &str, steps: u32) -> Result<(), Failure> {
    let connection = rusqlite::Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(
        None,
        "synchronous",
        if synchronous == "none" { "OFF" } else { synchronous },
    )?;
    connection
        .execute_batch("CREATE TABLE entries (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL)")?;
    let mut insert = connection.prepare("INSERT INTO entries (kind, payload) VALUES (?1, ?2)")?;
    for step in 0..steps {
        let arguments = format!("{{\"name\":\"look_up\",\"args\":{{\"place\":\"Lisbon\",\"number\":{step}}}}}");
        insert.execute(("model_replied", arguments))?;
        insert.execute(("tool_finished", "42 degrees, and a light wind from the west"))?;
    }
    Ok(())
}
