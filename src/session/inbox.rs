//! What waits for people, found without knowing a run's id.

use std::collections::HashMap;

use crate::Text;
use crate::run::{RequirementView, Run};
use crate::store::{RequirementFilter, Store};

use super::EngineError;

/// The requirements that the filter lets through, newest first, as users see them.
///
/// # Errors
/// What the store ran into, or a journal that cannot be read.
pub fn requirements(store: &mut dyn Store, filter: &RequirementFilter) -> Result<Vec<RequirementView>, EngineError> {
    let mut runs: HashMap<Text, Run> = HashMap::new();
    let mut views = Vec::new();
    for row in store.requirements(filter)? {
        if !runs.contains_key(&row.run_id) {
            runs.insert(row.run_id.clone(), Run::replay(&store.load(&row.run_id)?.records)?);
        }
        let run = runs.get(&row.run_id);
        let found = run.and_then(|run| Some(run.requirement_view(run.requirement(&row.requirement_id)?)));
        views.extend(found);
    }
    Ok(views)
}
