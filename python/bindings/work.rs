//! What workers do with a database: take runs up, set them aside, let them go again, and deliver what others subscribed to.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haltpoint_engine::journal::RunStarted;
use haltpoint_engine::session::{self, EngineError};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{Committed, DueFilter, DueRun, Operation, OutboxClaim};
use haltpoint_engine::{Text, Timestamp};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::completions::Completions;
use crate::database::{PyDatabase, RecalledMemory};
use crate::delivering::{deliver, deliver_opened};
use crate::errors::exception;
use crate::waiting::wait_detached;

/// A claim that this process makes now.
fn new_claim(store: &StoreHandle, name: String, claimant: String, seconds: f64) -> PyResult<OutboxClaim> {
    let duration =
        std::time::Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let now = store.now();
    Ok(OutboxClaim {
        name: name.into(),
        claimant: claimant.into(),
        holder: store.holder(),
        now,
        until: now.plus_micros(micros),
    })
}

/// The runs of a database that workers go on with.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct WorkQueue {
    database: PyDatabase,
    claims: Arc<Claims>,
}

/// Runs that were claimed and not taken yet, and under which epochs.
#[derive(Default)]
struct Claims {
    epochs: Mutex<HashMap<Text, u64>>,
    is_closed: AtomicBool,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, HashMap<Text, u64>> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was claimed, or gives it back where nobody wants it any more. Returns the runs to be gone on with.
    fn note(&self, store: &StoreHandle, runs: Vec<DueRun>) -> Vec<(String, Option<String>)> {
        let mut epochs = self.lock();
        let mut noted = Vec::new();
        for run in runs {
            let is_closed = self.is_closed.load(Ordering::Acquire);
            match run.epoch {
                Some(epoch) if is_closed => session::give_back(store, run.run_id, epoch),
                _ if is_closed => {}
                epoch => {
                    epochs.extend(epoch.map(|epoch| (run.run_id.clone(), epoch)));
                    noted.push((run.run_id.to_string(), run.agent_name.map(|name| name.to_string())));
                }
            }
        }
        noted
    }
}

#[pymethods]
impl WorkQueue {
    #[new]
    fn new(database: &PyDatabase) -> Self {
        Self {
            database: database.again(),
            claims: Arc::default(),
        }
    }

    /// Creates a run that waits for a worker. The ticket's value is None, once it, or one of that id that was started alike, is on disk.
    fn submit(
        &self,
        completions: &Completions,
        started_json: &str,
        memory: Option<&RecalledMemory>,
        by: Option<String>,
        not_before: Option<i64>,
    ) -> PyResult<u64> {
        let mut started: RunStarted =
            serde_json::from_str(started_json).map_err(|error| PyValueError::new_err(error.to_string()))?;
        started.remembers = memory.map(RecalledMemory::runs).unwrap_or_default();
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let then = Box::new(move |created| deliver(sender, ticket, created, |py, ()| Ok(py.None())));
        let store = &self.database.store;
        let not_before = not_before.map(Timestamp);
        session::submit(store, started, by.map(Into::into), not_before, store.now(), then);
        Ok(ticket)
    }

    /// Takes the right to drive a run that is work for a worker. The ticket's value is a Session, or a Snapshot of a run that is
    /// none: decided otherwise meanwhile, or set aside by this call, because it ended `max_recoveries` drivers after the first.
    fn take(&self, completions: &Completions, run_id: String, max_recoveries: u32) -> u64 {
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let then = deliver_opened(sender, ticket);
        let store = &self.database.store;
        let run_id: Text = run_id.into();
        let epoch = self.claims.lock().remove(&run_id);
        session::take(store, run_id, epoch, max_recoveries, store.now(), then);
        ticket
    }

    /// Gives a run back that was claimed, unless it was taken.
    fn give_back(&self, run_id: String) {
        let run_id: Text = run_id.into();
        let epoch = self.claims.lock().remove(&run_id);
        if let Some(epoch) = epoch {
            session::give_back(&self.database.store, run_id, epoch);
        }
    }

