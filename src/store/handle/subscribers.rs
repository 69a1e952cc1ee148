//! Who wants to hear what outsiders append.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use super::lock;
use crate::Text;
use crate::store::ExternalRecord;

/// Hears of a record. Called without any lock held; it must not block.
pub type Subscriber = Arc<dyn Fn(&ExternalRecord) + Send + Sync>;

/// The subscribers of one store, by run.
#[derive(Default)]
pub struct Subscribers {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_run: HashMap<Text, Vec<(u64, Subscriber)>>,
    last_id: u64,
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscribers").finish_non_exhaustive()
    }
}

impl Subscribers {
    /// Adds a subscriber, until the subscription is dropped.
    pub fn add(self: &Arc<Self>, run_id: Text, subscriber: Subscriber) -> Subscription {
        self.add_noting_first(run_id, subscriber).0
    }

    /// As [`Subscribers::add`]; `true`: it is the only one, so that nobody looked out for anything until now.
    pub(in crate::store) fn add_noting_first(
        self: &Arc<Self>,
        run_id: Text,
        subscriber: Subscriber,
    ) -> (Subscription, bool) {
        let mut state = lock(&self.state);
        let is_first = state.by_run.is_empty();
        state.last_id += 1;
        let id = state.last_id;
        state.by_run.entry(run_id.clone()).or_default().push((id, subscriber));
        let subscription = Subscription {
            process: std::process::id(),
            of: Arc::downgrade(self),
            run_id,
            id,
        };
        (subscription, is_first)
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        lock(&self.state).by_run.is_empty()
    }

    /// Tells the run's subscribers of a record.
    pub fn notify(&self, record: &ExternalRecord) {
        let found = lock(&self.state)
            .by_run
            .get(&record.run_id)
            .cloned()
            .unwrap_or_default();
        for (_, subscriber) in found {
            subscriber(record);
        }
    }

    fn remove(&self, run_id: &str, id: u64) {
        let mut state = lock(&self.state);
        let mut removed = Vec::new();
        if let Some(of_run) = state.by_run.get_mut(run_id) {
            removed.extend(of_run.extract_if(.., |(other, _)| *other == id));
            if of_run.is_empty() {
                state.by_run.remove(run_id);
            }
        }
        // What a subscriber owns may come back here as it is dropped.
        drop(state);
        drop(removed);
    }
}

/// Ends when it is dropped; a call that is under way then is still finished.
#[derive(Default)]
#[must_use = "a subscription ends when it is dropped"]
pub struct Subscription {
    process: u32,
    of: Weak<Subscribers>,
    run_id: Text,
    id: u64,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Subscription")
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // A forked child may have got the list locked, by a thread that it does not have.
        if self.process != std::process::id() {
            return;
        }
        if let Some(subscribers) = self.of.upgrade() {
            subscribers.remove(&self.run_id, self.id);
        }
    }
}
