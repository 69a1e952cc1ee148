//! How work that waits outside the interpreter (the disk, the network) comes back to an event loop.
//!
//! A thread that finishes something puts it here and writes one byte to a socket that the loop watches. No such thread ever
//! takes the interpreter's lock or calls into the loop, so nothing can hit a closed loop or a finalizing interpreter, and
//! a batch of a thousand completions wakes the loop once.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyList;

/// Makes the Python value of a completion, on the loop's own thread. An `Err` becomes the awaiting coroutine's exception.
pub(crate) type IntoValue = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// How many completions that nobody is in a hurry for wait for one that somebody is.
const MOST_QUIET: usize = 64;

/// Completions on their way.
#[derive(Default)]
struct Waiting {
    completions: Vec<(u64, IntoValue)>,
    /// The loop has been woken and has not looked yet.
    is_woken: bool,
}

struct Inner {
    waiting: Mutex<Waiting>,
    tickets: AtomicU64,
    reader: UnixStream,
    writer: UnixStream,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending half, for threads that finish something.
#[derive(Clone)]
pub(crate) struct CompletionSender(Arc<Inner>);

impl CompletionSender {
    /// A number that no other completion of this queue has.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.0.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// Delivers a completion and wakes the loop, once for all that arrive before it looks.
    pub(crate) fn send(&self, ticket: u64, value: IntoValue) {
        self.deliver(ticket, value, true);
    }

    /// Delivers a completion that changes nothing for whoever gets it: it comes along with others.
    pub(crate) fn send_quietly(&self, ticket: u64, value: IntoValue) {
        self.deliver(ticket, value, false);
    }

    fn deliver(&self, ticket: u64, value: IntoValue, is_urgent: bool) {
        let must_wake = {
            let mut waiting = self.0.lock();
            waiting.completions.push((ticket, value));
            let must_wake = !waiting.is_woken && (is_urgent || waiting.completions.len() >= MOST_QUIET);
            waiting.is_woken |= must_wake;
            must_wake
        };
        if must_wake {
            // A full socket means that the loop has a wake-up to read already; a closed one, that nobody waits any more.
            let _ = (&self.0.writer).write(&[1]);
        }
    }
}

/// The completions of one event loop.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Completions {
    inner: Arc<Inner>,
}

impl Completions {
    /// A sender to hand to another thread.
    pub(crate) fn sender(&self) -> CompletionSender {
        CompletionSender(Arc::clone(&self.inner))
    }
}

#[pymethods]
impl Completions {
    #[new]
    fn new() -> PyResult<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let inner = Inner {
            waiting: Mutex::default(),
            tickets: AtomicU64::new(1),
            reader,
            writer,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The descriptor that becomes readable when completions wait.
    fn fileno(&self) -> i32 {
        self.inner.reader.as_raw_fd()
    }

    /// All completions that wait, as (ticket, value, exception) with one of the latter two None.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.swallow_wake_ups()?;
        let Waiting { completions, .. } = std::mem::take(&mut *self.inner.lock());
        let drained = PyList::empty(py);
        for (ticket, value) in completions {
            match value(py) {
                Ok(value) => drained.append((ticket, value, py.None()))?,
                Err(error) => drained.append((ticket, py.None(), error.into_value(py)))?,
            }
        }
        Ok(drained)
    }
}

impl Completions {
    fn swallow_wake_ups(&self) -> PyResult<()> {
        let mut bytes = [0_u8; 64];
        loop {
            match (&self.inner.reader).read(&mut bytes) {
                Ok(read) if read == bytes.len() => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
