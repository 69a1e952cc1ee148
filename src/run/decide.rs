//! Decisions: whether one fits, and what its values turn into.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::journal::{Entry, PlannedCall, RequirementDecided};
use crate::requirement::{Confirmation, Decision, RequirementKind};
use crate::{Json, Text};

use super::arguments::given_for;
use super::requirement::Requirement;
use super::state::Run;

/// A decision that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// The run has no such requirement.
    #[error("run {run_id} has no requirement {requirement_id}")]
    Unknown {
        /// The run.
        run_id: Text,
        /// The id asked for.
        requirement_id: Text,
    },
    /// The database has no such requirement.
    #[error(
        "this database has no requirement {requirement_id}; database.requirements(open_only=False) lists those that it has"
    )]
    Nowhere {
        /// The id asked for.
        requirement_id: Text,
    },
    /// A decision of another kind is needed.
    #[error("requirement {requirement_id} needs {needed}; it cannot be {given}")]
    WrongKind {
        /// The requirement.
        requirement_id: Text,
        /// What it needs.
        needed: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// Several people must confirm, and this one said no name.
    #[error(
        "requirement {requirement_id} needs {needed} people to confirm it, so each has to say who they are: by=..."
    )]
    Nameless {
        /// The requirement.
        requirement_id: Text,
        /// How many must confirm.
        needed: u32,
    },
    /// The arguments of the call only say what is asked.
    #[error(
        "the arguments of requirement {requirement_id} can't be changed: they say what is asked, and whoever asks gets a yes or a no \
         alone, so that no change would be heard; approve or reject it as it is shown"
    )]
    FixedArguments {
        /// The requirement.
        requirement_id: Text,
    },
    /// The approval cannot answer later calls.
    #[error("requirement {requirement_id} cannot be remembered: {problem}")]
    NotToBeRemembered {
        /// The requirement.
        requirement_id: Text,
        /// Why not.
        problem: String,
    },
    /// There is nothing to revoke.
    #[error("requirement {requirement_id} has no remembered approval that could be revoked")]
    NotRemembered {
        /// The requirement.
        requirement_id: Text,
    },
    /// The approval only repeats another one, which is the one to revoke.
    #[error(
        "requirement {requirement_id} was confirmed by memory of requirement {origin} in run {origin_run}: revoke that one"
    )]
    OnlyRepeats {
        /// The requirement.
        requirement_id: Text,
        /// The one that was remembered.
        origin: Text,
        /// Its run.
        origin_run: Text,
    },
    /// The person decided on something else than what would run now.
    #[error(
        "requirement {requirement_id} is not what was shown any more: the arguments, the tool or the requirement differ; look at it \
         again and decide on what it shows now"
    )]
    OtherDigest {
        /// The requirement.
        requirement_id: Text,
    },
    /// The answers name a field that was not asked for, or leave one out.
    #[error("requirement {requirement_id}: {problem}")]
    Fields {
        /// The requirement.
        requirement_id: Text,
        /// What is wrong.
        problem: String,
    },
}

impl Run {
    /// The entry that records a decision.
    ///
    /// Blanks around a name are no part of it. Whether somebody else decided before is for the store to say, in the transaction that
    /// appends.
    ///
    /// # Errors
    /// When the run has no such requirement or the decision does not fit it.
    pub fn decision_entry(
        &self,
        requirement_id: &str,
        decision: Decision,
        by: Option<Text>,
    ) -> Result<Entry, DecisionError> {
        let requirement = self.known_requirement(requirement_id)?;
        let by = by.as_deref().map(str::trim).filter(|by| !by.is_empty()).map(Text::from);
        if !decision.fits(requirement.kind) {
            return Err(DecisionError::WrongKind {
                requirement_id: requirement.id.clone(),
                needed: needed(requirement.kind),
                given: decision.as_str(),
            });
        }
        if requirement.terms.approvals > 1 && matches!(decision, Decision::Confirm(_)) && by.is_none() {
            return Err(DecisionError::Nameless {
                requirement_id: requirement.id.clone(),
                needed: requirement.terms.approvals,
            });
        }
        let plan = &self.calls[requirement.call].plan;
        check_wait(requirement, &decision)?;
        if plan.rules.fixed_arguments && decision.changed_args().is_some() {
            return Err(DecisionError::FixedArguments {
                requirement_id: requirement.id.clone(),
            });
        }
        check_values(plan, &decision).map_err(|problem| DecisionError::Fields {
            requirement_id: requirement.id.clone(),
            problem,
        })?;
        let decision = from_what_was_shown(plan, decision);
        let memory_key = self.key_of(requirement, &decision)?;
        Ok(Entry::RequirementDecided(RequirementDecided {
            requirement_id: requirement.id.clone(),
            decision,
            by,
            memory_key,
            remembered: None,
        }))
    }

