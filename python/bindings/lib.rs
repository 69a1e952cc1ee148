//! The native module of haltpoint: conversions and error mapping. It decides nothing.

use pyo3::prelude::*;

mod completions;
mod conversation;
mod database;
mod delivering;
mod effects;
mod errors;
mod expiring;
mod forking;
mod inputs;
mod listing;
mod opening;
mod provider;
mod relocating;
mod session;
mod snapshot;
mod unseen;
mod waiting;
mod watch;
mod work;

/// The engine of haltpoint. Private: the public API is the package `haltpoint`.
#[pymodule]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::completions::Completions;
    #[pymodule_export]
    use crate::conversation::Conversation;
    #[pymodule_export]
    use crate::database::{PyDatabase, RecalledMemory};
    #[pymodule_export]
    use crate::effects::{InterruptTool, ReconcileTool, RequestModel, StartTool, Stop};
    #[pymodule_export]
    use crate::forking::{after_fork, after_fork_in_child, before_fork, learn_replies};
    #[pymodule_export]
    use crate::listing::{ApprovalParts, RequirementParts, RunParts};
    #[pymodule_export]
    use crate::provider::{ProviderCall, ProviderClient, ProviderFailure, ProviderReply};
    #[pymodule_export]
    use crate::relocating::PyRoute;
    #[pymodule_export]
    use crate::session::{CallToRun, LongText, PySession};
    #[pymodule_export]
    use crate::snapshot::Snapshot;
    #[pymodule_export]
    use crate::unseen::unseen_code_points;
    #[pymodule_export]
    use crate::watch::{OutsiderNotice, Watch};
    #[pymodule_export]
    use crate::work::{Outbox, WorkQueue};

    /// A new run's id: a UUIDv7, so that ids sort by time.
    #[pyfunction]
    fn new_run_id() -> String {
        haltpoint_engine::store::new_id()
    }

    /// The id of the run that an agent starts under a key: the same in every process.
    #[pyfunction]
    fn keyed_run_id(agent_name: &str, key: &str) -> String {
        haltpoint_engine::run::keyed_run_id(agent_name, key).to_string()
    }

    /// Whether a text is the address of a PostgreSQL database, and no file's name.
    #[pyfunction]
    fn is_server_address(text: &str) -> bool {
        haltpoint_postgres::is_address(text)
    }

    /// What messages may call the database of an address: no user, no password, no parameters.
    #[pyfunction]
    fn server_address_name(url: &str) -> String {
        haltpoint_postgres::name_of(url)
    }

    /// The names of the places at which a test can let this process die.
    #[pyfunction]
    fn fault_points() -> Vec<String> {
        haltpoint_engine::store::fault_points::fault_points()
    }
}
