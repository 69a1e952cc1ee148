//! Runs on their way to workers: handed over, taken up where they are due, set aside, and let go again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::{Entry, InDoubtRule, RunContinued, RunStarted};
use crate::run::{Run, Transition};
use crate::store::handle::StoreHandle;
use crate::store::{Committed, DueClaim, DueFilter, DueRun, NewRun, Operation, RunStatus, StoreError};
use crate::{Text, Timestamp};

use super::control::{Then, open_claimed};
use super::{Deliver, EngineError, Handed, Opened, Session, keyed, load, open};

/// Creates a run that waits for a worker, which takes it from `not_before` on. One of that id that was started alike before is as good.
pub fn submit(
    store: &StoreHandle,
    started: RunStarted,
    by: Option<Text>,
    not_before: Option<Timestamp>,
    at: Timestamp,
    then: Then<()>,
) {
    let mut run = Run::new(Box::new(started.clone()), at);
    let queued = run.notify_queued(by, not_before, at).entries;
    let create = NewRun {
        run_id: started.run_id.clone(),
        agent_name: started.agent_name.clone(),
        session_id: started.session_id.clone(),
        user_id: started.user_id.clone(),
        holder: store.holder(),
        expires: at,
        at,
        entries: std::iter::once(Entry::RunStarted(Box::new(started)))
            .chain(queued)
            .collect(),
    };
    let tell = Box::new(move |created| match created {
        Ok(_) | Err(StoreError::RunExists { .. }) => then(Ok(())),
        Err(error) => then(Err(error.into())),
    });
    store.submit(Operation::Create(create), keyed::compared(store, Arc::new(run), tell));
}

/// Takes the right to drive runs that a worker can go on with, as many as the filter lets through, those of the agents in turn.
/// [`take`] goes on with each; one that is not gone on with is to be given back: [`give_back`].
pub fn claim_due(store: &StoreHandle, filter: DueFilter, then: Then<Vec<DueRun>>) {
    let expires = store.lease_expiry(filter.now);
    let claim = DueClaim {
        filter,
        holder: store.holder(),
        expires,
    };
    store.submit(
        Operation::ClaimDue(claim),
        Box::new(move |committed| match committed {
            Ok(Committed::DueClaimed(runs)) => then(Ok(runs)),
            Ok(_) => then(Ok(Vec::new())),
            Err(error) => then(Err(error.into())),
        }),
    );
}

/// Gives a run back that was claimed and not taken.
pub fn give_back(store: &StoreHandle, run_id: Text, epoch: u64) {
    store.submit(Operation::Release { run_id, epoch }, Box::new(|_| ()));
}

/// Takes the right to drive a run, where it still is work for a worker; under the epoch under which it was claimed, if it was. One that ended `max_recoveries` drivers after the first,
/// and got no further meanwhile, fails instead; one that somebody cancelled before its driver ended is cancelled.
pub fn take(
    store: &StoreHandle,
    run_id: Text,
    epoch: Option<u64>,
    max_recoveries: u32,
    at: Timestamp,
    then: Then<Opened>,
) {
    let handle = store.clone();
    let take = move |opened| match opened {
        Ok(Opened::Session(session)) if !session.run().is_due() => then(Ok(idle(&session))),
        Ok(Opened::Session(session)) if session.run().cancellation().is_some() => {
            end(&handle, session, at, then, Run::notify_cancelled_before);
        }
        Ok(Opened::Session(session)) if is_hopeless(session.run(), max_recoveries) => {
            end(&handle, session, at, then, Run::notify_set_aside);
        }
        opened => then(opened),
    };
    match epoch {
        Some(epoch) => open_claimed(store, run_id, epoch, Box::new(take)),
        None => open(store, run_id, at, Box::new(take)),
    }
}

fn is_hopeless(run: &Run, max_recoveries: u32) -> bool {
    run.status() == RunStatus::Running && run.recoveries() >= max_recoveries
}

fn idle(session: &Session) -> Opened {
    Opened::Idle(Box::new(session.snapshot()))
}

/// Takes a run over only to write how it ends.
fn end(
    store: &StoreHandle,
    mut session: Box<Session>,
    at: Timestamp,
    then: Then<Opened>,
    notify: fn(&mut Run, RunContinued, Timestamp) -> Transition,
) {
    let (store, run_id) = (store.clone(), session.run().run_id().clone());
    let continued = RunContinued {
        holder: store.holder().to_string().into(),
        tool_call_limit: session.run().tool_call_limit(),
        on_in_doubt: InDoubtRule::default(),
    };
    let tell = move |written| match written {
        Ok(()) => load(
            &store,
            run_id,
            Box::new(|loaded| then(loaded.map(|loaded| Opened::Idle(Box::new(loaded))))),
        ),
        Err(error) => then(Err(error)),
    };
    write(&mut session, at, Box::new(tell), |run| notify(run, continued, at));
}

/// Lets workers go on with a run that was stopped or set aside. `false`: there is nothing to go on with before somebody decides.
pub fn requeue(store: &StoreHandle, run_id: Text, by: Option<Text>, at: Timestamp, then: Then<bool>) {
    let queue = move |opened| match opened {
        Ok(Opened::Session(session)) if session.run().status() == RunStatus::Queued => then(Ok(true)),
        Ok(Opened::Session(mut session)) if can_go_on(session.run()) => {
            let tell = Box::new(|written: Result<(), EngineError>| then(written.map(|()| true)));
            write(&mut session, at, tell, |run| run.notify_queued(by, None, at));
        }
        Ok(_) => then(Ok(false)),
        Err(error) => then(Err(error)),
    };
    open(store, run_id, at, Box::new(queue));
}

fn can_go_on(run: &Run) -> bool {
    run.status() != RunStatus::Paused || run.has_news()
}

/// Writes the last words of a session.
fn write(session: &mut Session, at: Timestamp, then: Then<()>, transition: impl FnOnce(&mut Run) -> Transition) {
    let told = Arc::new(Mutex::new(Some(then)));
    let tell = Arc::clone(&told);
    let deliver: Deliver = Box::new(move |committed| tell_once(&tell, committed.map(drop).map_err(EngineError::from)));
    match session.apply(at, deliver, transition) {
        // On disk already, so that nothing is delivered.
        Ok(Handed { later: None, .. }) => tell_once(&told, Ok(())),
        Ok(_) => {}
        Err(error) => tell_once(&told, Err(error.into())),
    }
}

fn tell_once(then: &Mutex<Option<Then<()>>>, written: Result<(), EngineError>) {
    let then = then.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(then) = then {
        then(written);
    }
}

impl Session {
    /// The driver stops; whatever is left waits for another one.
    ///
    /// # Errors
    /// The failure of an earlier commit.
    pub fn notify_drained(&mut self, force: bool, at: Timestamp, deliver: Deliver) -> Result<Handed, StoreError> {
        self.apply(at, deliver, |run| run.notify_drained(force, at))
    }
}