    /// Checks that what a person decided on is what would run now; `expected` is the digest of what they were shown.
    ///
    /// A person who says again what they have said is not refused: the answer to the first time may have been lost.
    ///
    /// # Errors
    /// When the run has no such requirement, or it has another digest: see [`Run::digest_of`].
    pub fn check_digest(
        &self,
        requirement_id: &str,
        decision: &Decision,
        by: Option<&str>,
        expected: &str,
    ) -> Result<(), DecisionError> {
        let requirement = self.known_requirement(requirement_id)?;
        if requirement.has_said(decision, by) || self.digest_of(requirement) == expected {
            return Ok(());
        }
        Err(DecisionError::OtherDigest {
            requirement_id: requirement.id.clone(),
        })
    }

    fn known_requirement(&self, requirement_id: &str) -> Result<&Requirement, DecisionError> {
        self.requirement(requirement_id).ok_or_else(|| DecisionError::Unknown {
            run_id: self.run_id().clone(),
            requirement_id: requirement_id.into(),
        })
    }
}

/// The end of a wait says no more than that.
fn check_wait(requirement: &Requirement, decision: &Decision) -> Result<(), DecisionError> {
    if requirement.kind != RequirementKind::Wait || *decision == Decision::confirm() {
        return Ok(());
    }
    Err(DecisionError::Fields {
        requirement_id: requirement.id.clone(),
        problem: "a wait has no arguments to change, and there is nothing to remember".to_owned(),
    })
}

fn check_values(plan: &PlannedCall, decision: &Decision) -> Result<(), String> {
    match decision {
        Decision::Input { values, .. } => check_fields(plan.fields.as_ref(), plan.answers_are_result, values),
        Decision::Confirm(confirmation) => match &confirmation.tool_args {
            Some(args) if !args.is_object() => Err("the changed arguments are not a JSON object".to_owned()),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Of changed arguments, those that were left as they were shown are made of what they were shown for.
fn from_what_was_shown(plan: &PlannedCall, decision: Decision) -> Decision {
    let Decision::Confirm(Confirmation {
        tool_args: Some(wanted),
        shown_args,
        remember,
        unchecked,
    }) = decision
    else {
        return decision;
    };
    let given = given_for(plan, &wanted);
    let shown_args = shown_args.or_else(|| (!given.is_same_value(&wanted)).then_some(wanted));
    Decision::Confirm(Confirmation {
        tool_args: Some(given),
        shown_args,
        remember,
        unchecked,
    })
}

fn needed(kind: RequirementKind) -> &'static str {
    match kind {
        RequirementKind::Confirmation => "to be confirmed or rejected",
        RequirementKind::UserInput => "its fields answered",
        RequirementKind::ExternalTool => "the result of the call that was run elsewhere",
        RequirementKind::Recovery => "to be retried, supplied with a result or skipped",
        RequirementKind::Wait => "its time, or to be confirmed, which ends the wait",
    }
}

/// A field as it is shown: `name`, and `value` where the model filled it.
fn shown_fields(fields: Option<&Json>) -> Vec<Map<String, Value>> {
    fields
        .and_then(|fields| serde_json::from_str(fields.get()).ok())
        .unwrap_or_default()
}

fn field_name(field: &Map<String, Value>) -> &str {
    field.get("name").and_then(Value::as_str).unwrap_or("")
}

/// Whether a field must have a value; one that says nothing about it must.
fn is_required(field: &Map<String, Value>) -> bool {
    field.get("required") != Some(&Value::Bool(false))
}

fn check_fields(fields: Option<&Json>, may_stay_empty: bool, values: &BTreeMap<Text, Value>) -> Result<(), String> {
    let shown = shown_fields(fields);
    let names: Vec<&str> = shown.iter().map(field_name).collect();
    if let Some(stranger) = values.keys().find(|name| !names.contains(&name.as_ref())) {
        return Err(format!("there is no field {stranger:?}; the fields are {names:?}"));
    }
    let missing = shown.iter().find(|field| {
        let unfilled = field.get("value").is_none_or(Value::is_null);
        let needed = !may_stay_empty && is_required(field);
        unfilled && needed && values.get(field_name(field)).is_none_or(Value::is_null)
    });
    missing.map_or(Ok(()), |field| {
        Err(format!("the field {:?} has no value", field_name(field)))
    })
}

/// What the model is told when the answers themselves are the result.
pub(super) fn answers_as_result(fields: Option<&Json>, values: &BTreeMap<Text, Value>) -> String {
    let mut given = Map::new();
    let mut absent = Vec::new();
    for field in shown_fields(fields) {
        let name = field_name(&field);
        match values.get(name) {
            Some(value) if !value.is_null() => {
                given.insert(name.to_owned(), value.clone());
            }
            _ => absent.push(name.to_owned()),
        }
    }
    let answers = format!("The user answered: {}", Value::Object(given));
    if absent.is_empty() {
        answers
    } else {
        format!("{answers}. Not given: {}", absent.join(", "))
    }
}
