//! What a scripted model says: replies, and the calls in them as the driver plans them.

use haltpoint_engine::journal::{
    AskingRules, Expiry, ModelReplied, OnExpiry, PlannedCall, Remembered, RuleAnswer, ToolFacts, Usage,
};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::{Json, Timestamp};
use serde_json::{Value, json};

use super::decisions::event;

/// A value as the engine keeps JSON.
pub(crate) fn as_json(value: &Value) -> Json {
    Json::from_serialize(value).unwrap()
}

/// A reply that holds nothing but these calls.
pub(crate) fn calls<const N: usize>(calls: [PlannedCall; N]) -> ModelReplied {
    reply(None, calls.into())
}

/// A reply that says something beside its calls.
pub(crate) fn says_and_calls(text: &str, calls: Vec<PlannedCall>) -> ModelReplied {
    reply(Some(text), calls)
}

/// A reply of text alone.
pub(crate) fn text(text: &str) -> ModelReplied {
    reply(Some(text), Vec::new())
}

fn reply(text: Option<&str>, calls: Vec<PlannedCall>) -> ModelReplied {
    ModelReplied {
        text: text.map(Into::into),
        calls,
        usage: Some(Usage {
            input_tokens: 10,
            output_tokens: 3,
        }),
        provider_data: None,
        duration_us: 2_000,
        attempt: 1,
    }
}

/// A call to a tool that runs without asking anybody. Its id is its name.
pub(crate) fn plain(name: &str) -> PlannedCall {
    PlannedCall {
        id: name.into(),
        name: name.into(),
        args: as_json(&json!({"amount": 7})),
        shown: None,
        tool: Some(ToolFacts {
            module: "shop.tools".into(),
            digest: "d1".into(),
            repeatable: false,
            reconcilable: false,
            sequential: false,
            stop_after: false,
            sensitive: Vec::new(),
        }),
        asks: None,
        fields: None,
        answers_are_result: false,
        refused: None,
        rules: AskingRules::default(),
    }
}

/// A call that a person approves first.
pub(crate) fn confirm(name: &str) -> PlannedCall {
    asking(name, RequirementKind::Confirmation)
}

/// A call that something outside runs.
pub(crate) fn external(name: &str) -> PlannedCall {
    asking(name, RequirementKind::ExternalTool)
}

/// A call that only waits, for so many microseconds.
pub(crate) fn sleeps(name: &str, after_us: i64) -> PlannedCall {
    asking(name, RequirementKind::Wait).expiring(after_us, OnExpiry::Proceed)
}

/// A call that waits for the event of its name, for so many microseconds.
pub(crate) fn awaits(name: &str, after_us: i64) -> PlannedCall {
    asking(name, RequirementKind::Wait)
        .expiring(after_us, OnExpiry::Reject)
        .asking(|rules| {
            rules.event = Some(event(name));
        })
}

/// A call that only waits, until a time.
pub(crate) fn sleeps_until(name: &str, until: Timestamp) -> PlannedCall {
    asking(name, RequirementKind::Wait).asking(|rules| {
        rules.expiry = Some(Expiry {
            after_us: 0,
            until: Some(until),
            then: OnExpiry::Proceed,
        });
    })
}

/// A call whose argument `to` a person fills in; the model filled in `amount`.
pub(crate) fn asks_user(name: &str) -> PlannedCall {
    PlannedCall {
        fields: Some(as_json(&json!([
            {"name": "amount", "field_type": "int", "description": "How much", "value": 7},
            {"name": "to", "field_type": "str", "description": "Whom to pay", "value": null},
        ]))),
        ..asking(name, RequirementKind::UserInput)
    }
}

/// A call that asks the user for a field that may stay empty.
pub(crate) fn asks_user_for_more(name: &str) -> PlannedCall {
    PlannedCall {
        fields: Some(as_json(&json!([
            {"name": "to", "field_type": "str", "description": "Whom to pay", "value": null, "required": true},
            {"name": "cc", "field_type": "str | None", "description": null, "value": null, "required": false},
        ]))),
        ..asking(name, RequirementKind::UserInput)
    }
}

