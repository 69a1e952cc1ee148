//! What the engine asks the driver to do, as Python objects.

use haltpoint_engine::run::{self, idempotency_key};
use pyo3::prelude::*;
use pyo3::types::PyList;

/// Ask the model, with the conversation as it stands.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct RequestModel;

/// Run a tool call; its start is on disk.
#[pyclass(frozen, get_all, module = "haltpoint._engine")]
pub(crate) struct StartTool {
    call_id: String,
    name: String,
    module: Option<String>,
    args: String,
    approved: Option<String>,
    unchecked: Vec<String>,
    defaulted: Vec<String>,
    attempt: u32,
    idempotency_key: String,
}

/// Ask a tool what became of a call in doubt.
#[pyclass(frozen, get_all, module = "haltpoint._engine")]
pub(crate) struct ReconcileTool {
    call_id: String,
    name: String,
    args: String,
    attempt: u32,
    started_at_us: i64,
    idempotency_key: String,
}

/// Stop a running call in its middle, where that is possible.
#[pyclass(frozen, get_all, module = "haltpoint._engine")]
pub(crate) struct InterruptTool {
    call_id: String,
}

/// Nothing more to do: the run's status says why.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Stop;

/// The effects as a Python list, in order.
pub(crate) fn to_list<'py>(py: Python<'py>, run_id: &str, effects: Vec<run::Effect>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for effect in effects {
        match effect {
            run::Effect::RequestModel => list.append(Bound::new(py, RequestModel)?)?,
            run::Effect::StartTool(start) => list.append(Bound::new(py, start_tool(run_id, &start))?)?,
            run::Effect::ReconcileTool(ask) => list.append(Bound::new(py, reconcile_tool(run_id, &ask))?)?,
            run::Effect::InterruptTool { call_id } => {
                list.append(Bound::new(
                    py,
                    InterruptTool {
                        call_id: call_id.to_string(),
                    },
                )?)?;
            }
            run::Effect::Stop => list.append(Bound::new(py, Stop)?)?,
        }
    }
    Ok(list)
}

fn reconcile_tool(run_id: &str, ask: &run::ToolInDoubt) -> ReconcileTool {
    ReconcileTool {
        call_id: ask.call_id.to_string(),
        name: ask.name.to_string(),
        args: ask.args.get().to_owned(),
        attempt: ask.attempt,
        started_at_us: ask.started_at.0,
        idempotency_key: idempotency_key(run_id, &ask.call_id),
    }
}

fn start_tool(run_id: &str, start: &run::ToolStart) -> StartTool {
    StartTool {
        call_id: start.call_id.to_string(),
        name: start.name.to_string(),
        module: start.module.as_deref().map(str::to_owned),
        args: start.arguments.given.get().to_owned(),
        approved: start
            .arguments
            .approved
            .as_ref()
            .map(|approved| approved.get().to_owned()),
        unchecked: start.arguments.unchecked.iter().map(ToString::to_string).collect(),
        defaulted: start.arguments.defaulted.iter().map(ToString::to_string).collect(),
        attempt: start.attempt,
        idempotency_key: idempotency_key(run_id, &start.call_id),
    }
}
