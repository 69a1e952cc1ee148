//! Who wants to hear what outsiders append to a run, and that anything is committed at all.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::lock;
use crate::Text;
use crate::store::{ExternalRecord, Position, StoreError};

/// Hears of a record. Called without any lock held; it must not block.
pub type Subscriber = Arc<dyn Fn(&ExternalRecord) + Send + Sync>;

/// Hears that somebody has committed, and where the change feed ends then, or why the store cannot be read. Called without any lock
/// held; it must not block.
pub type Watcher = Arc<dyn Fn(Result<Position, &StoreError>) + Send + Sync>;

/// The subscribers of one store, by run, and those who watch all of it.
#[derive(Default)]
pub struct Subscribers {
    state: Mutex<State>,
    /// Whether there are watchers, for those who ask at every commit.
    has_watchers: AtomicBool,
}

#[derive(Default)]
struct State {
    by_run: HashMap<Text, Vec<(u64, Subscriber)>>,
    watchers: Vec<(u64, Watcher)>,
    last_id: u64,
}

impl State {
    fn is_empty(&self) -> bool {
        self.by_run.is_empty() && self.watchers.is_empty()
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
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

    /// Adds a watcher, until the subscription is dropped.
    pub fn watch(self: &Arc<Self>, watcher: Watcher) -> Subscription {
        self.watch_noting_first(watcher).0
    }

    /// As [`Subscribers::add`]; `true`: it is the only one, so that nobody looked out for anything until now.
    pub fn add_noting_first(self: &Arc<Self>, run_id: Text, subscriber: Subscriber) -> (Subscription, bool) {
        let mut state = lock(&self.state);
        let (is_first, id) = (state.is_empty(), state.next_id());
        state.by_run.entry(run_id.clone()).or_default().push((id, subscriber));
        (self.subscription(Some(run_id), id), is_first)
    }

    /// As [`Subscribers::watch`]; `true` as for [`Subscribers::add_noting_first`].
    pub fn watch_noting_first(self: &Arc<Self>, watcher: Watcher) -> (Subscription, bool) {
        let mut state = lock(&self.state);
        let (is_first, id) = (state.is_empty(), state.next_id());
        state.watchers.push((id, watcher));
        self.has_watchers.store(true, Ordering::SeqCst);
        (self.subscription(None, id), is_first)
    }

    fn subscription(self: &Arc<Self>, run_id: Option<Text>, id: u64) -> Subscription {
        Subscription {
            process: std::process::id(),
            of: Arc::downgrade(self),
            run_id,
            id,
            other: None,
        }
    }

    /// Whether nobody waits for anything.
    pub fn is_empty(&self) -> bool {
        lock(&self.state).is_empty()
    }

    /// Whether somebody watches.
    pub fn has_watchers(&self) -> bool {
        self.has_watchers.load(Ordering::SeqCst)
    }

    /// Tells all watchers where the change feed ends by now, or why the store cannot be read.
    pub fn tell_watchers(&self, told: Result<Position, &StoreError>) {
        let found = lock(&self.state).watchers.clone();
        for (_, watcher) in found {
            watcher(told);
        }
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

    fn remove(&self, run_id: Option<&str>, id: u64) {
        match run_id {
            Some(run_id) => self.remove_subscriber(run_id, id),
            None => self.remove_watcher(id),
        }
    }

    fn remove_subscriber(&self, run_id: &str, id: u64) {
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

    fn remove_watcher(&self, id: u64) {
        let mut state = lock(&self.state);
        let removed: Vec<_> = state.watchers.extract_if(.., |(other, _)| *other == id).collect();
        self.has_watchers.store(!state.watchers.is_empty(), Ordering::SeqCst);
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
    /// `None`: the whole store.
    run_id: Option<Text>,
    id: u64,
    /// One that ends with it.
    other: Option<Box<Self>>,
}

impl Subscription {
    /// Both, as one.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.other = Some(Box::new(other));
        self
    }
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
            subscribers.remove(self.run_id.as_deref(), self.id);
        }
    }
}
