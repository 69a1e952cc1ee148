//! What the engine promises holds in every history.

use std::env;
use std::time::Instant;

use crate::campaign::{self, account};
use crate::history::{HONEST, play};
use crate::witness::Happening;

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
            .filter(|happening| seen.times(**happening) == 0)
            .collect();
        assert!(
            unseen.is_empty(),
            "nothing was seen of {unseen:?}: the simulation misses what it is for"
        );
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
