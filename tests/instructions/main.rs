//! How many instructions a step takes the engine, counted by callgrind: counts repeat where times do not.
//!
//! Each count is that of a whole process that plays one run; what a step takes is the difference of a longer and a
//! shorter run. Where there is no valgrind, the tests say so and count nothing.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "counting needs a process of its own, and that process a store"
)]
#![expect(clippy::print_stderr, reason = "the counts are what one wants to see")]

#[path = "../../benchmarks/engine/sequence.rs"]
mod sequence;

use std::process::{Command, Stdio};

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};

/// Tell the process that is counted what to play.
const STORE: &str = "HALTPOINT_COUNTED_STORE";
const STEPS: &str = "HALTPOINT_COUNTED_STEPS";

/// Well above what was counted, 72,000 and 133,000: for other compilers and processors, not for a second copy of the state.
const MOST_IN_MEMORY: u64 = 120_000;
const MOST_ON_DISK: u64 = 250_000;

const RUN_ID: &str = "0198c0de-0000-7000-8000-000000000001";

/// What is counted, not a test by itself: plays the run that the environment asks for.
#[test]
#[ignore = "played by the tests that count it"]
fn a_counted_run() {
    let steps = std::env::var(STEPS)
        .expect("the number of steps")
        .parse()
        .expect("a number");
    let directory = tempfile::tempdir().expect("a directory");
    let store = match std::env::var(STORE).expect("a store").as_str() {
        "memory" => StoreHandle::in_memory(),
        _ => StoreHandle::open_sqlite(&directory.path().join("runs.db"), relaxed()).expect("a store"),
    };
    sequence::drive(&store, RUN_ID, steps).expect("the run completes");
}

fn relaxed() -> SqliteOptions {
    SqliteOptions {
        durability: Durability::Normal,
        clock: std::sync::Arc::new(|| sequence::NOW),
        ..SqliteOptions::default()
    }
}

/// The instructions of a process that plays a run of so many steps, all of its threads.
fn instructions(store: &str, steps: u32) -> u64 {
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("this test's own path"))
        .args(["--exact", "a_counted_run", "--ignored", "--test-threads=1"])
        .envs([(STORE, store), (STEPS, &steps.to_string())])
        .output()
        .expect("valgrind starts");
    let said = String::from_utf8_lossy(&counted.stderr);
    assert!(counted.status.success(), "{said}");
    let line = said.lines().find(|line| line.contains("Collected :")).expect("a count");
    line.rsplit(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .expect("a number")
}

/// What each of the steps between a shorter and a longer run takes.
fn for_each_step(store: &str, shorter: u32, longer: u32) -> u64 {
    let difference = instructions(store, longer) - instructions(store, shorter);
    let each = difference / u64::from(longer - shorter);
    eprintln!("{store}: {each} instructions for each step from {shorter} to {longer}");
    each
}

fn has_valgrind() -> bool {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: there is no valgrind here to count instructions with");
    }
    found
}

#[test]
fn a_step_in_memory_takes_few_instructions() {
    if has_valgrind() {
        let each = for_each_step("memory", 100, 1_100);
        assert!(each < MOST_IN_MEMORY, "{each} instructions");
    }
}

#[test]
fn a_step_on_disk_takes_few_instructions() {
    if has_valgrind() {
        let each = for_each_step("sqlite", 100, 1_100);
        assert!(each < MOST_ON_DISK, "{each} instructions");
    }
}

#[test]
fn a_step_of_a_long_run_takes_what_one_of_a_short_run_takes() {
    if has_valgrind() {
        let (early, late) = (
            for_each_step("memory", 100, 1_100),
            for_each_step("memory", 4_100, 5_100),
        );
        assert!(
            late * 10 < early * 12,
            "{late} instructions late in the run, {early} early"
        );
    }
}
