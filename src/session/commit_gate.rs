//! Effects that wait for a commit, which may be made before the call that submitted it returns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::run::Effect;
use crate::store::StoreError;
use crate::store::handle::Signal;

use super::Deliver;

/// What became of a commit, shared by who submitted it and who carries it out.
#[derive(Clone)]
pub(super) struct Gate(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Word has come of the commit. Set with the state locked.
    told: Signal,
}

enum State {
    /// The call that submitted it has not returned, or whoever made it spins for the effects.
    Within(Deliver),
    /// Nobody is there to take the effects, which go by another way.
    After(Deliver),
    /// The commit is on disk, and these effects may be performed.
    Open(Vec<Effect>),
    /// Nothing is left to hand out.
    Done,
}

impl Gate {
    pub(super) fn new(deliver: Deliver) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State::Within(deliver)),
            told: Signal::default(),
        }))
    }

    /// Takes what the store says of the commit.
    pub(super) fn notify(&self, committed: Result<Vec<Effect>, StoreError>) {
        let mut state = self.lock();
        self.0.told.set(true);
        match (std::mem::replace(&mut *state, State::Done), committed) {
            (State::Within(_), Ok(effects)) => *state = State::Open(effects),
            (State::Within(deliver) | State::After(deliver), committed) => {
                drop(state);
                deliver(committed);
            }
            (State::Open(_) | State::Done, _) => {}
        }
    }

    /// The effects, if the commit is on disk as the call returns; `None`: they are delivered.
    pub(super) fn pass(&self) -> Option<Vec<Effect>> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Done) {
            State::Open(effects) => Some(effects),
            State::Within(deliver) => {
                *state = State::After(deliver);
                None
            }
            State::After(_) | State::Done => None,
        }
    }

    /// As [`Gate::pass`], a moment later: spins for the commit, for a quarter of a millisecond at most.
    pub(super) fn spin(&self) -> Option<Vec<Effect>> {
        self.step_back();
        self.0.told.spin();
        self.pass()
    }

    /// Undoes a [`Gate::pass`] that was too early, unless the effects are on their other way already.
    fn step_back(&self) {
        let mut state = self.lock();
        *state = match std::mem::replace(&mut *state, State::Done) {
            State::After(deliver) => State::Within(deliver),
            other => other,
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;

    use super::*;

    fn gate() -> (Gate, Receiver<Result<Vec<Effect>, StoreError>>) {
        let (sender, delivered) = channel();
        let gate = Gate::new(Box::new(move |committed| sender.send(committed).unwrap()));
        (gate, delivered)
    }

    #[test]
    fn whoever_spins_gets_the_effects_that_come_meanwhile_and_nobody_else_does() {
        let (gate, delivered) = gate();
        assert_eq!(gate.pass(), None);
        let passed = thread::scope(|scope| {
            let writing = scope.spawn(|| {
                while !matches!(*gate.lock(), State::Within(_)) {
                    thread::yield_now();
                }
                gate.notify(Ok(vec![Effect::Stop]));
            });
            let passed = spin_until_told(&gate);
            writing.join().unwrap();
            passed
        });
        assert_eq!(passed, Some(vec![Effect::Stop]));
        assert!(delivered.try_recv().is_err());
    }

    /// However long the other thread takes to begin.
    fn spin_until_told(gate: &Gate) -> Option<Vec<Effect>> {
        gate.step_back();
        while !gate.0.told.is_set() {
            gate.0.told.spin();
        }
        gate.pass()
    }

    #[test]
    fn effects_that_nobody_spun_long_enough_for_are_delivered() {
        let (gate, delivered) = gate();
        assert_eq!(gate.pass(), None);
        assert_eq!(gate.spin(), None);
        gate.notify(Ok(vec![Effect::Stop]));
        assert_eq!(delivered.recv().unwrap(), Ok(vec![Effect::Stop]));
    }

    #[test]
    fn effects_that_are_delivered_already_are_not_spun_for() {
        let (gate, delivered) = gate();
        assert_eq!(gate.pass(), None);
        gate.notify(Ok(vec![Effect::Stop]));
        assert_eq!(gate.spin(), None);
        assert_eq!(delivered.recv().unwrap(), Ok(vec![Effect::Stop]));
    }

    #[test]
    fn a_failure_is_delivered_also_to_whoever_spins() {
        let (gate, delivered) = gate();
        gate.notify(Err(StoreError::Closed));
        assert_eq!(gate.spin(), None);
        assert_eq!(delivered.recv().unwrap(), Err(StoreError::Closed));
    }
}
