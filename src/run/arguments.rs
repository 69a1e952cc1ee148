//! The arguments of a call: what the model said, what people are shown, and what the tool is called with.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::journal::{PlannedCall, RequirementDecided};
use crate::requirement::{Confirmation, Decision};
use crate::{Json, Text};

use super::state::{Call, CallState, Reconciled, Run};

type Values = BTreeMap<Text, Value>;
type Members = BTreeMap<String, Box<RawValue>>;

/// The arguments of a call as they stand, with all that people decided about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// What the tool validates where the call runs, a JSON object.
    pub given: Json,
    /// What people are shown: the values that the tool gets, a JSON object.
    pub shown: Json,
    /// The shown values, which must come out of the validation, a JSON object; `None` where nobody was asked.
    pub approved: Option<Json>,
    /// Those of the approved values that a person gave where no code of the tool checked them.
    pub unchecked: Vec<Text>,
    /// The parameters that have their defaults. One that `given` lacks has one without a JSON form.
    pub defaulted: Vec<Text>,
    /// Whether a person gave or changed arguments.
    pub changed_by_person: bool,
}

/// A call that runs as soon as the run goes on, and what the process that runs it needs for it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallToRun {
    /// The tool's name.
    pub name: Text,
    /// The module where the tool stood when the model asked for it.
    pub module: Option<Text>,
    /// The digest of its parameters at that time.
    pub digest: Option<Text>,
    /// What it runs with.
    pub arguments: Arguments,
}

impl CallToRun {
    fn new(plan: &PlannedCall, arguments: Arguments) -> Self {
        let tool = plan.tool.as_ref();
        Self {
            name: plan.name.clone(),
            module: tool.map(|tool| tool.module.clone()),
            digest: tool.map(|tool| tool.digest.clone()),
            arguments,
        }
    }
}

impl Run {
    /// The arguments of a call as they stand.
    pub(super) fn arguments_of(&self, call: &Call) -> Arguments {
        let mut decisions = call
            .requirements
            .iter()
            .rev()
            .filter_map(|&index| self.requirements[index].decision());
        let decisive = decisions.find(|decision| says_arguments(&call.plan, decision));
        arguments(&call.plan, decisive)
    }

    /// The arguments that a person put in the place of the model's, as they are shown.
    pub(super) fn changed_args_shown(&self, call: &Call) -> Option<&Json> {
        let mut decisions = call
            .requirements
            .iter()
            .filter_map(|&index| self.requirements[index].decision());
        decisions.find_map(Decision::changed_args_shown)
    }

    /// The calls whose tools are needed as soon as the run goes on. Calls that wait for people are not among them.
    ///
    /// `may_retry`: calls in doubt run again whether or not their tools allow it.
    #[must_use]
    pub fn calls_to_run(&self, may_retry: bool) -> Vec<CallToRun> {
        let calls = self.turn().iter().filter(|call| self.is_to_run(call, may_retry));
        calls
            .map(|call| CallToRun::new(&call.plan, self.arguments_of(call)))
            .collect()
    }

    fn is_to_run(&self, call: &Call, may_retry: bool) -> bool {
        let is_told_apart = call.is_repeatable()
            || call.is_reconcilable()
            || call.reconciled == Some(Reconciled::NotStarted)
            || may_retry;
        match &call.state {
            CallState::Planned => call.plan.refused.is_none() && call.plan.asks.is_none(),
            CallState::Started { .. } | CallState::InDoubt { .. } => is_told_apart,
            CallState::Waiting => self
                .last_requirement(call)
                .and_then(|requirement| requirement.decision())
                .is_some_and(|decision| lets_run(&call.plan, decision)),
            CallState::Finished(_) => false,
        }
    }

    /// The call that runs once the run hears of this decision; `None` where it lets no call run.
    #[must_use]
    pub fn call_decided_by(&self, decided: &RequirementDecided) -> Option<CallToRun> {
        let requirement = self.requirement(&decided.requirement_id)?;
        let plan = &self.calls[requirement.call].plan;
        let mut requirement = requirement.clone();
        // One that cannot be taken lets no call run; reading it says so.
        requirement
            .take(super::Decided::new(decided, crate::Timestamp::default()))
            .ok()?;
        let decision = requirement.decision().filter(|decision| lets_run(plan, decision))?;
        let arguments = if says_arguments(plan, decision) {
            arguments(plan, Some(decision))
        } else {
            self.arguments_of(&self.calls[requirement.call])
        };
        Some(CallToRun::new(plan, arguments))
    }
}

fn lets_run(plan: &PlannedCall, decision: &Decision) -> bool {
    match decision {
        Decision::Confirm(_) | Decision::Retry => true,
        Decision::Input { .. } => !plan.answers_are_result,
        _ => false,
    }
}

