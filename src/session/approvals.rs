//! Approvals that answer later calls, too: found again when a reply is planned, listed, revoked.

use std::sync::Arc;

use serde::Serialize;

use crate::journal::{PlannedCall, Remembered, memory_key};
use crate::requirement::{RememberScope, RequirementKind};
use crate::run::Run;
use crate::store::handle::StoreHandle;
use crate::store::{
    Append, ApprovalFilter, ApprovalQuery, Author, Committed, Operation, RequirementRow, RunStatus, Store, StoreError,
};
use crate::{Json, Text, Timestamp};

use super::control::{Then, load};
use super::inbox::run_of_requirement;
use super::lists::{Index, IndexedList};
use super::{EngineError, Session};

/// A remembered approval as users see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StandingApproval {
    /// The requirement that was confirmed.
    pub requirement_id: Text,
    /// Its run.
    pub run_id: Text,
    /// That run's session.
    pub session_id: Option<Text>,
    /// Where it answers calls.
    pub scope: RememberScope,
    /// The tool.
    pub tool_name: Text,
    /// The arguments that a call must have; `None`: any.
    pub tool_args: Option<Json>,
    /// The parameters whose values are masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<Text>,
    /// Who confirmed, as far as they said.
    pub by: Option<Text>,
    /// When, in microseconds since the Unix epoch.
    pub at: i64,
}

impl Session {
    /// Looks for the approvals that answer these calls, which are about to be planned: one place for each call. What is found belongs
    /// into the plan, so that nobody has to look again.
    pub fn recall_approvals(&self, calls: Vec<PlannedCall>, then: Then<Vec<Option<Remembered>>>) {
        if !calls.iter().any(may_be_remembered) {
            return then(Ok(vec![None; calls.len()]));
        }
        let run = Arc::clone(&self.run);
        self.store.read(Box::new(move |store| {
            let found = store
                .map_err(EngineError::from)
                .and_then(|store| calls.iter().map(|call| recalled(store, &run, call)).collect());
            then(found);
        }));
    }
}

fn may_be_remembered(call: &PlannedCall) -> bool {
    call.asks == Some(RequirementKind::Confirmation) && !call.rules.always_ask
}

fn recalled(store: &mut dyn Store, asking: &Run, call: &PlannedCall) -> Result<Option<Remembered>, EngineError> {
    if !may_be_remembered(call) {
        return Ok(None);
    }
    for key in [false, true].into_iter().filter_map(|args| memory_key(call, args)) {
        let query = ApprovalQuery {
            run_id: asking.run_id().clone(),
            session_id: asking.started().session_id.clone(),
            key,
        };
        for row in store.approvals_for(&query)? {
            let found = confirmed(store, asking, &row, call, &query.key)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// What the journal says that a row of the index leads to: the index is covered by no hash.
fn confirmed(
    store: &mut dyn Store,
    asking: &Run,
    row: &RequirementRow,
    call: &PlannedCall,
    key: &str,
) -> Result<Option<Remembered>, EngineError> {
    let needed = call.rules.approvals;
    if row.run_id == *asking.run_id() {
        return Ok(asking.approval_of(&row.requirement_id, key, needed, asking));
    }
    let key_id = store.row(asking.run_id())?.audit_key_id;
    let stored = match store.load(&row.run_id) {
        Ok(stored) => stored,
        // What cannot be read answers nothing: a person is asked.
        Err(
            StoreError::Damaged { .. }
            | StoreError::UnsupportedJournal { .. }
            | StoreError::RunErased { .. }
            | StoreError::Unusable { .. }
            | StoreError::Unreachable { .. }
            | StoreError::RunNotFound { .. },
        ) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Nobody can vouch for a journal of another key, or of none.
    if stored.row.audit_key_id != key_id {
        return Ok(None);
    }
    let source = Run::replay(&stored.records);
    Ok(source
        .ok()
        .and_then(|source| source.approval_of(&row.requirement_id, key, needed, asking)))
}

/// Remembered approvals that still answer later calls, newest first.
pub type ApprovalList = IndexedList<ApprovalFilter>;

impl Index for ApprovalFilter {
    type Item = StandingApproval;

    fn next_rows(&mut self, store: &mut dyn Store, limit: u32) -> Result<Vec<RequirementRow>, StoreError> {
        self.limit = limit;
        let rows = store.approvals(self)?;
        if let Some(last) = rows.last() {
            self.before = Some(last.requirement_id.clone());
        }
        Ok(rows)
    }

    fn before(&self) -> Option<&Text> {
        self.before.as_ref()
    }

    fn item(&self, run: &Run, requirement_id: &str) -> Option<StandingApproval> {
        standing(run, requirement_id)
    }
}

fn standing(run: &Run, requirement_id: &str) -> Option<StandingApproval> {
    let requirement = run
        .requirement(requirement_id)
        .filter(|_| run.status() != RunStatus::Moved)?;
    let (remember, _) = requirement.standing()?;
    let decided = requirement.decided.as_ref()?;
    let plan = &run.calls()[requirement.call].plan;
    Some(StandingApproval {
        requirement_id: requirement.id.clone(),
        run_id: run.run_id().clone(),
        session_id: run.started().session_id.clone(),
        scope: remember.scope,
        tool_name: plan.name.clone(),
        tool_args: remember.with_arguments.then(|| plan.shown_args().clone()),
        sensitive: plan.sensitive().to_vec(),
        by: decided.by.clone(),
        at: decided.at.0,
    })
}

/// Revokes a remembered approval: no call that is asked for from now on is answered by it. `false`: that was done before.
pub fn revoke(store: &StoreHandle, requirement_id: Text, by: Option<Text>, at: Timestamp, then: Then<bool>) {
    let handle = store.clone();
    store.read(Box::new(move |store| {
        let run_id = store
            .map_err(EngineError::from)
            .and_then(|store| run_of_requirement(store, &requirement_id));
        match run_id {
            Ok(run_id) => revoke_in(&handle, run_id, requirement_id, by, at, then),
            Err(error) => then(Err(error)),
        }
    }));
}

fn revoke_in(
    store: &StoreHandle,
    run_id: Text,
    requirement_id: Text,
    by: Option<Text>,
    at: Timestamp,
    then: Then<bool>,
) {
    let handle = store.clone();
    load(
        store,
        run_id.clone(),
        Box::new(move |loaded| {
            let entry = loaded.and_then(|loaded| Ok(loaded.run.revocation_entry(&requirement_id, by)?));
            let append = entry.map(|entry| Append {
                run_id,
                author: Author::External,
                at,
                entries: vec![entry],
                finish: None,
            });
            match append {
                Ok(append) => handle.submit(
                    Operation::Append(append),
                    Box::new(move |committed| then(committed.map(is_written).map_err(EngineError::from))),
                ),
                Err(error) => then(Err(error)),
            }
        }),
    );
}

fn is_written(committed: Committed) -> bool {
    committed != Committed::AlreadyDecided
}
