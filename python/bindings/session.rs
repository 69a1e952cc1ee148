//! A run that this process drives: the engine's session behind a lock, with commits coming back as completions.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use haltpoint_engine::journal::{CancelRequested, Entry, Failure, FailureKind, InDoubtRule, Remembered};
use haltpoint_engine::message::Message;
use haltpoint_engine::run::{self, Effect, Reconciliation, ToolOutcome};
use haltpoint_engine::session::{CommittedEntries, Deliver, EngineError, Handed, Session, event_lines};
use haltpoint_engine::store::{CancelFlag, StoreError};
use haltpoint_engine::{Text, Timestamp};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::completions::{CompletionSender, IntoValue};
use crate::conversation::Conversation;
use crate::delivering::deliver;
use crate::effects;
use crate::errors::exception;
use crate::inputs::{PyModelReplied, PyPlannedCall, in_doubt_rule};
use crate::snapshot::Snapshot;
use crate::watch::OutsiderNotice;

/// Effects to perform now, and the ticket of those that wait for the disk.
type PyHanded<'py> = (Bound<'py, PyList>, Option<u64>);

/// A run that this process drives. Dropping it gives the run back.
#[pyclass(frozen, name = "Session", module = "haltpoint._engine")]
pub(crate) struct PySession {
    run_id: Arc<str>,
    sender: CompletionSender,
    session: Mutex<Option<Session>>,
    /// What was said so far, as the provider client takes it. Filled when it is asked for.
    conversation: Arc<haltpoint_providers::Conversation>,
    /// Beside the lock, which is held for as long as a commit takes.
    wish: CancelFlag,
    /// Where somebody wants to hear of each commit, also of one that changes nothing for the driver: what was committed.
    listening: OnceLock<CommittedEntries>,
}

impl PySession {
    pub(crate) fn new(session: Session, sender: CompletionSender) -> Self {
        Self {
            run_id: session.run().run_id().clone(),
            sender,
            wish: session.wish().clone(),
            session: Mutex::new(Some(session)),
            conversation: Arc::default(),
            listening: OnceLock::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds an input and translates what follows.
    fn feed<'py, E: Into<EngineError>>(
        &self,
        py: Python<'py>,
        input: impl FnOnce(&mut Session, Timestamp, Deliver) -> Result<Handed, E>,
    ) -> PyResult<PyHanded<'py>> {
        let may_wait = self.listening.get().is_none();
        let (ticket, deliver) = commit_ticket(&self.sender, Arc::clone(&self.run_id), may_wait);
        let handed = {
            let mut guard = self.lock();
            let session = guard.as_mut().ok_or_else(closed)?;
            let now = session.now();
            input(session, now, deliver).map_err(|error| exception(py, &error.into()))?
        };
        // The session is unlocked by now: somebody who holds the interpreter's lock may want it.
        let handed = if handed.is_near() {
            py.detach(|| handed.spin())
        } else {
            handed
        };
        let now = effects::to_list(py, &self.run_id, handed.now)?;
        Ok((now, handed.later.map(|_| ticket)))
    }

    fn feed_reconciliation<'py>(
        &self,
        py: Python<'py>,
        call_id: &str,
        answer: Reconciliation,
    ) -> PyResult<PyHanded<'py>> {
        self.feed(py, |session, now, deliver| {
            session.notify_reconciled(call_id, answer, now, deliver)
        })
    }

    fn with_run<T>(&self, read: impl FnOnce(&Session) -> T) -> PyResult<T> {
        self.lock().as_ref().map(read).ok_or_else(closed)
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("this session is closed")
}

/// A ticket under which the effects of a commit come back, and what the store calls when it is on disk. Word of a commit without effects
/// may wait for other completions where nobody waits for it. `None` in their place: the run was started alike before.
pub(crate) fn commit_ticket(sender: &CompletionSender, run_id: Arc<str>, may_wait: bool) -> (u64, Deliver) {
    let ticket = sender.next_ticket();
    let sender = sender.clone();
    let deliver = Box::new(move |committed: Result<Vec<Effect>, StoreError>| {
        let may_wait = may_wait && committed.as_ref().is_ok_and(Vec::is_empty);
        let value: IntoValue = Box::new(move |py| match committed {
            Ok(gated) => Ok(effects::to_list(py, &run_id, gated)?.into_any().unbind()),
            Err(StoreError::RunExists { .. }) => Ok(py.None()),
            Err(error) => Err(exception(py, &error.into())),
        });
        if may_wait {
            sender.send_quietly(ticket, value);
        } else {
            sender.send(ticket, value);
        }
    });
    (ticket, deliver)
}