/// Whether a decision gives a call arguments.
fn says_arguments(plan: &PlannedCall, decision: &Decision) -> bool {
    match decision {
        Decision::Input { .. } => !plan.answers_are_result,
        decision => decision.changed_args().is_some(),
    }
}

fn arguments(plan: &PlannedCall, decisive: Option<&Decision>) -> Arguments {
    match decisive {
        Some(Decision::Input {
            values,
            shown,
            unchecked,
        }) => answered(plan, values, shown.as_ref(), *unchecked),
        Some(Decision::Confirm(confirmation)) if confirmation.tool_args.is_some() => changed(plan, confirmation),
        _ => as_planned(plan),
    }
}

fn as_planned(plan: &PlannedCall) -> Arguments {
    Arguments {
        given: plan.given_args().clone(),
        shown: plan.shown_args().clone(),
        approved: plan.asks.map(|_| plan.shown_args().clone()),
        unchecked: Vec::new(),
        defaulted: plan.defaulted().to_vec(),
        changed_by_person: false,
    }
}

/// What a person filled in is validated where the call runs, if no code was at hand for it before.
fn answered(plan: &PlannedCall, values: &Values, shown: Option<&Values>, unchecked: bool) -> Arguments {
    let shown_args = merged(plan.shown_args(), shown.unwrap_or(values));
    let is_checked = shown.is_some() && !unchecked;
    let defaulted = plan.defaulted().iter();
    Arguments {
        given: merged(plan.given_args(), values),
        approved: Some(shown_args.clone()),
        shown: shown_args,
        unchecked: values.keys().filter(|_| !is_checked).cloned().collect(),
        defaulted: defaulted.filter(|name| !values.contains_key(*name)).cloned().collect(),
        changed_by_person: !values.is_empty(),
    }
}

fn changed(plan: &PlannedCall, confirmation: &Confirmation) -> Arguments {
    let Some(given) = &confirmation.tool_args else {
        return as_planned(plan);
    };
    let shown = confirmation.shown_args.as_ref().unwrap_or(given);
    let (planned, now) = (members(plan.given_args()), members(given));
    let (before, after) = (members(plan.shown_args()), members(shown));
    let is_given_anew = |name: &Text| !is_same_in(&planned, &now, name);
    let is_shown_anew = |name: &Text| !is_same_in(&before, &after, name);
    let names = after.keys().map(|name| Text::from(name.as_str()));
    Arguments {
        given: given.clone(),
        shown: shown.clone(),
        approved: Some(shown.clone()),
        unchecked: names
            .filter(|name| confirmation.unchecked && (is_given_anew(name) || is_shown_anew(name)))
            .collect(),
        defaulted: plan
            .defaulted()
            .iter()
            .filter(|name| !is_given_anew(name))
            .cloned()
            .collect(),
        changed_by_person: true,
    }
}

fn is_same_in(first: &Members, second: &Members, name: &str) -> bool {
    match (first.get(name), second.get(name)) {
        (Some(first), Some(second)) => canonical(first) == canonical(second),
        (first, second) => first.is_none() && second.is_none(),
    }
}

/// What the tool validates for the arguments that a person wants: where they are as they were shown, what these were made of.
pub(super) fn given_for(plan: &PlannedCall, wanted: &Json) -> Json {
    if plan.shown.is_none() {
        return wanted.clone();
    }
    let (shown, given) = (members(plan.shown_args()), members(plan.given_args()));
    let mut made: Map<String, Value> = object(wanted);
    for (name, value) in members(wanted) {
        let is_kept = shown
            .get(&name)
            .is_some_and(|shown| canonical(shown) == canonical(&value));
        if !is_kept {
            continue;
        }
        match given
            .get(&name)
            .and_then(|given| serde_json::from_str(given.get()).ok())
        {
            Some(given) => made.insert(name, given),
            // A default without a JSON form, which is shown by its type.
            None => made.shift_remove(&name),
        };
    }
    Json::from_serialize(&made).unwrap_or_else(|_| wanted.clone())
}

fn canonical(value: &RawValue) -> Option<String> {
    Json::parse(value.get().to_owned()).ok().map(|json| json.canonical())
}

fn members(args: &Json) -> Members {
    serde_json::from_str(args.get()).unwrap_or_default()
}

fn merged(args: &Json, values: &Values) -> Json {
    let mut merged = object(args);
    for (name, value) in values {
        merged.insert(name.to_string(), value.clone());
    }
    Json::from_serialize(&merged).unwrap_or_else(|_| args.clone())
}

fn object(args: &Json) -> Map<String, Value> {
    serde_json::from_str(args.get()).unwrap_or_default()
}
