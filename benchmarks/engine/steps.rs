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

mod sequence;

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Instant;

use haltpoint_engine::session::load;
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};

use sequence::Failure;

const RUN_ID: &str = "0198c0de-0000-7000-8000-000000000001";

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(store), Some(steps)) = (arguments.next(), arguments.next()) else {
        return Err("usage: steps full|normal|memory|limit-full|limit-normal|limit-none STEPS".into());
    };
    let steps: u32 = steps.parse()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("runs.db");
    let began = Figures::now()?;
    let mut opened = None;
    match store.strip_prefix("limit-") {
        Some(synchronous) => commit_barely(&path, synchronous, steps)?,
        None => sequence::drive(opened.insert(open(&path, &store)?), RUN_ID, steps)?,
    }
    let spent = Figures::now()?.since(&began, steps);
    let taken_up = opened.map_or(Ok(String::new()), |store| take_up(&store))?;
    println!("{{\"store\": \"{store}\", \"steps\": {steps}, {spent}{taken_up}}}");
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

fn open(path: &Path, store: &str) -> Result<StoreHandle, Failure> {
    let durability = match store {
        "memory" => return Ok(StoreHandle::in_memory()),
        "normal" => Durability::Normal,
        "full" => Durability::Full,
        other => return Err(format!("no store {other:?}").into()),
    };
    let options = SqliteOptions {
        durability,
        ..SqliteOptions::default()
    };
    Ok(StoreHandle::open_sqlite(path, options)?)
}

/// How long it takes to load, check and replay the journal, and then to show the run as JSON, in microseconds.
fn take_up(store: &StoreHandle) -> Result<String, Failure> {
    let began = Instant::now();
    let (sender, receiver) = channel();
    load(store, RUN_ID.into(), Box::new(move |loaded| drop(sender.send(loaded))));
    let loaded = receiver.recv()??;
    let replayed = Instant::now();
    let shown = serde_json::to_string(&loaded.view())?.len();
    let (load, view) = (replayed - began, replayed.elapsed());
    Ok(format!(
        ", \"load_us\": {}, \"view_us\": {}, \"view_bytes\": {shown}",
        load.as_micros(),
        view.as_micros()
    ))
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
