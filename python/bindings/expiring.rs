//! Writing that nobody decided in time, and waiting for it.

use haltpoint_engine::session::{self, EngineError};
use haltpoint_engine::store::{RequirementRow, StoreError};
use haltpoint_engine::{Text, Timestamp};
use pyo3::prelude::*;

use crate::clock;
use crate::database::PyDatabase;
use crate::errors::{Damage, damage, exception};
use crate::waiting::wait_for;

impl PyDatabase {
    /// What is due, of one run or of all: how many expired, and the runs that cannot be read.
    pub(crate) fn expire_all(&self, py: Python<'_>, run_id: Option<Text>) -> PyResult<(u64, Damage)> {
        let mut expired = 0;
        let mut damaged = Vec::new();
        loop {
            let (wanted, now) = (run_id.clone(), clock::now());
            let due = self.read_now(py, move |store| Ok(session::overdue(store, wanted, now)?))?;
            let found = due.len() as u64;
            let done = py.detach(|| self.expire_each(due, now, &mut damaged));
            let done = done.map_err(|error| exception(py, &error))?;
            expired += done;
            // What somebody else decides or writes meanwhile is no longer due; what stays due for another reason is left alone.
            if found == 0 || done == 0 {
                return Ok((expired, damage(py, damaged)));
            }
        }
    }

    /// Returns how many expired. A run that cannot be read keeps no other's from expiring.
    fn expire_each(
        &self,
        due: Vec<RequirementRow>,
        now: Timestamp,
        damaged: &mut Vec<StoreError>,
    ) -> Result<u64, EngineError> {
        let mut expired = 0;
        for row in due {
            match self.expire_now(row, now) {
                Ok(count) => expired += count,
                Err(EngineError::Store(error @ StoreError::Damaged { .. })) if damaged.contains(&error) => {}
                Err(EngineError::Store(error @ StoreError::Damaged { .. })) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(expired)
    }

    /// Returns 1 where the requirement expired, and waits for it.
    fn expire_now(&self, row: RequirementRow, now: Timestamp) -> Result<u64, EngineError> {
        let expired = wait_for(|then| session::expire(&self.store, row.run_id, row.requirement_id, now, then))?;
        Ok(u64::from(expired))
    }
}
