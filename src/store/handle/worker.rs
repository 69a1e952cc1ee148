//! A named thread that starts with its first message and ends with its last.

use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use super::lock;
use super::mailbox::{Receiver, Sender, Urgency, mailbox};
use crate::store::StoreError;
use crate::store::rules::unusable;

type Body<M> = Box<dyn FnOnce(Receiver<M>) + Send>;

/// A thread that works messages off in order.
pub struct Worker<M> {
    name: &'static str,
    state: Mutex<State<M>>,
}

enum State<M> {
    Idle(Body<M>),
    Running { sender: Sender<M>, thread: JoinHandle<()> },
    Stopped,
}

impl<M: Send + 'static> Worker<M> {
    /// `body` runs until its receiver says that nothing more will come.
    pub fn new(name: &'static str, body: impl FnOnce(Receiver<M>) + Send + 'static) -> Self {
        Self {
            name,
            state: Mutex::new(State::Idle(Box::new(body))),
        }
    }

    /// Hands a message over, or back with the reason why not.
    pub fn send(&self, message: M, urgency: Urgency) -> Result<(), (M, StoreError)> {
        let mut state = lock(&self.state);
        if matches!(*state, State::Idle(_)) {
            match start(self.name, std::mem::replace(&mut *state, State::Stopped)) {
                Ok(running) => *state = running,
                Err(error) => return Err((message, error)),
            }
        }
        match &*state {
            State::Running { sender, .. } => sender
                .send(message, urgency)
                .map_err(|unsent| (unsent, ended(self.name))),
            State::Idle(_) | State::Stopped => Err((message, StoreError::Closed)),
        }
    }

    /// What `look` makes of the sending end, while the thread runs.
    pub fn with_sender<T>(&self, look: impl FnOnce(&Sender<M>) -> T) -> Option<T> {
        match &*lock(&self.state) {
            State::Running { sender, .. } => Some(look(sender)),
            State::Idle(_) | State::Stopped => None,
        }
    }

    /// Waits until all messages are worked off; on the thread itself, which cannot wait for its own end, `false` says that they are not.
    pub fn stop(&self) -> bool {
        let state = std::mem::replace(&mut *lock(&self.state), State::Stopped);
        if let State::Running { sender, thread } = state {
            drop(sender);
            if thread.thread().id() == thread::current().id() {
                return false;
            }
            // A thread that panicked has said so, and what it left undone was answered as it unwound.
            let _ = thread.join();
        }
        true
    }
}

fn start<M: Send + 'static>(name: &'static str, state: State<M>) -> Result<State<M>, StoreError> {
    let State::Idle(body) = state else { return Ok(state) };
    let (sender, receiver) = mailbox();
    let spawned = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || body(receiver));
    let thread = spawned.map_err(|error| {
        unusable(format!(
            "cannot start the thread {name}: {error}; lower the number of threads, then open the database again"
        ))
    })?;
    Ok(State::Running { sender, thread })
}

fn ended(name: &str) -> StoreError {
    unusable(format!(
        "the thread {name} ended after a panic; close the database and open it again"
    ))
}
