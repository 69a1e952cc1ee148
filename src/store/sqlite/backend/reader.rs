//! The thread that reads, and that notices what outsiders commit.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::store::backend::ReadJob;
use crate::store::handle::{Receiver, Subscribers, Waited};
use crate::store::sqlite::{FileIdentity, SqliteOptions, SqliteStore};
use crate::store::{ExternalRecord, Store, StoreError};

/// What the reading thread is asked for.
pub(super) enum Request {
    Read(PendingRead),
    /// Outsiders may have appended something.
    Look,
    /// Somebody has begun to wait for what outsiders append: it is looked for at the usual times, so that a run that is soon over costs no
    /// opening of the file.
    LookOut,
}

/// A read job that is called once in any case: one that gets lost hears that the store was closed.
pub(super) struct PendingRead(Option<ReadJob>);

impl PendingRead {
    pub(super) fn new(job: ReadJob) -> Self {
        Self(Some(job))
    }

    /// Runs the job.
    pub(super) fn run(mut self, store: Result<&mut dyn Store, StoreError>) {
        if let Some(job) = self.0.take() {
            job(store);
        }
    }
}

impl Drop for PendingRead {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job(Err(StoreError::Closed));
        }
    }
}

/// What the reading thread works with.
pub(super) struct Reader {
    path: PathBuf,
    identity: FileIdentity,
    options: SqliteOptions,
    store: Option<SqliteStore>,
    subscribers: Arc<Subscribers>,
    /// The place of the last record of outsiders that was delivered.
    cursor: i64,
    seen_version: Option<i64>,
    next_look: Instant,
}

impl Reader {
    /// Delivers what outsiders append after `cursor`.
    pub(super) fn new(
        path: PathBuf,
        identity: FileIdentity,
        options: SqliteOptions,
        subscribers: Arc<Subscribers>,
        cursor: i64,
    ) -> Self {
        Self {
            path,
            identity,
            options,
            store: None,
            subscribers,
            cursor,
            seen_version: None,
            next_look: Instant::now(),
        }
    }

    /// Works requests off until no more can come.
    pub(super) fn run(mut self, receiver: &Receiver<Request>) {
        loop {
            match receiver.wait(self.deadline(), Duration::ZERO) {
                Waited::Ready => receiver.take().into_iter().for_each(|request| self.answer(request)),
                Waited::Nothing => self.answer(Request::Look),
                Waited::End => return,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        (!self.subscribers.is_empty()).then_some(self.next_look)
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Read(job) => self.read(job),
            Request::Look => self.next_look = Instant::now(),
            Request::LookOut => self.next_look = Instant::now() + self.options.poll_interval,
        }
        self.look_if_due();
    }

    fn read(&mut self, job: PendingRead) {
        match self.store() {
            Ok(store) => job.run(Ok(store)),
            Err(error) => job.run(Err(error)),
        }
    }

    /// The file may have been deleted since the writer opened it: making a new one in its place would hide that.
    fn store(&mut self) -> Result<&mut SqliteStore, StoreError> {
        match &mut self.store {
            Some(store) => Ok(store),
            empty => Ok(empty.insert(SqliteStore::open_again(&self.path, self.identity, &self.options)?)),
        }
    }

    fn look_if_due(&mut self) {
        if self.subscribers.is_empty() || Instant::now() < self.next_look {
            return;
        }
        // What cannot be read now is asked for again next time; whoever writes meanwhile is told what is wrong.
        let records = self.look().unwrap_or_default();
        self.next_look = Instant::now() + self.options.poll_interval;
        records.iter().for_each(|record| self.subscribers.notify(record));
    }

    fn look(&mut self) -> Result<Vec<ExternalRecord>, StoreError> {
        let (cursor, seen_version) = (self.cursor, self.seen_version);
        let store = self.store()?;
        let version = Some(store.data_version()?);
        if version == seen_version {
            return Ok(Vec::new());
        }
        let (records, cursor) = store.outsiders_after(Some(cursor))?;
        (self.cursor, self.seen_version) = (cursor, version);
        Ok(records)
    }
}
