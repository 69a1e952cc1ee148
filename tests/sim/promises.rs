//! What the engine promises holds in every history.

use std::env;
use std::time::Instant;

use crate::campaign::{self, account};
use crate::history::{HONEST, ON_SERVER, WITH_RESET_ROWS, play};
use crate::witness::{Happening, ON_SERVERS_ONLY};

const HISTORIES: u64 = 100_000;

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn every_promise_holds_in_every_history() {
    let first_seed = setting("HALTPOINT_SIM_SEED").unwrap_or(1);
    let histories = setting("HALTPOINT_SIM_HISTORIES").unwrap_or(HISTORIES);
    let began = Instant::now();
    let seen = campaign::run(first_seed, histories, HONEST);
    println!(
        "{} histories from seed {first_seed} in {:.1?}",
        seen.histories,
        began.elapsed()
    );
    Happening::ALL
        .iter()
        .for_each(|happening| println!("{:>12} {happening:?}", seen.times(*happening)));
    if let Some((seed, played)) = &seen.failure {
        panic!("{}", account(*seed, played, HONEST));
    }
    if histories >= HISTORIES {
        let unseen: Vec<_> = Happening::ALL
            .iter()
            .filter(|happening| seen.times(**happening) == 0 && **happening != Happening::ResetRows)
            .filter(|happening| !ON_SERVERS_ONLY.contains(happening))
            .collect();
        assert!(
            unseen.is_empty(),
            "nothing was seen of {unseen:?}: the simulation misses what it is for"
        );
    }
}

/// Fewer: each step takes more events.
const HISTORIES_ON_SERVER: u64 = 20_000;

#[test]
fn every_promise_holds_on_a_server() {
    let first_seed = setting("HALTPOINT_SIM_SEED").unwrap_or(1);
    let histories = setting("HALTPOINT_SIM_HISTORIES").unwrap_or(HISTORIES_ON_SERVER);
    let began = Instant::now();
    let seen = campaign::run(first_seed, histories, ON_SERVER);
    println!("{} histories on a server in {:.1?}", seen.histories, began.elapsed());
    Happening::ALL
        .iter()
        .for_each(|happening| println!("{:>12} {happening:?}", seen.times(*happening)));
    if let Some((seed, played)) = &seen.failure {
        panic!("{}", account(*seed, played, ON_SERVER));
    }
    if histories >= HISTORIES_ON_SERVER {
        for happening in ON_SERVERS_ONLY {
            assert!(seen.times(happening) > 0, "{happening:?} was not seen");
        }
    }
}

/// On files, which take longer.
const HISTORIES_WITH_RESET_ROWS: u64 = 150;

#[test]
fn no_row_beside_the_journals_decides_anything() {
    let first_seed = setting("HALTPOINT_SIM_SEED").unwrap_or(1);
    let histories = setting("HALTPOINT_SIM_HISTORIES").map_or(HISTORIES_WITH_RESET_ROWS, |given| given / 500);
    let seen = campaign::run(first_seed, histories.max(1), WITH_RESET_ROWS);
    if let Some((seed, played)) = &seen.failure {
        panic!("{}", account(*seed, played, WITH_RESET_ROWS));
    }
    if histories >= HISTORIES_WITH_RESET_ROWS {
        for happening in [
            Happening::ResetRows,
            Happening::Conflicts,
            Happening::LateDecisions,
            Happening::Executions,
        ] {
            assert!(seen.times(happening) > 0, "{happening:?} was not seen");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_journals_to_the_byte() {
    for seed in 0..500 {
        assert_eq!(play(seed, HONEST).digest, play(seed, HONEST).digest, "seed {seed}");
    }
}

#[test]
fn another_seed_gives_other_journals() {
    let distinct: std::collections::HashSet<_> = (0..100).map(|seed| play(seed, HONEST).digest).collect();
    assert!(
        distinct.len() > 50,
        "{} different outcomes of 100 seeds",
        distinct.len()
    );
}
