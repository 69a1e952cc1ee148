//! Adaptive spinning: where what a thread waits for comes within microseconds, it looks again and again instead of sleeping, because
//! being woken takes as long as the wait itself.
//!
//! It pays for one run whose steps follow each other closely, on a disk that answers quickly: the run waits for the commit, and the
//! writing thread for the run's next step. With several runs it does not, because what is submitted meanwhile shares a transaction; nor
//! with a single core, which the other thread needs.

use std::cell::LazyCell;
use std::thread;
use std::time::{Duration, Instant};

use crate::store::handle::LONGEST_SPIN;

/// Steps that are further apart gain nothing by it: those of a run whose model takes its time.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// How long something took of late: an exponentially weighted average.
#[derive(Debug, Default)]
struct RecentTimes(Option<Duration>);

impl RecentTimes {
    /// Each time counts as much as all before it, and none as more than twice the longest spin: after a single long one nobody spins,
    /// after two or three short ones they do again.
    fn note(&mut self, took: Duration) {
        let took = took.min(2 * LONGEST_SPIN);
        self.0 = Some(self.0.map_or(took, |average| (average + took) / 2));
    }

    /// Whether the next time is likely to be within a spin.
    fn are_short(&self) -> bool {
        self.0.is_some_and(|average| average <= LONGEST_SPIN)
    }
}

/// What the writing thread learns from its batches: whether it pays to spin for a commit, and for the next batch.
#[derive(Debug)]
pub(super) struct Rhythm {
    /// Looked up once it matters: that takes longer than many a commit.
    has_several_cores: LazyCell<bool, fn() -> bool>,
    is_about_one_run: bool,
    commits: RecentTimes,
    pauses: RecentTimes,
    is_brisk: bool,
    /// When the last commit ended.
    idle_since: Option<Instant>,
    has_spun: bool,
}

impl Rhythm {
    pub(super) fn new(has_several_cores: fn() -> bool) -> Self {
        Self {
            has_several_cores: LazyCell::new(has_several_cores),
            is_about_one_run: false,
            commits: RecentTimes::default(),
            pauses: RecentTimes::default(),
            is_brisk: false,
            idle_since: None,
            has_spun: false,
        }
    }

    /// A batch was committed, from `began` to `ended`; afterwards this process holds exactly one run, or does not.
    pub(super) fn note_commit(&mut self, began: Instant, ended: Instant, is_about_one_run: bool) {
        if let Some(idle_since) = self.idle_since {
            let pause = began - idle_since;
            self.pauses.note(pause);
            self.is_brisk = pause <= LONGEST_PAUSE;
        }
        self.commits.note(ended - began);
        self.idle_since = Some(ended);
        self.is_about_one_run = is_about_one_run;
        self.has_spun = false;
    }

    /// Whether it pays to spin until a commit is made.
    pub(super) fn are_commits_near(&self) -> bool {
        self.is_about_one_run && self.is_brisk && self.commits.are_short() && *self.has_several_cores
    }

    /// Whether the writing thread is to spin for the next batch: once after a commit.
    pub(super) fn take_spin(&mut self) -> bool {
        !std::mem::replace(&mut self.has_spun, true) && self.are_commits_near() && self.pauses.are_short()
    }
}

/// Whether threads of this process can run at the same time, as far as anybody knows.
pub(super) fn has_several_cores() -> bool {
    thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(100);
    const LONGER: Duration = Duration::from_micros(600);
    const SLOW: Duration = Duration::from_millis(10);

    /// What batches with those pauses before them teach, each committed in that time.
    fn after(batches: &[(Duration, Duration)]) -> Rhythm {
        after_on(|| true, batches)
    }

    fn after_on(has_several_cores: fn() -> bool, batches: &[(Duration, Duration)]) -> Rhythm {
        let mut rhythm = Rhythm::new(has_several_cores);
        let mut now = Instant::now();
        rhythm.note_commit(now, now + QUICK, true);
        now += QUICK;
        for (pause, commit) in batches {
            let began = now + *pause;
            now = began + *commit;
            rhythm.note_commit(began, now, true);
        }
        rhythm
    }

    #[test]
    fn both_sides_spin_where_commits_and_steps_follow_each_other_quickly() {
        let mut rhythm = after(&[(QUICK, QUICK)]);
        assert!(rhythm.are_commits_near());
        assert!(rhythm.take_spin());
    }

    #[test]
    fn nobody_spins_before_anything_was_committed() {
        let mut rhythm = Rhythm::new(|| true);
        assert!(!rhythm.are_commits_near());
        assert!(!rhythm.take_spin());
    }

    #[test]
    fn nobody_spins_on_a_single_core() {
        let mut rhythm = after_on(|| false, &[(QUICK, QUICK); 10]);
        assert!(!rhythm.are_commits_near());
        assert!(!rhythm.take_spin());
    }

    #[test]
    fn nobody_spins_for_several_runs_or_for_none() {
        let mut rhythm = after(&[(QUICK, QUICK); 10]);
        let now = Instant::now();
        rhythm.note_commit(now, now + QUICK, false);
        assert!(!rhythm.are_commits_near());
        assert!(!rhythm.take_spin());
    }

    #[test]
    fn nobody_spins_on_a_slow_disk() {
        let mut rhythm = after(&[(QUICK, SLOW); 10]);
        assert!(!rhythm.are_commits_near());
        assert!(!rhythm.take_spin());
    }

    #[test]
    fn nobody_spins_for_a_run_whose_model_takes_its_time() {
        let mut rhythm = after(&[&[(QUICK, QUICK); 10][..], &[(SLOW, QUICK)]].concat());
        assert!(!rhythm.are_commits_near());
        assert!(!rhythm.take_spin());
    }

    #[test]
    fn a_disk_that_is_quick_again_is_spun_for_again() {
        let slow = [(QUICK, SLOW); 10];
        assert!(!after(&[&slow[..], &[(QUICK, QUICK)]].concat()).are_commits_near());
        assert!(after(&[&slow[..], &[(QUICK, QUICK); 2]].concat()).are_commits_near());
    }

    #[test]
    fn the_writing_thread_spins_for_no_step_after_one_that_took_longer() {
        let mut rhythm = after(&[&[(QUICK, QUICK); 10][..], &[(LONGER, QUICK)]].concat());
        assert!(rhythm.are_commits_near());
        assert!(!rhythm.take_spin());
    }

    #[test]
    fn the_writing_thread_spins_again_once_two_steps_came_quickly() {
        let slow = [(LONGER, QUICK); 10];
        assert!(!after(&[&slow[..], &[(QUICK, QUICK)]].concat()).take_spin());
        assert!(after(&[&slow[..], &[(QUICK, QUICK); 2]].concat()).take_spin());
    }

    #[test]
    fn the_writing_thread_spins_once_for_each_commit() {
        let mut rhythm = after(&[(QUICK, QUICK)]);
        assert!(rhythm.take_spin());
        assert!(!rhythm.take_spin());
    }
}
