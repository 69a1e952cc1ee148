//! What waits for people, and what they decided, found without knowing a run's id.

use crate::Text;
use crate::run::{DecisionError, Requirement, RequirementView, Run};
use crate::store::{RequirementFilter, RequirementRow, RequirementSet, RunStatus, Store, StoreError};

use super::EngineError;
use super::lists::{Index, IndexedList};

/// So many bytes of a requirement count as an entry.
const BYTES: usize = 1024;

/// Requirements as users see them, in the order of the filter's set.
pub type RequirementList = IndexedList<RequirementFilter>;

impl Index for RequirementFilter {
    type Item = RequirementView;

    fn next_rows(&mut self, store: &mut dyn Store, limit: u32) -> Result<Vec<RequirementRow>, StoreError> {
        self.limit = limit;
        let rows = store.requirements(self)?;
        if let Some(last) = rows.last() {
            self.before = Some(last.requirement_id.clone());
        }
        Ok(rows)
    }

    fn before(&self) -> Option<&Text> {
        self.before.as_ref()
    }

    fn item(&self, run: &Run, requirement_id: &str) -> Option<RequirementView> {
        let requirement = run.requirement(requirement_id)?;
        is_of(self.set, run, requirement).then(|| run.requirement_view(requirement))
    }

    fn weight(item: &RequirementView) -> usize {
        1 + item.size() / BYTES
    }
}

/// As the filter's list, for looking at: what large entries hold is shown in part, and nothing can be decided by it.
#[derive(Debug)]
pub struct Previews(pub RequirementFilter);

/// Previews of requirements, in the order of the filter's set.
pub type PreviewList = IndexedList<Previews>;

impl Index for Previews {
    type Item = RequirementView;

    const SHOWS_OUTLINES: bool = true;

    fn next_rows(&mut self, store: &mut dyn Store, limit: u32) -> Result<Vec<RequirementRow>, StoreError> {
        self.0.next_rows(store, limit)
    }

    fn before(&self) -> Option<&Text> {
        self.0.before()
    }

    fn item(&self, run: &Run, requirement_id: &str) -> Option<RequirementView> {
        self.0.item(run, requirement_id)
    }
}

fn is_of(set: RequirementSet, run: &Run, requirement: &Requirement) -> bool {
    match set {
        RequirementSet::All => true,
        RequirementSet::Open => requirement.is_open() && !is_stopped(run),
        RequirementSet::Decided => requirement.decided.is_some(),
    }
}

fn is_stopped(run: &Run) -> bool {
    matches!(
        run.status(),
        RunStatus::Completed | RunStatus::Cancelled | RunStatus::Error | RunStatus::Moved
    )
}

/// The run of a requirement.
///
/// # Errors
/// [`DecisionError::Nowhere`], or what the store ran into.
pub fn run_of_requirement(store: &mut dyn Store, requirement_id: &Text) -> Result<Text, EngineError> {
    let filter = RequirementFilter {
        requirement_id: Some(requirement_id.clone()),
        limit: 1,
        ..RequirementFilter::default()
    };
    let found = store.requirements(&filter)?.pop();
    found.map(|row| row.run_id).ok_or_else(|| {
        let requirement_id = requirement_id.clone();
        DecisionError::Nowhere { requirement_id }.into()
    })
}
