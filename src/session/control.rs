//! What can be done to a run from outside: open it to drive it, look at it, decide a requirement, cancel it.

use std::sync::Arc;

use crate::journal::{CancelRequested, Entry, InDoubtRule, JournalEnd, Record, RunContinued};
use crate::message::Message;
use crate::requirement::Decision;
use crate::run::{Run, RunView, Transition};
use crate::store::handle::StoreHandle;
use crate::store::{Append, Author, Committed, Finish, LeaseGrant, Operation, RunStatus, Store, StoreError, StoredRun};
use crate::{Text, Timestamp};

use super::errors::replayed;
use super::expiry::expire;
use super::{EngineError, Memory, Session};

/// A run that was asked for in order to drive it.
pub enum Opened {
    /// It is ours to drive.
    Session(Box<Session>),
    /// There is nothing to drive: it is completed, or no work for a worker.
    Idle(Box<Loaded>),
}

/// A run as it stands on disk.
#[derive(Clone)]
pub struct Loaded {
    /// Its state.
    pub run: Arc<Run>,
    /// What its model saw before the run's own messages.
    pub before: Arc<[Message]>,
    /// Where its journal ended, if it was read from there.
    pub(super) end: Option<JournalEnd>,
}

impl Loaded {
    /// The state after further records.
    fn grown(self, records: &[Record]) -> Result<Self, EngineError> {
        // Whoever else holds the state keeps it as it was: the copy had better be made here than by the first change.
        let mut run = Run::clone(&self.run);
        records.iter().try_for_each(|record| run.fold_record(record))?;
        Ok(Self {
            run: Arc::new(run),
            before: self.before,
            end: JournalEnd::of(records).or(self.end),
        })
    }

    /// The run as users see it.
    #[must_use]
    pub fn view(&self) -> RunView {
        self.run.view(&self.before)
    }
}

/// Takes the result, once, on whichever thread has it.
pub(super) type Then<T> = Box<dyn FnOnce(Result<T, EngineError>) + Send>;

/// Takes the right to drive a run.
pub fn open(store: &StoreHandle, run_id: Text, at: Timestamp, then: Then<Opened>) {
    open_with(store, run_id, None, at, then);
}

/// As [`open`], of a run that was loaded before: only what its journal got since then is read.
pub fn open_known(store: &StoreHandle, known: Loaded, at: Timestamp, then: Then<Opened>) {
    open_with(store, known.run.run_id().clone(), Some(known), at, then);
}

fn open_with(store: &StoreHandle, run_id: Text, known: Option<Loaded>, at: Timestamp, then: Then<Opened>) {
    let handle = store.clone();
    let known = known.filter(|known| known.end.is_some());
    let acquire = Operation::Acquire {
        run_id,
        holder: store.holder(),
        now: at,
        expires: store.lease_expiry(at),
        known: known.as_ref().and_then(|known| known.end),
    };
    store.submit(
        acquire,
        Box::new(move |committed| match committed {
            Ok(Committed::Lease(grant)) => with_memory(handle, grant, known, then),
            Ok(_) => {}
            Err(error) => then(Err(error.into())),
        }),
    );
}

/// Opens a run that this process holds under that epoch.
pub(super) fn open_claimed(store: &StoreHandle, run_id: Text, epoch: u64, then: Then<Opened>) {
    let handle = store.clone();
    store.read(Box::new(move |reader| {
        let opened = match reader.and_then(|reader| reader.load(&run_id).map(|run| (reader, run))) {
            Ok((reader, run)) => granted(Ok(reader), handle, epoch, &run, None),
            Err(error) => {
                handle.submit(Operation::Release { run_id, epoch }, Box::new(|_| ()));
                Err(error.into())
            }
        };
        then(opened);
    }));
}

fn with_memory(store: StoreHandle, grant: LeaseGrant, known: Option<Loaded>, then: Then<Opened>) {
    let handle = store.clone();
    store.read(Box::new(move |reader| {
        then(match grant {
            LeaseGrant::Granted { epoch, run } => granted(reader, handle, epoch, &run, known),
            LeaseGrant::Completed { run } => loaded(reader, &run, known).map(|loaded| Opened::Idle(Box::new(loaded))),
        });
    }));
}

fn granted(
    reader: Result<&mut dyn Store, StoreError>,
    handle: StoreHandle,
    epoch: u64,
    stored: &StoredRun,
    known: Option<Loaded>,
) -> Result<Opened, EngineError> {
    let run_id = stored.row.run_id.clone();
    let opened = match loaded(reader, stored, known) {
        // The journal says so, whatever status led here: no hash covers the run's row.
        Ok(loaded) if loaded.run.status() == RunStatus::Completed => Ok(Opened::Idle(Box::new(loaded))),
        Ok(loaded) => return Ok(Opened::Session(Box::new(Session::new(handle, loaded, epoch)))),
        Err(error) => Err(error),
    };
    handle.submit(Operation::Release { run_id, epoch }, Box::new(|_| ()));
    opened
}

