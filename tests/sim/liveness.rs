//! What the simulated operating system says of processes.

use std::sync::{Arc, Mutex};

use haltpoint_engine::Text;
use haltpoint_engine::store::holder::{Holder, Liveness};

/// The host whose processes nobody can look up.
pub(crate) const FAR_HOST: &str = "far boot=1";
/// The host whose processes can be looked up.
pub(crate) const NEAR_HOST: &str = "near boot=1";

/// Clones are the same world's.
#[derive(Clone, Default)]
pub(crate) struct Lives(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    dead: Vec<Text>,
    nobody_lives: bool,
}

impl Lives {
    pub(crate) fn bury(&self, holder: &Holder) {
        self.0.lock().unwrap().dead.push(holder.token.clone());
    }

    /// While a disk's past is played again, every lease that was granted is granted again.
    pub(crate) fn let_nobody_live(&self, nobody_lives: bool) {
        self.0.lock().unwrap().nobody_lives = nobody_lives;
    }
}

impl Liveness for Lives {
    fn is_alive(&self, holder: &Holder) -> Option<bool> {
        let state = self.0.lock().unwrap();
        if state.nobody_lives {
            return Some(false);
        }
        (&*holder.host == NEAR_HOST).then(|| !state.dead.contains(&holder.token))
    }
}
