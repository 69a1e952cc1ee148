//! Approvals that answer later calls, too: given, found again, used and revoked.

use crate::journal::{
    ApprovalRevoked, Entry, PlannedCall, Remembered, RequirementDecided, RequirementOpened, memory_key,
};
use crate::requirement::{Decision, Remember, RememberScope, RequirementKind};
use crate::{Text, Timestamp};

use super::decide::DecisionError;
use super::fold::Misfit;
use super::requirement::{Requirement, Revocation};
use super::state::Run;

impl Run {
    /// The key under which an approval of this call is remembered; `None` where it is not to be.
    pub(super) fn key_of(&self, requirement: &Requirement, decision: &Decision) -> Result<Option<Text>, DecisionError> {
        let Some(remember) = decision.remember() else {
            return Ok(None);
        };
        let plan = &self.calls[requirement.call].plan;
        let refused = |problem: &str| DecisionError::NotToBeRemembered {
            requirement_id: requirement.id.clone(),
            problem: problem.replace("{tool}", &plan.name),
        };
        if plan.rules.always_ask {
            return Err(refused(
                "the tool {tool} says always_ask=True, so that each of its calls is asked about",
            ));
        }
        if matches!(decision, Decision::Confirm(confirmation) if confirmation.tool_args.is_some()) {
            return Err(refused(
                "a confirmation with changed arguments is about this call of {tool} alone",
            ));
        }
        if remember.scope == RememberScope::Session && self.started.session_id.is_none() {
            return Err(refused(
                "its run belongs to no session; remember it for the run, or run the agent with a session_id",
            ));
        }
        let key = memory_key(plan, remember.with_arguments);
        key.map(Some)
            .ok_or_else(|| refused("the journal does not know the tool {tool}"))
    }

    /// The entry that revokes a remembered approval.
    ///
    /// Whether somebody else revoked it before is for the store to say, in the transaction that appends.
    ///
    /// # Errors
    /// When the run has no such requirement, or its approval is not remembered.
    pub fn revocation_entry(&self, requirement_id: &str, by: Option<Text>) -> Result<Entry, DecisionError> {
        let requirement = self.requirement(requirement_id).ok_or_else(|| DecisionError::Unknown {
            run_id: self.run_id().clone(),
            requirement_id: requirement_id.into(),
        })?;
        let decided = requirement.decided.as_ref();
        if let Some(origin) = decided.and_then(|decided| decided.remembered.as_ref()) {
            return Err(DecisionError::OnlyRepeats {
                requirement_id: requirement_id.into(),
                origin: origin.requirement_id.clone(),
                origin_run: origin.run_id.clone(),
            });
        }
        if decided.and_then(|decided| decided.decision.remember()).is_none() {
            return Err(DecisionError::NotRemembered {
                requirement_id: requirement_id.into(),
            });
        }
        Ok(Entry::ApprovalRevoked(ApprovalRevoked {
            requirement_id: requirement_id.into(),
            by,
        }))
    }

    /// What the approval of that requirement says of a call of this key that `needed` people must confirm, asked for by that session
    /// or by this very run.
    #[must_use]
    pub fn approval_of(&self, requirement_id: &str, key: &str, needed: u32, asking: &Run) -> Option<Remembered> {
        let requirement = self.requirement(requirement_id)?;
        let (remember, own_key) = requirement.standing()?;
        let is_meant = self.run_id() == asking.run_id() || self.is_remembered_for(remember, asking);
        // The plan has the last word: the key beside the decision only leads to it.
        let plan = &self.calls[requirement.call].plan;
        let is_key = **own_key == *key && memory_key(plan, remember.with_arguments).as_deref() == Some(key);
        let are_enough = plan.rules.approvals >= needed;
        // A run that was moved answers where it went: here nobody would hear of a revocation.
        let is_here = self.moved.is_none();
        (is_here && is_meant && is_key && are_enough && !plan.rules.always_ask).then(|| Remembered {
            requirement_id: requirement.id.clone(),
            run_id: self.run_id().clone(),
            by: requirement.decided.as_ref().and_then(|decided| decided.by.clone()),
        })
    }

    fn is_remembered_for(&self, remember: Remember, asking: &Run) -> bool {
        let session = &self.started.session_id;
        remember.scope == RememberScope::Session && session.is_some() && *session == asking.started.session_id
    }

    pub(super) fn fold_revoked(&mut self, revoked: &ApprovalRevoked, at: Timestamp) -> Result<(), Misfit> {
        let requirement = self.named(&revoked.requirement_id)?;
        requirement.revoked.get_or_insert_with(|| Revocation {
            by: revoked.by.clone(),
            at,
        });
        Ok(())
    }

    /// The decision that the call's plan brought along, for a requirement that is just being opened.
    pub(super) fn repeated_approval(&self, plan: &PlannedCall, opened: &RequirementOpened) -> Option<Entry> {
        let remembered = plan.rules.remembered.as_ref()?;
        let was_revoked = remembered.run_id == *self.run_id()
            && self
                .requirement(&remembered.requirement_id)
                .is_none_or(|requirement| requirement.revoked.is_some());
        let repeats = opened.kind == RequirementKind::Confirmation && !was_revoked && !plan.rules.always_ask;
        repeats.then(|| {
            Entry::RequirementDecided(RequirementDecided {
                requirement_id: opened.requirement_id.clone(),
                decision: Decision::confirm(),
                by: remembered.by.clone(),
                memory_key: None,
                remembered: Some(remembered.clone()),
            })
        })
    }
}
