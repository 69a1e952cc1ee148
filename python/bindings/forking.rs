//! What a process does before and after it forks, and what it must have done long before.

use haltpoint_engine::store::sqlite::fork_guard;
use pyo3::prelude::*;

use crate::inputs::PyModelReplied;

/// Waits until the engine's threads are where a fork does no harm, and keeps them from leaving.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    py.detach(fork_guard::before_fork);
}

/// Lets the engine's threads go on.
#[pyfunction]
pub(crate) fn after_fork() {
    fork_guard::after_fork();
}

/// Begins the life of a forked child.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    fork_guard::after_fork_in_child();
}

/// Learns by an example how replies look. PyO3 makes the names of attributes as it first looks for them, and lets other threads run
/// meanwhile: a fork in that moment would keep the child from ever reading a reply.
#[pyfunction]
pub(crate) fn learn_replies(_example: PyModelReplied) {}
