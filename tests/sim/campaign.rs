//! Many histories on all processors, and the report of the first one that fails.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::history::{Played, Setting, play, replay};
use crate::shrink::shrink;
use crate::witness::{Happening, Tally};

/// What a campaign has seen.
pub(crate) struct Seen {
    pub(crate) tally: Tally,
    pub(crate) failure: Option<(u64, Played)>,
    /// How many histories were played.
    pub(crate) histories: u64,
}

impl Seen {
    pub(crate) fn times(&self, happening: Happening) -> u64 {
        self.tally[happening as usize]
    }
}

/// Plays histories `first_seed`, `first_seed + 1`, ... until one fails or there have been enough.
pub(crate) fn run(first_seed: u64, histories: u64, setting: Setting) -> Seen {
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut seen = Seen {
            tally: [0; Happening::ALL.len()],
            failure: None,
            histories: 0,
        };
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= histories {
                break;
            }
            seen.add(first_seed.wrapping_add(number), setting, &failed);
        }
        seen
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .reduce(Seen::together)
            .unwrap()
    })
}

impl Seen {
    fn add(&mut self, seed: u64, setting: Setting, failed: &AtomicBool) {
        let played = play(seed, setting);
        self.histories += 1;
        for (sum, count) in self.tally.iter_mut().zip(played.tally) {
            *sum += count;
        }
        if played.breach.is_some() {
            failed.store(true, Ordering::Relaxed);
            self.failure = Some((seed, played));
        }
    }

    fn together(mut self, other: Self) -> Self {
        for (sum, count) in self.tally.iter_mut().zip(other.tally) {
            *sum += count;
        }
        self.histories += other.histories;
        let failures = self.failure.into_iter().chain(other.failure);
        self.failure = failures.min_by_key(|(seed, _)| *seed);
        self
    }
}

/// The failing history, shrunk, as a story.
pub(crate) fn account(seed: u64, played: &Played, setting: Setting) -> String {
    let promise = played.breach.as_ref().unwrap().promise;
    let events = shrink(&played.events, setting, promise);
    let told = replay(&events, setting, true);
    let lines = told.story.join("\n");
    format!(
        "{promise:?} is broken by seed {seed} (HALTPOINT_SIM_SEED={seed} HALTPOINT_SIM_HISTORIES=1), after {} of {} events:\n{lines}",
        events.len(),
        played.events.len()
    )
}