/// From so many bytes on, a text is handed to Python when somebody looks at it: most models ask for no more than their provider's client
/// does, which reads it from the engine.
const LONG: usize = 64 << 10;

/// A text of which Python gets a copy each time that it asks for one.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct LongText(Text);

#[pymethods]
impl LongText {
    fn __str__(&self) -> &str {
        &self.0
    }
}

fn content<'py>(py: Python<'py>, text: &Text) -> PyResult<Bound<'py, PyAny>> {
    if text.len() < LONG {
        return Ok(PyString::new(py, text).into_any());
    }
    Ok(Bound::new(py, LongText(text.clone()))?.into_any())
}

/// A message as a tuple: role, content, calls (id, name, args), `tool_call_id`, name, is error, provider data.
type MessageTuple<'py, 'a> = (
    &'static str,
    Option<Bound<'py, PyAny>>,
    Vec<(&'a str, &'a str, &'a str)>,
    Option<&'a str>,
    Option<&'a str>,
    bool,
    Option<&'a str>,
);

fn message_tuple<'py, 'a>(py: Python<'py>, message: &'a Message) -> PyResult<MessageTuple<'py, 'a>> {
    let calls = message
        .tool_calls
        .iter()
        .map(|call| (&*call.id, &*call.name, call.args.get()))
        .collect();
    Ok((
        message.role.as_str(),
        message.content.as_ref().map(|text| content(py, text)).transpose()?,
        calls,
        message.tool_call_id.as_deref(),
        message.name.as_deref(),
        message.is_error,
        message.provider_data.as_ref().map(haltpoint_engine::Json::get),
    ))
}

/// A call with its outcome, as Python takes it.
type FinishedCall = (String, String, String, bool, &'static str, Option<String>);

#[pymethods]
impl PySession {
    #[getter]
    fn run_id(&self) -> &str {
        &self.run_id
    }

    /// From now on word of each commit comes at once, and what was committed can be taken.
    fn listen(&self) -> PyResult<()> {
        let listening = self.lock().as_mut().map(Session::listen).ok_or_else(closed)?;
        self.listening.get_or_init(|| listening);
        Ok(())
    }

    /// What the journal got behind a place since `listen`, as the lines of `Database.journal_after`; None: only the journal has it. With
    /// `is_last`, what is not known yet is not waited for.
    fn take_committed(&self, py: Python<'_>, after: u64, is_last: bool) -> PyResult<Option<String>> {
        let lines = py.detach(|| {
            let taken = self
                .listening
                .get()
                .and_then(|listening| listening.take(after, is_last));
            taken.map(event_lines).transpose()
        });
        lines.map_err(|error| exception(py, &error))
    }

    /// The run's status as users see it.
    #[getter]
    fn status(&self) -> PyResult<&'static str> {
        self.with_run(|session| session.run().status().as_str())
    }

    /// How many final answers in a row did not fit the response format.
    #[getter]
    fn refusals(&self) -> PyResult<u32> {
        self.with_run(|session| session.run().refusals())
    }

    /// How many messages stand before the run's own.
    #[getter]
    fn first_new_message(&self) -> PyResult<usize> {
        self.with_run(|session| session.before().len())
    }

    /// The first entry's JSON: agent, task, prompt and response format as they were at the start.
    fn started_json(&self) -> PyResult<String> {
        self.with_run(|session| serde_json::to_string(session.run().started()))?
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// The calls that run as soon as the run goes on: see `CallToRun`.
    fn calls_to_run(&self, on_in_doubt: &str) -> PyResult<Vec<CallToRun>> {
        let may_retry = in_doubt_rule(on_in_doubt)? == InDoubtRule::Retry;
        self.with_run(|session| {
            session
                .run()
                .calls_to_run(may_retry)
                .into_iter()
                .map(CallToRun::new)
                .collect()
        })
    }

    /// The call that runs once the run hears of this decision; None where it lets no call run.
    fn call_decided_by(&self, notice: &OutsiderNotice) -> PyResult<Option<CallToRun>> {
        let Entry::RequirementDecided(decided) = &notice.notice().record.entry else {
            return Ok(None);
        };
        self.with_run(|session| session.run().call_decided_by(decided).map(CallToRun::new))
    }

    /// The messages from index `start` on, as tuples.
    fn messages_since<'py>(&self, py: Python<'py>, start: usize) -> PyResult<Bound<'py, PyList>> {
        let guard = self.lock();
        let session = guard.as_ref().ok_or_else(closed)?;
        let messages = session.before().iter().chain(session.run().messages()).skip(start);
        let tuples = messages.map(|message| message_tuple(py, message));
        PyList::new(py, tuples.collect::<PyResult<Vec<_>>>()?)
    }

    /// The first `length` messages for the native provider client, which shares their texts with the run and writes each once.
    fn conversation(&self, length: usize) -> PyResult<Conversation> {
        self.with_run(|session| {
            let messages = session.before().iter().chain(session.run().messages());
            self.conversation
                .extend(messages.skip(self.conversation.len()).cloned());
            Conversation::new(Arc::clone(&self.conversation), length)
        })
    }

    fn notify_continued<'py>(
        &self,
        py: Python<'py>,
        tool_call_limit: u64,
        on_in_doubt: &str,
    ) -> PyResult<PyHanded<'py>> {
        let rule = in_doubt_rule(on_in_doubt)?;
        self.feed(py, |session, now, deliver| {
            session.notify_continued(tool_call_limit, rule, now, deliver)
        })
    }

    /// Looks for earlier approvals that answer these calls. The ticket's value is a list with the JSON of one, or None, for each.
    fn recall_approvals(&self, calls: Vec<PyPlannedCall>) -> PyResult<u64> {
        let calls = calls.into_iter().map(PyPlannedCall::into_planned);
        let calls = calls.collect::<PyResult<_>>()?;
        let sender = self.sender.clone();
        let ticket = sender.next_ticket();
        let then = Box::new(move |found| deliver(sender, ticket, found, recalled_to_python));
        self.with_run(|session| session.recall_approvals(calls, then))?;
        Ok(ticket)
    }

    fn notify_model_replied<'py>(&self, py: Python<'py>, reply: PyModelReplied) -> PyResult<PyHanded<'py>> {
        let (reply, verdict) = reply.into_input()?;
        self.feed(py, |session, now, deliver| {
            session.notify_model_replied(reply, verdict, now, deliver)
        })
    }

    /// From now on the model is asked whenever a call has its outcome, also while others are open. Before the first input.
    fn plan_ahead(&self) -> PyResult<()> {
        self.lock().as_mut().map(Session::plan_ahead).ok_or_else(closed)
    }

    fn notify_steps_planned<'py>(&self, py: Python<'py>, calls: Vec<PyPlannedCall>) -> PyResult<PyHanded<'py>> {
        let calls = calls.into_iter().map(PyPlannedCall::into_planned);
        let calls = calls.collect::<PyResult<_>>()?;
        self.feed(py, |session, now, deliver| {
            session.notify_steps_planned(calls, now, deliver)
        })
    }

    fn notify_steps_ready<'py>(&self, py: Python<'py>) -> PyResult<PyHanded<'py>> {
        self.feed(py, Session::notify_steps_ready)
    }

    /// The calls that have their outcome, in the order in which they got it, from that place of the order on: id, tool's name, content,
    /// whether it is an error, where it comes from, and the signal that it is of. A person's answers are the JSON object of the fields.
    fn finished_calls(&self, start: usize) -> PyResult<Vec<FinishedCall>> {
        self.with_run(|session| {
            let finished = session.run().finished_calls(start);
            finished
                .map(|(call, outcome)| {
                    let answers = session.run().answers(call).map(serde_json::to_string);
                    (
                        call.plan.id.to_string(),
                        call.plan.name.to_string(),
                        answers
                            .and_then(Result::ok)
                            .unwrap_or_else(|| outcome.content.to_string()),
                        outcome.is_error,
                        outcome.source.as_str(),
                        session.run().signal_of(call).map(ToString::to_string),
                    )
                })
                .collect()
        })
    }

    /// The ids of the calls that have no outcome yet.
    fn unfinished_calls(&self) -> PyResult<Vec<String>> {
        self.with_run(|session| {
            let open = session.run().unfinished_calls();
            open.map(|call| call.plan.id.to_string()).collect()
        })
    }

    fn notify_model_failed<'py>(
        &self,
        py: Python<'py>,
        message: String,
        provider: Option<String>,
        status_code: Option<u16>,
        duration_us: i64,
    ) -> PyResult<PyHanded<'py>> {
        let failure = Failure {
            kind: FailureKind::Model,
            message: message.into(),
            provider: provider.map(Into::into),
            status_code,
        };
        self.feed(py, |session, now, deliver| {
            session.notify_model_failed(failure, duration_us, now, deliver)
        })
    }

    fn notify_tool_finished<'py>(
        &self,
        py: Python<'py>,
        call_id: &str,
        content: &str,
        is_error: bool,
        duration_us: i64,
    ) -> PyResult<PyHanded<'py>> {
        let outcome = ToolOutcome {
            content: content.into(),
            is_error,
            duration_us,
        };
        self.feed(py, |session, now, deliver| {
            session.notify_tool_finished(call_id, outcome, now, deliver)
        })
    }

    fn notify_tool_interrupted<'py>(&self, py: Python<'py>, call_id: &str, reason: &str) -> PyResult<PyHanded<'py>> {
        self.feed(py, |session, now, deliver| {
            session.notify_tool_interrupted(call_id, reason.into(), now, deliver)
        })
    }

    /// A tool found out what became of a call in doubt: this is its result.
    fn notify_reconciled<'py>(&self, py: Python<'py>, call_id: &str, content: &str) -> PyResult<PyHanded<'py>> {
        let outcome = ToolOutcome {
            content: content.into(),
            is_error: false,
            duration_us: 0,
        };
        self.feed_reconciliation(py, call_id, Reconciliation::Finished(outcome))
    }

    /// A tool is certain that a call in doubt never began.
    fn notify_not_started<'py>(&self, py: Python<'py>, call_id: &str) -> PyResult<PyHanded<'py>> {
        self.feed_reconciliation(py, call_id, Reconciliation::NotStarted)
    }

    /// A tool cannot tell what became of a call in doubt.
    fn notify_unknown<'py>(&self, py: Python<'py>, call_id: &str, reason: Option<String>) -> PyResult<PyHanded<'py>> {
        self.feed_reconciliation(py, call_id, Reconciliation::Unknown(reason.map(Into::into)))
    }

    /// The driver stops; in a hurry also while calls still run.
    fn notify_drained<'py>(&self, py: Python<'py>, force: bool) -> PyResult<PyHanded<'py>> {
        self.feed(py, |session, now, deliver| session.notify_drained(force, now, deliver))
    }

    /// Wants the run to end cancelled, from any thread; the driver is to be told as well. False: its end is being written already.
    fn want_cancelled(&self, interrupt: bool, by: String) -> bool {
        self.wish.want(CancelRequested {
            interrupt,
            by: Some(by.into()),
            reason: None,
        })
    }

    fn notify_cancelled<'py>(&self, py: Python<'py>, interrupt: bool, by: Option<String>) -> PyResult<PyHanded<'py>> {
        self.feed(py, |session, now, deliver| {
            session.notify_cancelled(interrupt, by.map(Into::into), now, deliver)
        })
    }

    fn notify_outsider<'py>(&self, py: Python<'py>, notice: &OutsiderNotice) -> PyResult<PyHanded<'py>> {
        self.feed(py, |session, now, deliver| {
            session.notify_noticed(notice.notice(), now, deliver)
        })
    }

    /// Raises LeaseLostError where this process may no longer count on its lease. Asks nobody.
    fn check_lease(&self, py: Python<'_>) -> PyResult<()> {
        let checked = self.with_run(Session::check_lease)?;
        checked.map_err(|error| exception(py, &error.into()))
    }

    /// Passes a fault point: a test may let this process end here.
    fn pass_fault_point(&self, point: &str) -> PyResult<()> {
        self.with_run(|session| session.pass_fault_point(point))
    }

    /// The run as it stands now, to be looked at later.
    fn snapshot(&self) -> PyResult<Snapshot> {
        self.with_run(|session| Snapshot::new(session.snapshot()))
    }

    /// Gives the run back to whoever comes next, if this session still holds it.
    fn close(&self) {
        self.lock().take();
    }
}

