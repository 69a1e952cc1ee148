//! Moving and copying runs from one database to another.

use haltpoint_engine::Text;
use haltpoint_engine::session::{EngineError, Relocated, Route};
use pyo3::prelude::*;

use crate::database::PyDatabase;
use crate::errors::exception;

/// From which database runs go to which one.
#[pyclass(frozen, name = "Route", module = "haltpoint._engine")]
pub(crate) struct PyRoute {
    route: Route,
}

#[pymethods]
impl PyRoute {
    /// `from_name` and `to_name` are what people call the databases; `by` is who moves runs.
    #[new]
    fn new(source: &PyDatabase, target: &PyDatabase, from_name: String, to_name: String, by: Option<String>) -> Self {
        let route = Route {
            source: source.store.clone(),
            target: target.store.clone(),
            from: from_name.into(),
            to: to_name.into(),
            by: by.map(Into::into),
        };
        Self { route }
    }

    /// Moves a run, waiting for both databases. False: that was done before.
    fn move_run(&self, py: Python<'_>, run_id: String) -> PyResult<bool> {
        let run_id = Text::from(run_id);
        was_done(py, py.detach(|| self.route.move_run(&run_id)))
    }

    /// Copies a run that nobody can go on with, waiting for both databases. False: that was done before.
    fn copy_run(&self, py: Python<'_>, run_id: String) -> PyResult<bool> {
        let run_id = Text::from(run_id);
        was_done(py, py.detach(|| self.route.copy_run(&run_id)))
    }
}

fn was_done(py: Python<'_>, relocated: Result<Relocated, EngineError>) -> PyResult<bool> {
    match relocated {
        Ok(relocated) => Ok(relocated == Relocated::Now),
        Err(error) => Err(exception(py, &error)),
    }
}