    /// Gives all runs back that were claimed and not taken, also those of claims under way.
    fn close(&self) {
        self.claims.is_closed.store(true, Ordering::Release);
        let left = std::mem::take(&mut *self.claims.lock());
        for (run_id, epoch) in left {
            session::give_back(&self.database.store, run_id, epoch);
        }
    }

    /// Lets workers go on with a run, waiting for the disk. False: there is nothing to go on with.
    fn requeue(&self, py: Python<'_>, run_id: String, by: Option<String>) -> PyResult<bool> {
        let (run_id, by) = (run_id.into(), by.map(Into::into));
        wait_detached(py, |then| {
            session::requeue(&self.database.store, run_id, by, self.database.store.now(), then)
        })
    }

    /// Claims runs that a worker can go on with: one of each agent in turn, the oldest first. The ticket's value is a list of tuples (run
    /// id, agent's name). `take` goes on with them.
    fn claim(
        &self,
        completions: &Completions,
        agent_names: Vec<String>,
        except_runs: HashSet<String>,
        limit: u32,
    ) -> u64 {
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let store = self.database.store.clone();
        let filter = DueFilter {
            agent_names: agent_names.into_iter().map(Into::into).collect(),
            except: except_runs.into_iter().map(Into::into).collect(),
            now: store.now(),
            limit,
        };
        let (claims, handle) = (Arc::clone(&self.claims), store.clone());
        let then = Box::new(move |claimed: Result<Vec<DueRun>, EngineError>| {
            let noted = claimed.map(|runs| claims.note(&handle, runs));
            deliver(sender, ticket, noted, |py, noted| {
                Ok(noted.into_pyobject(py)?.into_any().unbind())
            });
        });
        session::claim_due(&store, filter, then);
        ticket
    }
}

/// The entries of a database on their way to subscribers.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Outbox {
    database: PyDatabase,
}

#[pymethods]
impl Outbox {
    #[new]
    fn new(database: &PyDatabase) -> Self {
        Self {
            database: database.again(),
        }
    }

    /// Takes the right to deliver what a subscription has coming; the place up to which that is done, or None.
    fn claim(&self, py: Python<'_>, name: String, claimant: String, seconds: f64) -> PyResult<Option<i64>> {
        let claim = new_claim(&self.database.store, name, claimant, seconds)?;
        match self.execute(py, Operation::ClaimOutbox(claim))? {
            Committed::OutboxClaimed(place) => Ok(place),
            _ => Ok(None),
        }
    }

    /// Notes that all up to `place` is delivered. False: somebody else delivers by now.
    fn advance(&self, py: Python<'_>, name: String, claimant: String, seconds: f64, place: i64) -> PyResult<bool> {
        let claim = new_claim(&self.database.store, name, claimant, seconds)?;
        let advanced = self.execute(py, Operation::AdvanceOutbox { claim, place })?;
        Ok(advanced == Committed::OutboxAdvanced(true))
    }

    /// Entries on their way, as tuples (place, run id, place in the run's journal), in the order of their commits.
    fn after(&self, py: Python<'_>, place: i64, limit: u32) -> PyResult<Vec<(i64, String, u64)>> {
        let rows = self
            .database
            .read_now(py, move |store| Ok(store.outbox_after(place, limit)?))?;
        Ok(rows
            .into_iter()
            .map(|row| (row.place, row.run_id.to_string(), row.seq))
            .collect::<Vec<_>>())
    }
}

impl Outbox {
    /// Carries an operation out and waits for the disk, without the interpreter's lock.
    fn execute(&self, py: Python<'_>, operation: Operation) -> PyResult<Committed> {
        let outcome = py.detach(|| self.database.store.execute(operation));
        outcome.map_err(|error| exception(py, &error.into()))
    }
}
