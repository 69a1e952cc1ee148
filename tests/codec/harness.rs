//! Runs a property: a fixed number of fixed cases as a test, or random ones for a given time as a fuzzer.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};

/// Set to a number of seconds, it makes each fuzz target look for new cases that long.
const FUZZ_SECONDS: &str = "HALTPOINT_FUZZ_SECONDS";

const ROUND: u32 = 200;

fn config(cases: u32, rng_seed: RngSeed) -> Config {
    Config {
        cases,
        rng_seed,
        failure_persistence: None,
        ..Config::default()
    }
}

/// Holds `property` to `cases` values, the same in each run; a value that breaks it is shrunk and shown.
pub(crate) fn check<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    run(config(cases, RngSeed::Fixed(0x68_61_6c_74)), strategy, property);
}

/// As [`check`]; where fuzzing is asked for, with new values until the time is over.
pub(crate) fn fuzz<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    check(cases, strategy, &property);
    let Some(limit) = fuzz_time() else { return };
    let began = Instant::now();
    while began.elapsed() < limit {
        run(config(ROUND, RngSeed::Random), strategy, &property);
    }
}

fn fuzz_time() -> Option<Duration> {
    let seconds = std::env::var(FUZZ_SECONDS).ok()?;
    Some(Duration::from_secs(seconds.parse().expect("a number of seconds")))
}

fn run<S: Strategy>(config: Config, strategy: &S, property: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    if let Err(failure) = TestRunner::new(config).run(strategy, property) {
        panic!("{failure}");
    }
}
