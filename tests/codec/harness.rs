//! Runs a property: a fixed number of fixed cases as a test, or random ones for a given time as a fuzzer.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestCaseResult, TestRunner};

use crate::difference::first_difference;

/// Set to the seed that a failure named, it repeats that failure.
const SEED: &str = "HALTPOINT_FUZZ_SEED";
/// Set to a number of seconds, it makes each fuzz target look for new cases that long.
const FUZZ_SECONDS: &str = "HALTPOINT_FUZZ_SECONDS";

const ROUND: u32 = 200;

/// The seed of what is played where none is named.
const FIXED: u64 = 0x68_61_6c_74;

fn config(cases: u32, seed: u64) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Holds `property` to `cases` values, the same in each run; a value that breaks it is shrunk and shown.
pub(crate) fn check<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    match std::env::var(SEED) {
        Ok(seed) => run(cases.max(ROUND), seed.parse().expect("a number"), strategy, property),
        Err(_) => run(cases, FIXED, strategy, property),
    }
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
        run(ROUND, new_seed(), strategy, &property);
    }
}

fn fuzz_time() -> Option<Duration> {
    let seconds = std::env::var(FUZZ_SECONDS).ok()?;
    Some(Duration::from_secs(seconds.parse().expect("a number of seconds")))
}

/// Another one each time, in every process.
fn new_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn run<S: Strategy>(cases: u32, seed: u64, strategy: &S, property: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    if let Err(failure) = TestRunner::new(config(cases, seed)).run(strategy, property) {
        panic!("seed {seed} ({SEED}={seed} repeats it): {failure}");
    }
}

/// Says of two values that should be the same where they differ first.
pub(crate) fn same<T: Debug + PartialEq>(found: &T, expected: &T) -> TestCaseResult {
    if found == expected {
        return Ok(());
    }
    let difference = first_difference(found, expected).unwrap_or_else(|| "both look the same".to_owned());
    Err(TestCaseError::fail(format!("found / expected: {difference}")))
}
