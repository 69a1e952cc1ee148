//! The threads that read: one that also notices what is committed, and one for what takes long.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::store::handle::{PendingJob, Receiver, Subscribers, Waited};
use crate::store::sqlite::{FileIdentity, SqliteOptions, SqliteStore};
use crate::store::{Changes, ExternalRecord, Position, Store, StoreError};

/// What the reading thread is asked for.
pub(super) enum Request {
    Read(PendingJob),
    /// Outsiders may have appended something.
    Look,
    /// Somebody has begun to wait for what outsiders append: it is looked for at the usual times, so that a run that is soon over costs no
    /// opening of the file.
    LookOut,
}

/// How this process opens a file once more that it has open already. The file may have been deleted since: making a new one in its place
/// would hide that.
#[derive(Clone)]
pub(super) struct Connecting {
    pub(super) path: PathBuf,
    pub(super) identity: FileIdentity,
    pub(super) options: SqliteOptions,
}

impl Connecting {
    fn connect(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_again(&self.path, self.identity, &self.options)
    }
}

/// Runs jobs that take long until no more can come, on a connection that lasts as long as there are some.
pub(super) fn maintain(connecting: &Connecting, receiver: &Receiver<PendingJob>) {
    loop {
        match receiver.wait(None, Duration::ZERO) {
            Waited::Ready | Waited::Nothing => {
                let jobs = receiver.take();
                let mut store = None;
                for job in jobs {
                    job.run(opened_for_long(&mut store, connecting));
                    keep_in_order(store.as_mut());
                }
            }
            Waited::End => return,
        }
    }
}

/// As [`opened`]; the log is emptied after whole jobs only, so that what removes a lot a little at a time does not empty it each time.
fn opened_for_long<'a>(
    store: &'a mut Option<SqliteStore>,
    connecting: &Connecting,
) -> Result<&'a mut SqliteStore, StoreError> {
    let is_new = store.is_none();
    let store = opened(store, connecting)?;
    if is_new {
        store.take_over_log()?;
    }
    Ok(store)
}

/// What is in the way of emptying the log now is not in the way of the job, which is done.
fn keep_in_order(store: Option<&mut SqliteStore>) {
    if let Some(store) = store
        && store.is_untidy()
    {
        let _ = store.tidy_up();
    }
}

fn opened<'a>(store: &'a mut Option<SqliteStore>, connecting: &Connecting) -> Result<&'a mut SqliteStore, StoreError> {
    match store {
        Some(store) => Ok(store),
        empty => Ok(empty.insert(connecting.connect()?)),
    }
}

/// What the reading thread works with.
pub(super) struct Reader {
    connecting: Connecting,
    store: Option<SqliteStore>,
    subscribers: Arc<Subscribers>,
    /// Up to where changes were told.
    position: Position,
    next_look: Instant,
}

impl Reader {
    /// Delivers what outsiders append behind that place of theirs.
    pub(super) fn new(connecting: Connecting, subscribers: Arc<Subscribers>, place: u64) -> Self {
        Self {
            connecting,
            store: None,
            subscribers,
            // Of no connection, so that the first look finds what there is.
            position: Position::new(0, place),
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
            Request::LookOut => self.next_look = Instant::now() + self.connecting.options.poll_interval,
        }
        self.look_if_due();
    }

    fn read(&mut self, job: PendingJob) {
        job.run(opened(&mut self.store, &self.connecting));
    }

    fn look_if_due(&mut self) {
        if self.subscribers.is_empty() || Instant::now() < self.next_look {
            return;
        }
        let before = self.position;
        let looked = self.look();
        self.next_look = Instant::now() + self.connecting.options.poll_interval;
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
        let position = self.position;
        let Changes { records, end } = opened(&mut self.store, &self.connecting)?.changes(position)?;
        self.position = end;
        Ok(records)
    }
}