fn loaded(
    reader: Result<&mut dyn Store, StoreError>,
    stored: &StoredRun,
    known: Option<Loaded>,
) -> Result<Loaded, EngineError> {
    if let Some(known) = known {
        return known.grown(&stored.records);
    }
    let run = replayed(stored)?;
    let memory = Memory::load(reader?, run.started().remembers.clone())?;
    let before = memory.before(run.started());
    Ok(Loaded {
        run: Arc::new(run),
        before,
        end: JournalEnd::of(&stored.records),
    })
}

/// Looks at a run without driving it.
pub fn load(store: &StoreHandle, run_id: Text, then: Then<Loaded>) {
    store.read(Box::new(move |reader| then(load_with(reader, &run_id))));
}

/// As [`load`], of a run that was loaded before: only what its journal got since then is read.
pub fn load_known(store: &StoreHandle, known: Loaded, then: Then<Loaded>) {
    let run_id = known.run.run_id().clone();
    let Some(end) = known.end else {
        return load(store, run_id, then);
    };
    store.read(Box::new(move |reader| {
        let stored = reader.and_then(|reader| reader.load_behind(&run_id, end));
        then(
            stored
                .map_err(EngineError::from)
                .and_then(|stored| known.grown(&stored.records)),
        );
    }));
}

fn load_with(reader: Result<&mut dyn Store, StoreError>, run_id: &str) -> Result<Loaded, EngineError> {
    load_now(reader?, run_id)
}

/// Looks at a run with a store at hand.
///
/// # Errors
/// [`StoreError::RunNotFound`], what the store ran into, or a journal that cannot be read.
pub fn load_now(reader: &mut dyn Store, run_id: &str) -> Result<Loaded, EngineError> {
    let stored = reader.load(run_id)?;
    loaded(Ok(reader), &stored, None)
}

/// What somebody says about a requirement.
#[derive(Clone, Debug)]
pub struct Word {
    /// The requirement.
    pub requirement_id: Text,
    /// What is decided.
    pub decision: Decision,
    /// Who decides, as far as they say.
    pub by: Option<Text>,
    /// The digest of what they were shown, where they say it: see [`Run::digest_of`].
    pub expected_digest: Option<Text>,
}

impl Word {
    /// The entry that records it.
    fn entry(&self, run: &Run) -> Result<Entry, EngineError> {
        if let Some(expected) = &self.expected_digest {
            run.check_digest(&self.requirement_id, &self.decision, self.by.as_deref(), expected)?;
        }
        Ok(run.decision_entry(&self.requirement_id, self.decision.clone(), self.by.clone())?)
    }
}

/// Records a decision, and returns the run as it stands with it. The first one on disk wins; the same one again is no error.
pub fn decide(store: &StoreHandle, run_id: Text, word: Word, at: Timestamp, then: Then<Loaded>) {
    load(store, run_id, recording(store, word, at, then));
}

/// As [`decide`], of a run that was loaded before: what its journal got since then is read where the decision depends on it.
pub fn decide_known(store: &StoreHandle, known: Loaded, word: Word, at: Timestamp, then: Then<Loaded>) {
    match word.entry(&known.run) {
        Ok(entry) if word.expected_digest.is_none() => record(store, known, word.requirement_id, entry, at, then),
        // What would run now may be something else than when the run was loaded.
        _ => load_known(store, known, recording(store, word, at, then)),
    }
}

fn recording(store: &StoreHandle, word: Word, at: Timestamp, then: Then<Loaded>) -> Then<Loaded> {
    let store = store.clone();
    Box::new(move |loaded| {
        let found = loaded.and_then(|loaded| word.entry(&loaded.run).map(|entry| (loaded, entry)));
        match found {
            Ok((loaded, entry)) => record(&store, loaded, word.requirement_id, entry, at, then),
            Err(error) => then(Err(error)),
        }
    })
}

fn record(store: &StoreHandle, loaded: Loaded, requirement_id: Text, entry: Entry, at: Timestamp, then: Then<Loaded>) {
    let (handle, run_id) = (store.clone(), loaded.run.run_id().clone());
    let reading = Box::new(move |recorded| match recorded {
        Ok(()) => load_known(&handle, loaded, then),
        Err(error) => then(Err(error)),
    });
    let then = expiring_first(store, run_id.clone(), requirement_id, at, reading);
    append_outside(store, run_id, entry, at, then);
}

