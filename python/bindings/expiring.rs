//! Writing that nobody decided in time, and waiting for it.

use std::collections::HashSet;

use haltpoint_engine::session::{self, EngineError};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{RequirementRow, StoreError};
use haltpoint_engine::{Text, Timestamp};
use pyo3::prelude::*;

use crate::database::PyDatabase;
use crate::errors::{Damage, damage, exception};
use crate::waiting::wait_for;

impl PyDatabase {
    /// What is due, of one run or of all: how many expired, and the runs that cannot be read.
    pub(crate) fn expire_all(&self, py: Python<'_>, run_id: Option<Text>) -> PyResult<(u64, Damage)> {
        let mut expiring = Expiring::default();
        loop {
            let (wanted, except, now) = (run_id.clone(), expiring.left_alone.clone(), self.store.now());
            let due = self.read_now(py, move |store| Ok(session::overdue(store, wanted, except, now)?))?;
            if due.is_empty() {
                return Ok((expiring.expired, damage(py, expiring.damaged)));
            }
            let done = py.detach(|| expiring.expire_each(&self.store, due, now));
            done.map_err(|error| exception(py, &error))?;
            py.check_signals()?;
        }
    }
}

/// What came of the requirements that were looked at so far.
#[derive(Default)]
struct Expiring {
    expired: u64,
    /// What stays due: its run cannot be read, or its journal says otherwise than the index that led to it.
    left_alone: HashSet<RequirementRow>,
    damaged: Vec<StoreError>,
}

impl Expiring {
    /// A run that cannot be read keeps no other's from expiring.
    fn expire_each(
        &mut self,
        store: &StoreHandle,
        due: Vec<RequirementRow>,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        for row in due {
            match self.is_of_damaged(&row) || !self.expire(store, &row, now)? {
                true => drop(self.left_alone.insert(row)),
                false => self.expired += 1,
            }
        }
        Ok(())
    }

    fn is_of_damaged(&self, row: &RequirementRow) -> bool {
        let is_of = |error: &StoreError| matches!(error, StoreError::Damaged { run_id, .. } if *run_id == row.run_id);
        self.damaged.iter().any(is_of)
    }

    /// Whether the requirement expired, which is on disk then.
    fn expire(&mut self, store: &StoreHandle, row: &RequirementRow, now: Timestamp) -> Result<bool, EngineError> {
        let (run_id, requirement_id) = (row.run_id.clone(), row.requirement_id.clone());
        match wait_for(|then| session::expire(store, run_id, requirement_id, now, then)) {
            Err(EngineError::Store(error @ StoreError::Damaged { .. })) => {
                self.damaged.push(error);
                Ok(false)
            }
            expired => expired,
        }
    }
}