fn recalled_to_python(py: Python<'_>, found: Vec<Option<Remembered>>) -> PyResult<Py<PyAny>> {
    let written = found
        .iter()
        .map(|found| found.as_ref().map(serde_json::to_string).transpose());
    let written = written.collect::<Result<Vec<_>, _>>();
    let written = written.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(PyList::new(py, written)?.into_any().unbind())
}

/// A call that is about to run, and what the process that runs it needs for it.
#[pyclass(frozen, get_all, module = "haltpoint._engine")]
pub(crate) struct CallToRun {
    name: String,
    module: Option<String>,
    digest: Option<String>,
    args: String,
    approved: Option<String>,
    unchecked: Vec<String>,
    defaulted: Vec<String>,
}

impl CallToRun {
    fn new(call: run::CallToRun) -> Self {
        let arguments = call.arguments;
        Self {
            name: call.name.to_string(),
            module: call.module.as_deref().map(str::to_owned),
            digest: call.digest.as_deref().map(str::to_owned),
            args: arguments.given.get().to_owned(),
            approved: arguments.approved.map(|approved| approved.get().to_owned()),
            unchecked: arguments.unchecked.iter().map(ToString::to_string).collect(),
            defaulted: arguments.defaulted.iter().map(ToString::to_string).collect(),
        }
    }
}