/// A decision that comes too late is refused; whoever hears of that finds it written down that the time was over.
fn expiring_first(store: &StoreHandle, run_id: Text, requirement_id: Text, at: Timestamp, then: Then<()>) -> Then<()> {
    let store = store.clone();
    Box::new(move |decided| match decided {
        Err(refusal @ EngineError::Store(StoreError::Expired { .. })) => {
            let refused = Box::new(move |expired: Result<bool, _>| then(expired.and(Err(refusal))));
            expire(&store, run_id, requirement_id, at, refused);
        }
        decided => then(decided),
    })
}

pub(super) fn append_outside(store: &StoreHandle, run_id: Text, entry: Entry, at: Timestamp, then: Then<()>) {
    let append = Append {
        run_id,
        author: Author::External,
        at,
        entries: vec![entry],
        finish: None,
    };
    store.submit(
        Operation::Append(append),
        Box::new(move |committed| then(committed.map(|_| ()).map_err(EngineError::from))),
    );
}

/// Asks a run to stop, wherever it is driven; stops it here and now where nobody drives it. `false`: it is neither running nor paused.
pub fn cancel(store: &StoreHandle, run_id: Text, cancel: CancelRequested, at: Timestamp, then: Then<bool>) {
    cancel_once(
        store,
        run_id.clone(),
        cancel.clone(),
        at,
        Box::new({
            let store = store.clone();
            move |outcome| match outcome {
                // Its driver stopped it while it was being asked to: nobody drives it now, if it is paused.
                Err(EngineError::Store(StoreError::NotRunning { .. })) => {
                    cancel_once(
                        &store,
                        run_id,
                        cancel,
                        at,
                        Box::new(|outcome| then(false_if_stopped(outcome))),
                    );
                }
                outcome => then(outcome),
            }
        }),
    );
}

fn false_if_stopped(outcome: Result<bool, EngineError>) -> Result<bool, EngineError> {
    match outcome {
        Err(EngineError::Store(StoreError::NotRunning { .. })) => Ok(false),
        outcome => outcome,
    }
}

/// As [`cancel`]; [`StoreError::NotRunning`] where somebody holds the run and it is stopped.
fn cancel_once(store: &StoreHandle, run_id: Text, cancel: CancelRequested, at: Timestamp, then: Then<bool>) {
    let handle = store.clone();
    let acquire = Operation::Acquire {
        run_id: run_id.clone(),
        holder: store.holder(),
        now: at,
        expires: store.lease_expiry(at),
        known: None,
    };
    store.submit(
        acquire,
        Box::new(move |committed| match committed {
            Ok(Committed::Lease(LeaseGrant::Granted { epoch, run })) => {
                cancel_idle(&handle, &run, epoch, cancel, at, then)
            }
            Ok(_) | Err(StoreError::RunNotFound { .. }) => then(Ok(false)),
            Err(StoreError::Busy { .. }) => cancel_driven(&handle, run_id, cancel, at, then),
            Err(error) => then(Err(error.into())),
        }),
    );
}

/// Nobody drives the run: this process holds the lease for as long as it takes to write that the run is cancelled.
fn cancel_idle(
    store: &StoreHandle,
    stored: &StoredRun,
    epoch: u64,
    cancel: CancelRequested,
    at: Timestamp,
    then: Then<bool>,
) {
    let run_id = stored.row.run_id.clone();
    let release = Operation::Release {
        run_id: run_id.clone(),
        epoch,
    };
    let mut run = match Run::replay(&stored.records) {
        Ok(run) => run,
        Err(error) => {
            store.submit(release, Box::new(|_| ()));
            return then(Err(error.into()));
        }
    };
    if !matches!(run.status(), RunStatus::Queued | RunStatus::Running | RunStatus::Paused) {
        return store.submit(release, Box::new(move |_| then(Ok(false))));
    }
    let driver_entries = run.driver_entries();
    let continued = RunContinued {
        holder: store.holder().to_string().into(),
        tool_call_limit: run.tool_call_limit(),
        on_in_doubt: InDoubtRule::default(),
    };
    let Transition { entries, .. } = run.notify_cancelled_idle(continued, cancel, at);
    let append = Append {
        run_id,
        author: Author::Driver { epoch, driver_entries },
        at,
        entries,
        finish: Some(Finish::as_told(run.status())),
    };
    let handle = store.clone();
    store.submit(
        Operation::Append(append),
        Box::new(move |committed| {
            if committed.is_err() {
                // The lease would go back with the entries, which are not on disk.
                handle.submit(release, Box::new(|_| ()));
            }
            then(committed.map(|_| true).map_err(EngineError::from));
        }),
    );
}

/// Somebody drives the run: they are told through its journal.
fn cancel_driven(store: &StoreHandle, run_id: Text, cancel: CancelRequested, at: Timestamp, then: Then<bool>) {
    let entry = Entry::CancelRequested(cancel);
    append_outside(
        store,
        run_id,
        entry,
        at,
        Box::new(move |appended| then(appended.map(|()| true))),
    );
}