/// A call with which the model itself asks the person: the answers are its result.
pub(crate) fn asks_for_answers(name: &str) -> PlannedCall {
    PlannedCall {
        fields: Some(as_json(&json!([
            {"name": "city", "field_type": "str", "description": "Where to", "value": null},
            {"name": "day", "field_type": "str", "description": "When", "value": null},
        ]))),
        answers_are_result: true,
        ..asking(name, RequirementKind::UserInput)
    }
}

/// A call that cannot run at all.
pub(crate) fn refused(name: &str, reason: &str) -> PlannedCall {
    PlannedCall {
        refused: Some(reason.into()),
        ..plain(name)
    }
}

/// A call to a tool that does not exist.
pub(crate) fn unknown(name: &str) -> PlannedCall {
    PlannedCall {
        tool: None,
        ..refused(name, "There is no such tool.")
    }
}

fn asking(name: &str, kind: RequirementKind) -> PlannedCall {
    PlannedCall {
        asks: Some(kind),
        ..plain(name)
    }
}

fn answer(ask: bool, failure: Option<&str>) -> RuleAnswer {
    RuleAnswer {
        ask,
        failure: failure.map(Into::into),
    }
}

/// What a story says about a call beside its name.
pub(crate) trait Declared: Sized {
    /// The tool says something about running it.
    fn declared(self, declare: impl FnOnce(&mut ToolFacts)) -> Self;
    /// The provider gave the call this id.
    fn with_id(self, id: &str) -> Self;

    /// Something holds for asking about the call.
    fn asking(self, rule: impl FnOnce(&mut AskingRules)) -> Self;

    /// The tool's own rule has a person asked.
    fn asked_by_rule(self) -> Self {
        self.asking(|rules| rules.answer = Some(answer(true, None)))
    }

    /// The tool's own rule lets the call through.
    fn let_through_by_rule(self) -> Self {
        self.asking(|rules| rules.answer = Some(answer(false, None)))
    }

    /// The tool's own rule failed.
    fn rule_failed(self, failure: &str) -> Self {
        self.asking(|rules| rules.answer = Some(answer(true, Some(failure))))
    }

    /// Nobody waits for an answer for longer than so many microseconds.
    fn expiring(self, after_us: i64, then: OnExpiry) -> Self {
        self.asking(|rules| {
            rules.expiry = Some(Expiry {
                after_us,
                until: None,
                then,
            })
        })
    }

    /// So many people must confirm.
    fn approved_by(self, approvals: u32) -> Self {
        self.asking(|rules| rules.approvals = approvals)
    }

    /// No approval is remembered.
    fn always_asking(self) -> Self {
        self.asking(|rules| rules.always_ask = true)
    }

    /// Nobody can change the arguments.
    fn with_fixed_arguments(self) -> Self {
        self.asking(|rules| rules.fixed_arguments = true)
    }

    /// An approval of another run answers the call.
    fn approved_in(self, run_id: &str) -> Self {
        let remembered = Remembered {
            requirement_id: "their requirement".into(),
            run_id: run_id.into(),
            by: Some("bob".into()),
        };
        self.asking(|rules| rules.remembered = Some(remembered))
    }

    /// The tool is declared read-only or idempotent.
    fn repeatable(self) -> Self {
        self.declared(|tool| tool.repeatable = true)
    }

    /// The tool can tell what became of a call in doubt.
    fn reconcilable(self) -> Self {
        self.declared(|tool| tool.reconcilable = true)
    }

    /// The tool must not run beside others.
    fn sequential(self) -> Self {
        self.declared(|tool| tool.sequential = true)
    }

    /// The tool's result is the run's output.
    fn stop_after(self) -> Self {
        self.declared(|tool| tool.stop_after = true)
    }
}

impl Declared for PlannedCall {
    fn declared(mut self, declare: impl FnOnce(&mut ToolFacts)) -> Self {
        declare(self.tool.as_mut().expect("only a known tool declares something"));
        self
    }

    fn asking(mut self, rule: impl FnOnce(&mut AskingRules)) -> Self {
        rule(&mut self.rules);
        self
    }

    fn with_id(mut self, id: &str) -> Self {
        self.id = id.into();
        self
    }
}
