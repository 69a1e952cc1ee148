//! A database: runs are started, opened, looked at, decided about and cancelled through it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use haltpoint_engine::journal::{CancelRequested, Event, Hash, RunStarted};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::session::{self, EngineError, Memory, Session};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{Erasure, ExternalRecord, KeptSignal, NewSignal, RunStatus, SignalFilter, Signalled};
use haltpoint_engine::{Json, Text, Timestamp};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::completions::Completions;
use crate::delivering::{deliver, deliver_opened};
use crate::errors::{Damage, exception};
use crate::listing::{ApprovalParts, RequirementParts, RunParts, approval_filter, requirement_filter, run_filter};
use crate::opening::{ServerSettings, read_audit_key, sqlite_options};
use crate::session::{PySession, commit_ticket};
use crate::snapshot::Snapshot;
use crate::waiting::wait_detached;
use crate::watch::{News, OutsiderNotice, Watch};

/// What a new run remembers of its session.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct RecalledMemory {
    memory: Memory,
}

#[pymethods]
impl RecalledMemory {
    /// Runs of the session that are left out because they were erased.
    #[getter]
    fn erased(&self) -> Vec<String> {
        self.memory.erased.iter().map(ToString::to_string).collect()
    }
}

impl RecalledMemory {
    /// The runs whose messages the new one sees.
    pub(crate) fn runs(&self) -> Vec<Text> {
        self.memory.runs.clone()
    }
}

type SignalParts = (String, String, Option<String>, String, Option<String>, i64);

fn signal_parts(KeptSignal { signal, .. }: KeptSignal) -> SignalParts {
    (
        signal.id.to_string(),
        signal.event.name.to_string(),
        signal.event.key.map(|key| key.to_string()),
        signal.payload.get().to_owned(),
        signal.by.map(|by| by.to_string()),
        signal.at.0,
    )
}

/// A database of runs. Two of them on one file share their threads.
#[pyclass(frozen, name = "Database", module = "haltpoint._engine")]
pub(crate) struct PyDatabase {
    pub(crate) store: StoreHandle,
    /// Whether a server acknowledges commits that a crash of it may lose.
    #[pyo3(get)]
    is_relaxed: bool,
}

impl PyDatabase {
    /// The same opening once more.
    pub(crate) fn again(&self) -> Self {
        Self {
            store: self.store.clone(),
            is_relaxed: self.is_relaxed,
        }
    }
}

#[pymethods]
impl PyDatabase {
    /// Whether the time of an open requirement of a run in this database is over, by its clock.
    fn is_due(&self, snapshot: &Snapshot) -> bool {
        snapshot.is_due(self.store.now())
    }

    /// Opens a file, or creates it. `durability` is "full" or "normal"; `lease_seconds` is for how long a holder that shows no
    /// sign of life keeps its runs; `audit_key` is the key of new runs' hash chains; `fault` is for tests: where this process dies.
    #[staticmethod]
    #[pyo3(signature = (path, durability, lease_seconds, audit_key=None, fault=None))]
    fn open_sqlite(
        py: Python<'_>,
        path: &str,
        durability: &str,
        lease_seconds: f64,
        audit_key: Option<&[u8]>,
        fault: Option<&str>,
    ) -> PyResult<Self> {
        let options = sqlite_options(py, durability, lease_seconds, audit_key, fault)?;
        let opened = py.detach(|| StoreHandle::open_sqlite(path.as_ref(), options));
        let store = opened.map_err(|error| exception(py, &error.into()))?;
        Ok(Self {
            store,
            is_relaxed: false,
        })
    }

    /// Opens a database on a PostgreSQL server. Its tables are made where they are missing, if the settings let them be.
    #[staticmethod]
    fn open_postgres(py: Python<'_>, url: &str, settings: ServerSettings) -> PyResult<Self> {
        let options = settings.options(py)?;
        let opened = py.detach(|| haltpoint_postgres::open_noting(url, options));
        let (store, is_relaxed) = opened.map_err(|error| exception(py, &error.into()))?;
        Ok(Self { store, is_relaxed })
    }

    /// Makes the tables on a server, or brings them to this release. Returns the version that they had before; 0: there were none.
    #[staticmethod]
    fn migrate_postgres(py: Python<'_>, url: &str, settings: ServerSettings) -> PyResult<usize> {
        let options = settings.options(py)?;
        let before = py.detach(|| haltpoint_postgres::migrate(url, &options));
        before.map_err(|error| exception(py, &error.into()))
    }

