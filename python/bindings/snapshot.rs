//! A run at one moment, to be looked at.

use haltpoint_engine::Timestamp;
use haltpoint_engine::session::Loaded;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// A run at one moment. What is asked for is made when it is asked for.
#[pyclass(frozen, module = "haltpoint._engine")]
pub(crate) struct Snapshot {
    loaded: Loaded,
}

impl Snapshot {
    /// Whether the time of an open requirement is over.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.loaded.run.open_requirements().any(|open| open.terms.are_over(now))
    }

    pub(crate) fn new(loaded: Loaded) -> Self {
        Self { loaded }
    }

    /// What was read, if it was of that run.
    pub(crate) fn known_of(&self, run_id: &str) -> Option<&Loaded> {
        (&**self.loaded.run.run_id() == run_id).then_some(&self.loaded)
    }
}

#[pymethods]
impl Snapshot {
    #[getter]
    fn run_id(&self) -> &str {
        self.loaded.run.run_id()
    }

    /// The run's status as users see it.
    #[getter]
    fn status(&self) -> &'static str {
        self.loaded.run.status().as_str()
    }

    /// Why the run is in error: kind ("model", "tool_call_limit", "invalid_output"), message, provider, status code.
    #[getter]
    fn failure(&self) -> Option<(&'static str, String, Option<String>, Option<u16>)> {
        self.loaded.run.failure().map(|failure| {
            let provider = failure.provider.as_deref().map(str::to_owned);
            (
                failure.kind.as_str(),
                failure.message.to_string(),
                provider,
                failure.status_code,
            )
        })
    }

    /// Whether the model has answered yet: until then the run needs all tools that it was started with.
    fn has_begun(&self) -> bool {
        self.loaded.run.messages().len() > 1
    }

    /// Whether something was decided, or expired, that the run has not acted on yet.
    fn has_news(&self) -> bool {
        self.loaded.run.has_news()
    }

    /// The output as JSON text.
    #[getter]
    fn output_json(&self) -> Option<&str> {
        self.loaded.run.output().map(haltpoint_engine::Json::get)
    }

    /// The first entry's JSON: agent, task, prompt and response format as they were at the start.
    fn started_json(&self) -> PyResult<String> {
        serde_json::to_string(self.loaded.run.started()).map_err(unwritable)
    }

    /// The run's requirements as JSON, a list.
    fn requirements_json(&self) -> PyResult<String> {
        let run = &self.loaded.run;
        let views: Vec<_> = run
            .requirements()
            .iter()
            .map(|requirement| run.requirement_view(requirement))
            .collect();
        serde_json::to_string(&views).map_err(unwritable)
    }

    /// The whole run as JSON, for an output object.
    fn view_json(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| serde_json::to_string(&self.loaded.view()))
            .map_err(unwritable)
    }
}

fn unwritable(error: serde_json::Error) -> PyErr {
    PyRuntimeError::new_err(format!("the run cannot be shown: {error}"))
}
