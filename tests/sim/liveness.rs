//! What the simulated operating system says of processes.

use std::sync::{Arc, Mutex};

use haltpoint_engine::Text;
use haltpoint_engine::store::holder::{Holder, Liveness, Watch};

use crate::sabotage::Sabotage;

/// The host whose processes nobody can look up, and that shares its boot with no other.
pub(crate) const FAR_HOST: &str = "far boot=1";
/// The host whose processes can be looked up, by each other, and have a clock that nobody can set.
pub(crate) const NEAR_HOST: &str = "near boot=1";

/// Clones are the same world's.
#[derive(Clone, Default)]
pub(crate) struct Lives(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    dead: Vec<Text>,
    hidden: Vec<Text>,
    nobody_lives: bool,
    /// The host that is asking.
    asking: Text,
    /// The time that passed, which no wall clock changes, in microseconds.
    passed: i64,
    believes_wall_clocks: bool,
    takes_unseen_for_dead: bool,
    does_not_watch: bool,
}

impl Lives {
    pub(crate) fn new(sabotage: Sabotage) -> Self {
        Self(Arc::new(Mutex::new(State {
            believes_wall_clocks: sabotage == Sabotage::WallClocksOnly,
            takes_unseen_for_dead: sabotage == Sabotage::UnseenIsDead,
            does_not_watch: sabotage == Sabotage::NobodyWatches,
            ..State::default()
        })))
    }

    pub(crate) fn bury(&self, holder: &Holder) {
        self.0.lock().unwrap().dead.push(holder.token.clone());
    }

    pub(crate) fn is_buried(&self, holder: &Holder) -> bool {
        self.0.lock().unwrap().dead.contains(&holder.token)
    }

    pub(crate) fn hide(&self, holder: &Holder, is_hidden: bool) {
        let mut state = self.0.lock().unwrap();
        state.hidden.retain(|token| *token != holder.token);
        if is_hidden {
            state.hidden.push(holder.token.clone());
        }
    }

    /// While a disk's past is played again, every lease that was granted is granted again.
    pub(crate) fn let_nobody_live(&self, nobody_lives: bool) {
        self.0.lock().unwrap().nobody_lives = nobody_lives;
    }

    /// From now on it is a process of this host that asks.
    pub(crate) fn ask_from(&self, host: &Text) {
        self.0.lock().unwrap().asking = host.clone();
    }

    pub(crate) fn let_pass(&self, micros: i64) {
        self.0.lock().unwrap().passed += micros;
    }

    /// How much time has passed.
    pub(crate) fn passed(&self) -> i64 {
        self.0.lock().unwrap().passed
    }
}

impl State {
    fn shares_host(&self, holder: &Holder) -> bool {
        &*holder.host == NEAR_HOST && &*self.asking == NEAR_HOST
    }
}

impl Liveness for Lives {
    fn is_alive(&self, holder: &Holder) -> Option<bool> {
        let state = self.0.lock().unwrap();
        if state.nobody_lives {
            return Some(false);
        }
        if state.shares_host(holder) && !state.hidden.contains(&holder.token) {
            return Some(!state.dead.contains(&holder.token));
        }
        state.takes_unseen_for_dead.then_some(false)
    }

    fn shared_clock(&self, holder: &Holder) -> Option<i64> {
        let state = self.0.lock().unwrap();
        (state.shares_host(holder) && !state.believes_wall_clocks).then_some(state.passed)
    }

    fn own_clock(&self, _: &Holder) -> Option<Watch> {
        let state = self.0.lock().unwrap();
        let is_shut_off = state.does_not_watch || state.believes_wall_clocks;
        (!is_shut_off).then_some(Watch {
            clock: 1,
            time: state.passed,
        })
    }
}
