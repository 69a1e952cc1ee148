//! What waits for people, found without knowing a run's id.

use std::collections::HashMap;

use crate::Text;
use crate::run::{RequirementView, Run};
use crate::store::{RequirementFilter, RequirementRow, Store, StoreError};

use super::EngineError;
use super::errors::replayed;

/// A list of requirements, as far as it can be read.
#[derive(Debug, Default)]
pub struct FoundRequirements {
    /// Those that can be read, newest first, as users see them.
    pub views: Vec<RequirementView>,
    /// The runs that cannot be, each once, with what is wrong: [`StoreError::Damaged`].
    pub damaged: Vec<StoreError>,
}

/// The requirements that the filter lets through. A run that cannot be read takes no place from the others.
///
/// # Errors
/// What the store ran into.
pub fn requirements(store: &mut dyn Store, filter: &RequirementFilter) -> Result<FoundRequirements, EngineError> {
    let mut filter = filter.clone();
    let mut runs = HashMap::new();
    let mut found = FoundRequirements::default();
    while filter.limit > 0 {
        let rows = store.requirements(&filter)?;
        let missing = filter
            .limit
            .saturating_sub(take_in(store, &rows, &mut runs, &mut found)?);
        if rows.len() < filter.limit as usize {
            break;
        }
        filter.before = rows.last().map(|row| row.requirement_id.clone());
        filter.limit = missing;
    }
    Ok(found)
}

/// Adds what the rows lead to, and says how many requirements that were.
fn take_in(
    store: &mut dyn Store,
    rows: &[RequirementRow],
    runs: &mut HashMap<Text, Option<Run>>,
    found: &mut FoundRequirements,
) -> Result<u32, EngineError> {
    let mut count = 0;
    for row in rows {
        if !runs.contains_key(&row.run_id) {
            let run = readable(store, &row.run_id, &mut found.damaged)?;
            runs.insert(row.run_id.clone(), run);
        }
        let run = runs.get(&row.run_id).and_then(Option::as_ref);
        let view = run.and_then(|run| Some(run.requirement_view(run.requirement(&row.requirement_id)?)));
        count += u32::from(view.is_some());
        found.views.extend(view);
    }
    Ok(count)
}

/// The run; `None`, and what is wrong among `damaged`, where it cannot be read.
pub(super) fn readable(
    store: &mut dyn Store,
    run_id: &str,
    damaged: &mut Vec<StoreError>,
) -> Result<Option<Run>, EngineError> {
    let run = store
        .load(run_id)
        .map_err(EngineError::from)
        .and_then(|stored| replayed(&stored));
    match run {
        Ok(run) => Ok(Some(run)),
        Err(EngineError::Store(error @ StoreError::Damaged { .. })) => {
            damaged.push(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
