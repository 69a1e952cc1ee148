//! The model and the people, as far as a seed determines what they say.

use haltpoint_engine::journal::{
    AskingRules, Expiry, FORMAT, Failure, FailureKind, ModelReplied, OnExpiry, PlannedCall, RunStarted, ToolFacts,
    Usage,
};
use haltpoint_engine::requirement::{Confirmation, Decision, Remember, RememberScope, RequirementKind};
use haltpoint_engine::run::Verdict;
use haltpoint_engine::{Json, Text};

use crate::random::Random;

/// Beyond so many requests the model only answers.
const MOST_REQUESTS: usize = 5;

pub(crate) fn run_started(run_id: Text, tool_call_limit: u64, remembers: Vec<Text>) -> RunStarted {
    RunStarted {
        format: FORMAT,
        run_id,
        agent_id: None,
        agent_name: None,
        session_id: Some("session".into()),
        user_id: None,
        model_name: None,
        system_prompt: Some("Be quick.".into()),
        description: "Do it.".into(),
        context: None,
        prompt: None,
        response_format: None,
        tools: Vec::new(),
        remembers,
        tool_call_limit,
        metadata: None,
    }
}

/// What the model says; `asked` is how often it was asked before.
pub(crate) fn reply(seed: u64, asked: usize) -> (ModelReplied, Verdict) {
    let mut random = Random::new(seed);
    let asks_for_tools = asked < MOST_REQUESTS && random.chance(70);
    let count = if asks_for_tools { 1 + random.below(4) } else { 0 };
    let calls = (0..count).map(|_| call(&mut random)).collect();
    let verdict = if count > 0 {
        Verdict::Accept(None)
    } else {
        verdict(&mut random, asked)
    };
    (said("Well.", calls), verdict)
}

/// The model answers in a word, and that is that.
pub(crate) fn final_answer() -> (ModelReplied, Verdict) {
    (said("Done.", Vec::new()), Verdict::Accept(None))
}

fn said(text: &str, calls: Vec<PlannedCall>) -> ModelReplied {
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 2,
    };
    ModelReplied {
        text: Some(text.into()),
        calls,
        usage: Some(usage),
        provider_data: None,
        duration_us: 5,
        attempt: 1,
    }
}

fn verdict(random: &mut Random, asked: usize) -> Verdict {
    match random.below(8) {
        0 if asked < MOST_REQUESTS => Verdict::Refuse("Not in that form.".into()),
        1 if asked < MOST_REQUESTS => Verdict::GiveUp {
            reason: "Never in that form.".into(),
            failure: failure(FailureKind::InvalidOutput),
        },
        _ => Verdict::Accept(None),
    }
}

pub(crate) fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        message: "no luck".into(),
        provider: None,
        status_code: None,
    }
}

fn call(random: &mut Random) -> PlannedCall {
    let facts = ToolFacts {
        module: "tools".into(),
        digest: random.one_of(&["0", "0", "0", "0", "1"]).into(),
        repeatable: random.chance(20),
        reconcilable: random.chance(15),
        sequential: random.chance(20),
        stop_after: random.chance(5),
        sensitive: Vec::new(),
    };
    let mut call = PlannedCall {
        id: random.one_of(&["", "", "a", "b", "call_1", "call_2"]).into(),
        name: "work".into(),
        args: json(random.one_of(&[r#"{"amount": 1}"#, r#"{"amount": 1}"#, r#"{"amount": 9}"#])),
        shown: None,
        tool: Some(facts),
        asks: None,
        fields: None,
        answers_are_result: false,
        refused: None,
        rules: AskingRules::default(),
    };
    ask_somebody(&mut call, random);
    set_terms(&mut call, random);
    call
}

fn ask_somebody(call: &mut PlannedCall, random: &mut Random) {
    match random.below(10) {
        0..=2 => call.asks = Some(RequirementKind::Confirmation),
        3 => call.asks = Some(RequirementKind::ExternalTool),
        4 => {
            call.asks = Some(RequirementKind::UserInput);
            call.fields = Some(json(
                r#"[{"name": "place", "field_type": "str", "description": "", "value": null}]"#,
            ));
            call.answers_are_result = random.chance(40);
        }
        6 => call.asks = Some(RequirementKind::Wait),
        5 => {
            call.tool = None;
            call.refused = Some("There is no such tool.".into());
        }
        _ => {}
    }
}

fn set_terms(call: &mut PlannedCall, random: &mut Random) {
    if random.chance(30) {
        call.rules.expiry = Some(Expiry {
            after_us: random.one_of(&[1, 1_000_000, 25_000_000, 3_000_000_000]),
            until: None,
            then: random.one_of(&[OnExpiry::Reject, OnExpiry::Fail, OnExpiry::Cancel]),
        });
    }
    if call.asks == Some(RequirementKind::Wait) {
        call.rules.expiry = Some(Expiry {
            after_us: random.one_of(&[0, 1_000_000, 25_000_000]),
            until: None,
            then: OnExpiry::Proceed,
        });
    }
    call.rules.approvals = random.one_of(&[1, 1, 1, 2, 3]);
    call.rules.always_ask = random.chance(10);
}

/// Who decides.
pub(crate) const PEOPLE: [&str; 3] = ["ann", "bob", "cid"];

/// What somebody decides about a requirement of that kind.
pub(crate) fn decision(kind: RequirementKind, random: &mut Random) -> Decision {
    let word: Text = random.one_of(&["this", "that"]).into();
    match (kind, random.below(5)) {
        (RequirementKind::Confirmation, 0) => Decision::Reject { note: Some(word) },
        (RequirementKind::Confirmation, 1) => Decision::Confirm(Confirmation {
            tool_args: Some(json(random.one_of(&[r#"{"amount": 2}"#, r#"{"amount": 3}"#]))),
            ..Confirmation::default()
        }),
        (RequirementKind::Confirmation, 2) => Decision::confirm(),
        (RequirementKind::Confirmation, _) => remembered(random),
        (RequirementKind::UserInput, _) => Decision::Input {
            values: std::iter::once(("place".into(), serde_json::Value::from(&*word))).collect(),
            shown: None,
            unchecked: false,
        },
        (RequirementKind::ExternalTool, _) => Decision::Result { content: word },
        (RequirementKind::Recovery, 0) => Decision::Supply { content: word },
        (RequirementKind::Recovery, 1) => Decision::Skip { note: None },
        (RequirementKind::Recovery, _) => Decision::Retry,
        (RequirementKind::Wait, _) => Decision::confirm(),
    }
}

fn remembered(random: &mut Random) -> Decision {
    let remember = Remember {
        scope: random.one_of(&[RememberScope::Run, RememberScope::Session]),
        with_arguments: random.chance(30),
    };
    Decision::Confirm(Confirmation {
        remember: Some(remember),
        ..Confirmation::default()
    })
}

/// The same decision, about this call alone.
pub(crate) fn forgetful(decision: Decision) -> Decision {
    match decision.remember() {
        Some(_) => Decision::confirm(),
        None => decision,
    }
}

fn json(text: &str) -> Json {
    Json::parse(text.to_owned()).unwrap()
}