    /// The statements that bring the tables on a server to this release; an empty text where there is nothing to do.
    #[staticmethod]
    fn postgres_migration(py: Python<'_>, url: &str, settings: ServerSettings) -> PyResult<String> {
        let options = settings.options(py)?;
        let sql = py.detach(|| haltpoint_postgres::missing_sql(url, &options));
        sql.map_err(|error| exception(py, &error.into()))
    }

    /// A database that lives and dies with this process.
    #[staticmethod]
    #[pyo3(signature = (audit_key=None))]
    fn in_memory(py: Python<'_>, audit_key: Option<&[u8]>) -> PyResult<Self> {
        let key = read_audit_key(py, audit_key)?;
        Ok(Self {
            store: StoreHandle::in_memory_with_key(key),
            is_relaxed: false,
        })
    }

    /// Writes what is waiting, then closes the file. Further calls fail.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.store.close());
    }

    /// Loads what a new run of that session remembers.
    fn recall(&self, completions: &Completions, session_id: String) -> u64 {
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        self.store.read(Box::new(move |reader| {
            let memory = reader
                .map_err(EngineError::from)
                .and_then(|reader| session::recall(reader, &session_id));
            deliver(sender, ticket, memory, |py, memory| {
                Ok(Py::new(py, RecalledMemory { memory })?.into_any())
            });
        }));
        ticket
    }

    /// Creates a run from the JSON of its first entry. The ticket's value is the list of effects, once the run is on disk; None where one
    /// of that id was started alike before.
    fn start(
        &self,
        completions: &Completions,
        started_json: &str,
        memory: Option<&RecalledMemory>,
    ) -> PyResult<(PySession, u64)> {
        let mut started: RunStarted =
            serde_json::from_str(started_json).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let memory = memory.map(|recalled| recalled.memory.clone()).unwrap_or_default();
        started.remembers.clone_from(&memory.runs);
        let sender = completions.sender();
        let (ticket, deliver) = commit_ticket(&sender, started.run_id.clone(), false);
        let (session, _) = Session::start(self.store.clone(), started, &memory, self.store.now(), deliver);
        Ok((PySession::new(session, sender), ticket))
    }

    /// Takes the right to drive a run. The ticket's value is a Session, or a Snapshot of a completed run. Of a run that was loaded
    /// before, only what came since `known` is read.
    #[pyo3(signature = (completions, run_id, known=None))]
    fn open(&self, completions: &Completions, run_id: String, known: Option<&Snapshot>) -> u64 {
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let then = deliver_opened(sender, ticket);
        match known.and_then(|known| known.known_of(&run_id)) {
            Some(known) => session::open_known(&self.store, known.clone(), self.store.now(), then),
            None => session::open(&self.store, run_id.into(), self.store.now(), then),
        }
        ticket
    }

    /// Loads a run without driving it. The ticket's value is a Snapshot. Of a run that was loaded before, only what came since `known`
    /// is read.
    #[pyo3(signature = (completions, run_id, known=None))]
    fn load(&self, completions: &Completions, run_id: String, known: Option<&Snapshot>) -> u64 {
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let then = Box::new(move |loaded| deliver(sender, ticket, loaded, snapshot_to_python));
        match known.and_then(|known| known.known_of(&run_id)) {
            Some(known) => session::load_known(&self.store, known.clone(), then),
            None => session::load(&self.store, run_id.into(), then),
        }
        ticket
    }

    /// Records a decision, given as JSON. The ticket's value is the run as it stands with it, once it is on disk. Of a run that was
    /// loaded before, only what its journal got since then is read.
    #[pyo3(signature = (completions, run_id, requirement_id, decision_json, by, known=None, expected_digest=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a fact of its own")]
    fn decide(
        &self,
        completions: &Completions,
        run_id: String,
        requirement_id: String,
        decision_json: &str,
        by: Option<String>,
        known: Option<&Snapshot>,
        expected_digest: Option<String>,
    ) -> PyResult<u64> {
        let decision: Decision =
            serde_json::from_str(decision_json).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let then = Box::new(move |decided| deliver(sender, ticket, decided, snapshot_to_python));
        let word = session::Word {
            requirement_id: requirement_id.into(),
            decision,
            by: by.map(Into::into),
            expected_digest: expected_digest.map(Into::into),
        };
        match known.and_then(|known| known.known_of(&run_id)) {
            Some(known) => session::decide_known(&self.store, known.clone(), word, self.store.now(), then),
            None => session::decide(&self.store, run_id.into(), word, self.store.now(), then),
        }
        Ok(ticket)
    }

    /// Cancels a run, wherever it is driven, waiting for the disk. False: it is neither running nor paused.
    fn cancel(&self, py: Python<'_>, run_id: String, interrupt: bool, by: Option<String>) -> PyResult<bool> {
        let cancel = CancelRequested {
            interrupt,
            by: by.map(Into::into),
            reason: None,
        };
        wait_detached(py, |then| {
            session::cancel(&self.store, run_id.into(), cancel, self.store.now(), then)
        })
    }

    /// Keeps a signal until a run takes it, or ends the oldest wait for its event, waiting for the disk. Returns the run that took it,
    /// whether one did, and whether the signal came now; one of an id that was given before changes nothing.
    fn signal(
        &self,
        py: Python<'_>,
        id: String,
        name: String,
        key: Option<String>,
        payload_json: String,
        by: Option<String>,
    ) -> PyResult<(Option<String>, bool, bool)> {
        let payload = Json::parse(payload_json).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let signal = NewSignal {
            id: id.into(),
            event: Event {
                name: name.into(),
                key: key.map(Into::into),
            },
            payload,
            by: by.map(Into::into),
            at: self.store.now(),
        };
        let Signalled {
            run_id,
            is_taken,
            is_new,
        } = wait_detached(py, |then| session::signal(&self.store, signal, then))?;
        Ok((run_id.map(|run_id| run_id.to_string()), is_taken, is_new))
    }

    /// The signals that are kept, oldest first, as tuples (id, name, key, payload as JSON, by, microseconds since 1970).
    fn kept_signals(
        &self,
        py: Python<'_>,
        name: Option<String>,
        key: Option<String>,
        limit: Option<u32>,
    ) -> PyResult<Vec<SignalParts>> {
        let filter = SignalFilter {
            name: name.map(Into::into),
            key: key.map(Into::into),
            limit: limit.unwrap_or(u32::MAX),
            ..SignalFilter::default()
        };
        let now = self.store.now();
        let found = self.read_apart_now(py, move |store| session::kept_signals(store, filter, now))?;
        Ok(found.into_iter().map(signal_parts).collect())
    }

    /// Copies the database, as it stands in this moment, to a new file, waiting for the disk.
    fn backup(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.read_apart_now(py, move |store| Ok(store.backup(&path)?))
    }

    /// Erases what a run said, waiting for the disk; with `force` one that can be continued is cancelled first. False: that was done
    /// before.
    fn erase(
        &self,
        py: Python<'_>,
        run_id: String,
        by: Option<String>,
        reason: Option<String>,
        force: bool,
    ) -> PyResult<bool> {
        let erasure = Erasure {
            run_id: run_id.into(),
            by: by.map(Into::into),
            reason: reason.map(Into::into),
            at: self.store.now(),
        };
        wait_detached(py, |then| session::erase(&self.store, erasure, force, then))
    }

    /// Removes what is left of erased payloads outside of the database itself. False: somebody reads from the log.
    fn finish_erasures(&self, py: Python<'_>) -> PyResult<bool> {
        self.maintain_now(py, session::finish_erasures)
    }

    /// Removes a part of the runs of these statuses that nothing happened to for so many seconds; or only counts them. Returns how many,
    /// and behind which place the next part begins, if there is one.
    fn prune(
        &self,
        py: Python<'_>,
        statuses: Vec<String>,
        older_than: f64,
        after: i64,
        is_dry: bool,
    ) -> PyResult<(u64, Option<i64>)> {
        let unknown = |name: &String| PyValueError::new_err(format!("no status is called {name:?}"));
        let statuses = statuses
            .iter()
            .map(|name| RunStatus::parse(name).ok_or_else(|| unknown(name)))
            .collect::<PyResult<Vec<_>>>()?;
        let age = Duration::try_from_secs_f64(older_than).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let now = self.store.now();
        let before = now.plus_micros(-age);
        let part = self.maintain_now(py, move |store| {
            if after == 0 && !is_dry {
                session::forget_signals(store, now)?;
            }
            session::prune(store, statuses, before, after, is_dry)
        })?;
        Ok((part.runs, part.next))
    }

    /// Gives a part of the free room back to the file system. True: there is more.
    fn shrink(&self, py: Python<'_>) -> PyResult<bool> {
        self.maintain_now(py, session::shrink)
    }

    /// Writes the whole database anew, while nothing else uses it.
    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        self.maintain_now(py, session::compact)
    }

    /// What is wrong with the file and with each run's journal; empty when all is well.
    fn check(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.read_apart_now(py, session::check)
    }

    /// What an examination of a run's rows finds, as JSON; `head` is a hash that was kept elsewhere.
    fn verify(&self, py: Python<'_>, run_id: String, head: Option<Hash>) -> PyResult<String> {
        let found = self.read_apart_now(py, move |store| session::verify(store, &run_id, head.as_ref()))?;
        serde_json::to_string(&found).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// What was decided about a run, as JSON, a list in the order in which it was written.
    fn audit(&self, py: Python<'_>, run_id: String) -> PyResult<String> {
        let records = self.read_apart_now(py, move |store| session::audit(store, &run_id))?;
        serde_json::to_string(&records).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// A run's journal as JSON lines.
    fn export(&self, py: Python<'_>, run_id: String) -> PyResult<String> {
        self.read_apart_now(py, move |store| session::export(store, &run_id))
    }

    /// Runs as tuples (run id, agent name, session id, user id, status, created at, updated at), newest first: all, or at most `limit`.
    #[expect(clippy::too_many_arguments, reason = "each is a condition of its own")]
    fn runs(
        &self,
        status: Option<&str>,
        agent_name: Option<String>,
        session_id: Option<String>,
        user_id: Option<String>,
        id_prefix: Option<String>,
        before: Option<String>,
        limit: Option<u32>,
    ) -> PyResult<RunParts> {
        let filter = run_filter(status, agent_name, session_id, user_id, id_prefix, before)?;
        Ok(self.list_runs(filter, limit))
    }

    /// How many runs there are of those that `runs` lists.
    #[expect(clippy::too_many_arguments, reason = "each is a condition of its own")]
    fn count_runs(
        &self,
        py: Python<'_>,
        status: Option<&str>,
        agent_name: Option<String>,
        session_id: Option<String>,
        user_id: Option<String>,
        id_prefix: Option<String>,
        before: Option<String>,
    ) -> PyResult<u64> {
        let filter = run_filter(status, agent_name, session_id, user_id, id_prefix, before)?;
        self.read_now(py, move |store| session::count_runs(store, &filter))
    }

    /// Requirements as JSON, of the set "all", "open" or "decided", in its order: all, or at most `limit`. Previews are for looking at:
    /// what large entries hold is shown in part, and their hashes are not checked.
    #[expect(clippy::too_many_arguments, reason = "each is a condition of its own")]
    fn requirements(
        &self,
        run_id: Option<String>,
        kind: Option<&str>,
        which: &str,
        id_prefix: Option<String>,
        before: Option<String>,
        limit: Option<u32>,
        as_previews: bool,
    ) -> PyResult<RequirementParts> {
        let filter = requirement_filter(run_id, kind, which, id_prefix, before)?;
        Ok(if as_previews {
            self.list_previews(filter, limit)
        } else {
            self.list_requirements(filter, limit)
        })
    }

    /// What a list says of a run beside its row, as JSON: task, pause_reason, open_requirements.
    fn run_summary(&self, py: Python<'_>, run_id: String) -> PyResult<String> {
        let summary = self.read_now(py, move |store| session::summary(store, &run_id))?;
        serde_json::to_string(&summary).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// How many requirements there are of those that `requirements` lists.
    fn count_requirements(
        &self,
        py: Python<'_>,
        run_id: Option<String>,
        kind: Option<&str>,
        which: &str,
        id_prefix: Option<String>,
        before: Option<String>,
    ) -> PyResult<u64> {
        let filter = requirement_filter(run_id, kind, which, id_prefix, before)?;
        self.read_now(py, move |store| session::count_requirements(store, &filter))
    }

    /// The run of a requirement.
    fn run_of_requirement(&self, py: Python<'_>, requirement_id: String) -> PyResult<String> {
        let requirement_id = requirement_id.into();
        let found = self.read_now(py, move |store| session::run_of_requirement(store, &requirement_id))?;
        Ok(found.to_string())
    }

    /// Approvals that answer later calls, as JSON, newest first: all, or at most `limit`.
    fn approvals(
        &self,
        run_id: Option<String>,
        session_id: Option<String>,
        id_prefix: Option<String>,
        before: Option<String>,
        limit: Option<u32>,
    ) -> ApprovalParts {
        self.list_approvals(approval_filter(run_id, session_id, id_prefix, before), limit)
    }

    /// How many approvals there are of those that `approvals` lists.
    fn count_approvals(
        &self,
        py: Python<'_>,
        run_id: Option<String>,
        session_id: Option<String>,
        id_prefix: Option<String>,
        before: Option<String>,
    ) -> PyResult<u64> {
        let filter = approval_filter(run_id, session_id, id_prefix, before);
        self.read_now(py, move |store| session::count_approvals(store, &filter))
    }

    /// Revokes a remembered approval, waiting for the disk. False: that was done before.
    fn revoke(&self, py: Python<'_>, requirement_id: String, by: Option<String>) -> PyResult<bool> {
        let (requirement_id, by) = (requirement_id.into(), by.map(Into::into));
        wait_detached(py, |then| {
            session::revoke(&self.store, requirement_id, by, self.store.now(), then)
        })
    }

    /// Writes that nobody decided in time what is due: of one run, or of all that are not stopped. Returns how many requirements
    /// expired by this call; then, as exceptions, the runs that cannot be read.
    fn expire_due(&self, py: Python<'_>, run_id: Option<String>) -> PyResult<(u64, Damage)> {
        self.expire_all(py, run_id.map(Text::from))
    }

    /// In how many microseconds the first time comes, later than `after`, of what waits for one; None: nothing does.
    fn until_due(&self, py: Python<'_>, after: i64) -> PyResult<Option<i64>> {
        let next = self.read_now(py, move |store| Ok(session::next_due(store, Timestamp(after))?))?;
        Ok(next.map(|next| next.micros_since(self.store.now())))
    }

    /// What time it is by the database's clock, in microseconds since the epoch.
    fn now(&self) -> i64 {
        self.store.now().0
    }

    /// A number that changes with each commit, whichever process makes it.
    fn data_version(&self, py: Python<'_>) -> PyResult<u128> {
        Ok(self.read_now(py, |store| Ok(store.position()?))?.as_number())
    }

    /// The entries of a run's journal behind place `after`, as JSON lines.
    fn journal_after(&self, py: Python<'_>, run_id: String, after: u64) -> PyResult<String> {
        self.read_now(py, move |store| session::journal_after(store, &run_id, after))
    }

    /// A run as it stands on disk, waiting for the read.
    fn look_up(&self, py: Python<'_>, run_id: String) -> PyResult<Snapshot> {
        let loaded = self.read_now(py, move |store| session::load_now(store, &run_id))?;
        Ok(Snapshot::new(loaded))
    }

    /// Subscribes to a run's decisions and cancel requests, from this process and others.
    fn watch(&self, completions: &Completions, run_id: String) -> Watch {
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let subscription = self.store.subscribe(
            run_id.into(),
            Arc::new(move |notice: &ExternalRecord| {
                let notice = notice.clone();
                let value = Box::new(move |py: Python<'_>| Ok(Py::new(py, OutsiderNotice::new(notice))?.into_any()));
                sender.send(ticket, value);
            }),
        );
        Watch::new(ticket, subscription)
    }

    /// Watches for commits, of this process and others. Each delivery under the ticket is the data version by then, or the exception that
    /// says why the database cannot be read; those that the loop has not had yet become one.
    fn watch_changes(&self, completions: &Completions) -> Watch {
        let sender = completions.sender();
        let ticket = sender.next_ticket();
        let news = News::new(sender, ticket);
        let subscription = self
            .store
            .watch(Arc::new(move |told| news.tell(told.map_err(Clone::clone))));
        Watch::new(ticket, subscription)
    }
}

fn snapshot_to_python(py: Python<'_>, loaded: session::Loaded) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, Snapshot::new(loaded))?.into_any())
}
