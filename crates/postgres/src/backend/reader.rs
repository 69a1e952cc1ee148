//! The threads that read: one that also notices what is committed, and one for what takes long.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use haltpoint_engine::store::handle::{PendingJob, Receiver, Subscribers, Waited};
use haltpoint_engine::store::{Changes, ExternalRecord, Position, Store, StoreError};

use super::LONG;
use crate::connection::Connecting;
use crate::deadline;
use crate::options::PostgresOptions;
use crate::store::PostgresStore;

/// How often it is looked for what others have committed, where nothing tells of it.
const INTERVAL: Duration = Duration::from_secs(1);

/// How soon after a commit of this very process others are told of further ones.
const CLOSE_TOGETHER: Duration = Duration::from_millis(5);

/// What the reading thread is asked for.
pub(super) enum Request {
    Read(PendingJob),
    /// Others may have appended something.
    Look,
    /// Somebody has begun to wait for what others append.
    LookOut,
}

/// Runs jobs that take long until no more can come, on a connection that lasts as long as there are some.
pub(super) fn maintain(how: &Arc<Connecting>, options: &PostgresOptions, receiver: &Receiver<PendingJob>) {
    loop {
        match receiver.wait(None, Duration::ZERO) {
            Waited::Ready | Waited::Nothing => {
                let mut store = PostgresStore::new(Arc::clone(how), options, LONG);
                receiver.take().into_iter().for_each(|job| job.run(Ok(&mut store)));
            }
            Waited::End => return,
        }
    }
}

/// What the reading thread works with.
pub(super) struct Reader {
    store: PostgresStore,
    subscribers: Arc<Subscribers>,
    /// Up to where changes were told.
    position: Position,
    next_look: Instant,
}

impl Reader {
    /// Delivers what others append behind that position.
    pub(super) fn new(
        how: Arc<Connecting>,
        options: PostgresOptions,
        subscribers: Arc<Subscribers>,
        position: Position,
    ) -> Self {
        let [_, place] = position.numbers();
        Self {
            store: PostgresStore::new(how, &options, deadline(&options).max(INTERVAL * 10)),
            subscribers,
            // Of no moment, so that the first look finds what there is.
            position: Position::new(0, place),
            next_look: Instant::now(),
        }
    }

    /// Works requests off until no more can come.
    pub(super) fn run(mut self, receiver: &Receiver<Request>) {
        loop {
            let deadline = (!self.subscribers.is_empty()).then_some(self.next_look);
            match receiver.wait(deadline, Duration::ZERO) {
                Waited::Ready => receiver.take().into_iter().for_each(|request| self.answer(request)),
                Waited::Nothing => self.answer(Request::Look),
                Waited::End => return,
            }
            self.look_if_due();
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Read(job) => job.run(Ok(&mut self.store)),
            Request::Look => self.next_look = self.next_look.min(Instant::now() + CLOSE_TOGETHER),
            Request::LookOut => self.next_look = self.next_look.min(Instant::now() + interval()),
        }
    }

    fn look_if_due(&mut self) {
        if self.subscribers.is_empty() || Instant::now() < self.next_look {
            return;
        }
        let before = self.position;
        let looked = self.look();
        self.next_look = Instant::now() + interval();
        match looked {
            Ok(records) => {
                records.iter().for_each(|record| self.subscribers.notify(record));
                if self.position != before {
                    self.subscribers.tell_watchers(Ok(self.position));
                }
            }
            // It is asked for again next time. Who watches is told what is wrong; so is whoever writes meanwhile.
            Err(error) => self.subscribers.tell_watchers(Err(&error)),
        }
    }

    fn look(&mut self) -> Result<Vec<ExternalRecord>, StoreError> {
        let Changes { records, end } = self.store.changes(self.position)?;
        self.position = end;
        Ok(records)
    }
}

/// About a second: those who begin together do not look together.
fn interval() -> Duration {
    let drawn = RandomState::new().hash_one(()) % 500;
    INTERVAL * 3 / 4 + Duration::from_millis(drawn)
}
