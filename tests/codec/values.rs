//! Strategies for everything that an entry is made of.

use std::collections::BTreeMap;

use haltpoint_engine::journal::{
    AnswerRefused, ApprovalRevoked, AskingRules, CancelRequested, Entry, Event, Expiry, Failure, FailureKind,
    InDoubtRule, ModelReplied, OfferedTool, OnExpiry, OutcomeSource, PayloadsErased, PlannedCall, Remembered,
    RequirementDecided, RequirementExpired, RequirementOpened, ResponseFormat, RuleAnswer, RunArrived, RunCancelled,
    RunCompleted, RunContinued, RunFailed, RunMoved, RunPaused, RunQueued, RunStarted, ShownArguments, StepsPlanned,
    Terms, ToolFacts, ToolFinished, ToolInterrupted, ToolReconciled, ToolStarted, Usage,
};
use haltpoint_engine::requirement::{Confirmation, Decision, Remember, RememberScope, RequirementKind};
use haltpoint_engine::store::RunStatus;
use haltpoint_engine::{Json, Text, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

const PLACES: [&str; 4] = ["a", "b", "c", "call_1"];

/// Any text: control characters, quotes, characters outside the basic plane.
pub(crate) fn text() -> impl Strategy<Value = Text> + Clone {
    let any_text = vec(any::<char>(), 0..12).prop_map(String::from_iter);
    let awkward = select(vec![
        "",
        "\0",
        "\"\\\n\r\t\u{7f}",
        "\u{2028}\u{feff}",
        "\u{1f600}\u{10ffff}",
        "</script>",
    ]);
    prop_oneof![3 => any_text, 1 => awkward.prop_map(str::to_owned)].prop_map(Text::from)
}

/// An id from so few that entries speak of the same things.
pub(crate) fn id() -> impl Strategy<Value = Text> + Clone {
    prop_oneof![8 => select(&PLACES[..]).prop_map(Text::from), 1 => text()]
}

/// A JSON text as models write them: odd numbers, escapes, blanks, a name twice in one object.
pub(crate) fn json() -> BoxedStrategy<Json> {
    json_text()
        .prop_map(|text| Json::parse(text).expect("the strategy writes JSON"))
        .boxed()
}

fn json_text() -> impl Strategy<Value = String> + Clone {
    let written = any::<f64>().prop_filter("finite", |number| number.is_finite());
    let leaf = prop_oneof![
        select(vec![
            "null",
            "true",
            "false",
            "-0",
            "1E+5",
            "1e400",
            "-0.0",
            "\"\\ud83d\\ude00\\u0000\"",
            "\"\\/\"",
            "\"\\ud800\""
        ])
        .prop_map(str::to_owned),
        (1..400usize).prop_map(|digits| "9".repeat(digits)),
        written.prop_map(|number| format!("{number:e}")),
        text().prop_map(|text| quoted(&text)),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|members| format!("[ {}\n]", members.join(" ,"))),
            vec((id(), inner), 0..4).prop_map(|members| object(&members)),
        ]
    })
}

fn object(members: &[(Text, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{} :{value}", quoted(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A JSON value.
pub(crate) fn value() -> impl Strategy<Value = Value> + Clone {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(|text| Value::from(&*text)),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((id(), inner), 0..4).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect()),
        ]
    })
}

fn some_text() -> impl Strategy<Value = Option<Text>> + Clone {
    option::of(text())
}

fn kind() -> impl Strategy<Value = RequirementKind> + Clone {
    select(vec![
        RequirementKind::Confirmation,
        RequirementKind::UserInput,
        RequirementKind::ExternalTool,
        RequirementKind::Recovery,
        RequirementKind::Wait,
    ])
}

/// The first entry.
pub(crate) fn run_started() -> BoxedStrategy<RunStarted> {
    let names = (id(), some_text(), some_text(), some_text(), some_text(), some_text());
    let words = (
        some_text(),
        text(),
        some_text(),
        some_text(),
        option::of(response_format()),
    );
    let rest = (
        vec(offered_tool(), 0..3),
        vec(id(), 0..3),
        any::<u64>(),
        option::of(json()),
    );
    (names, words, rest)
        .prop_map(|(names, words, rest)| RunStarted {
            format: 1,
            run_id: names.0,
            agent_id: names.1,
            agent_name: names.2,
            session_id: names.3,
            user_id: names.4,
            model_name: names.5,
            system_prompt: words.0,
            description: words.1,
            context: words.2,
            prompt: words.3,
            response_format: words.4,
            tools: rest.0,
            remembers: rest.1,
            tool_call_limit: rest.2,
            metadata: rest.3,
        })
        .boxed()
}

fn response_format() -> impl Strategy<Value = ResponseFormat> {
    (text(), text(), json()).prop_map(|(name, module, schema)| ResponseFormat { name, module, schema })
}

fn offered_tool() -> impl Strategy<Value = OfferedTool> {
    (text(), text(), option::of(json()), vec(text(), 0..3)).prop_map(|(name, module, parameters, sensitive)| {
        OfferedTool {
            name,
            module,
            parameters,
            sensitive,
        }
    })
}

fn run_continued() -> impl Strategy<Value = RunContinued> {
    let rule = select(vec![InDoubtRule::Ask, InDoubtRule::Retry, InDoubtRule::Fail]);
    (text(), any::<u64>(), rule).prop_map(|(holder, tool_call_limit, on_in_doubt)| RunContinued {
        holder,
        tool_call_limit,
        on_in_doubt,
    })
}

fn model_replied() -> impl Strategy<Value = ModelReplied> {
    let usage = (any::<u64>(), any::<u64>()).prop_map(|(input_tokens, output_tokens)| Usage {
        input_tokens,
        output_tokens,
    });
    let numbers = (any::<i64>(), any::<u32>());
    (
        some_text(),
        vec(planned_call(), 0..4),
        option::of(usage),
        option::of(json()),
        numbers,
    )
        .prop_map(
            |(text, calls, usage, provider_data, (duration_us, attempt))| ModelReplied {
                text,
                calls,
                usage,
                provider_data,
                duration_us,
                attempt,
            },
        )
}

fn planned_call() -> BoxedStrategy<PlannedCall> {
    let call = (id(), text(), json(), option::of(tool_facts()), option::of(shown()));
    let question = (option::of(kind()), option::of(json()), any::<bool>(), some_text());
    (call, question, asking_rules())
        .prop_map(|(call, question, rules)| PlannedCall {
            id: call.0,
            name: call.1,
            args: call.2,
            shown: call.4,
            tool: call.3,
            asks: question.0,
            fields: question.1,
            answers_are_result: question.2,
            refused: question.3,
            rules,
        })
        .boxed()
}

fn shown() -> impl Strategy<Value = ShownArguments> {
    (json(), option::of(json()), vec(text(), 0..3)).prop_map(|(args, given, defaulted)| ShownArguments {
        args,
        given,
        defaulted,
    })
}

fn asking_rules() -> impl Strategy<Value = AskingRules> {
    let answer = (any::<bool>(), some_text()).prop_map(|(ask, failure)| RuleAnswer { ask, failure });
    let memory = (
        any::<bool>(),
        any::<bool>(),
        option::of(remembered()),
        option::of(event()),
    );
    (option::of(answer), option::of(expiry()), any::<u32>(), memory).prop_map(
        |(answer, expiry, approvals, (always_ask, fixed_arguments, remembered, event))| AskingRules {
            answer,
            expiry,
            approvals,
            always_ask,
            fixed_arguments,
            remembered,
            event,
        },
    )
}

fn remembered() -> impl Strategy<Value = Remembered> {
    (id(), id(), some_text()).prop_map(|(requirement_id, run_id, by)| Remembered {
        requirement_id,
        run_id,
        by,
    })
}

fn expiry() -> impl Strategy<Value = Expiry> {
    let then = select(vec![
        OnExpiry::Reject,
        OnExpiry::Fail,
        OnExpiry::Cancel,
        OnExpiry::Proceed,
    ]);
    (any::<i64>(), option::of(any::<i64>()), then).prop_map(|(after_us, until, then)| Expiry {
        after_us,
        until: until.map(Timestamp),
        then,
    })
}

fn event() -> impl Strategy<Value = Event> {
    (text(), some_text()).prop_map(|(name, key)| Event { name, key })
}

fn terms() -> impl Strategy<Value = Terms> {
    (option::of(any::<i64>()), any::<u32>()).prop_map(|(expires_at, approvals)| Terms {
        expires_at: expires_at.map(Timestamp),
        approvals,
    })
}

fn tool_facts() -> impl Strategy<Value = ToolFacts> {
    (text(), text(), any::<[bool; 4]>(), vec(text(), 0..3)).prop_map(
        |(module, digest, [repeatable, reconcilable, sequential, stop_after], sensitive)| ToolFacts {
            module,
            digest,
            repeatable,
            reconcilable,
            sequential,
            stop_after,
            sensitive,
        },
    )
}

fn tool_finished() -> impl Strategy<Value = ToolFinished> {
    let source = select(vec![
        OutcomeSource::Tool,
        OutcomeSource::Refused,
        OutcomeSource::Rejected,
        OutcomeSource::External,
        OutcomeSource::User,
        OutcomeSource::Supplied,
        OutcomeSource::Skipped,
        OutcomeSource::Reconciled,
        OutcomeSource::Expired,
        OutcomeSource::Waited,
        OutcomeSource::Signal,
    ]);
    (id(), text(), any::<bool>(), source, any::<i64>()).prop_map(|(call_id, content, is_error, source, duration_us)| {
        ToolFinished {
            call_id,
            content,
            is_error,
            source,
            duration_us,
        }
    })
}

fn confirmation() -> impl Strategy<Value = Confirmation> {
    let args = (option::of(json()), option::of(json()));
    (args, option::of(remember()), any::<bool>()).prop_map(|((tool_args, shown_args), remember, unchecked)| {
        Confirmation {
            tool_args,
            shown_args,
            remember,
            unchecked,
        }
    })
}

fn remember() -> impl Strategy<Value = Remember> {
    let scope = select(vec![RememberScope::Run, RememberScope::Session]);
    (scope, any::<bool>()).prop_map(|(scope, with_arguments)| Remember { scope, with_arguments })
}

/// Any decision.
pub(crate) fn decision() -> impl Strategy<Value = Decision> {
    let values = btree_map(id(), value(), 0..4).prop_map(BTreeMap::from);
    prop_oneof![
        confirmation().prop_map(Decision::Confirm),
        some_text().prop_map(|note| Decision::Reject { note }),
        (values.clone(), option::of(values), any::<bool>()).prop_map(|(values, shown, unchecked)| Decision::Input {
            values,
            shown,
            unchecked,
        }),
        text().prop_map(|content| Decision::Result { content }),
        Just(Decision::Retry),
        text().prop_map(|content| Decision::Supply { content }),
        some_text().prop_map(|note| Decision::Skip { note }),
        (id(), event(), json()).prop_map(|(signal_id, event, payload)| Decision::Signal {
            signal_id,
            event,
            payload,
        }),
    ]
}

fn run_failed() -> impl Strategy<Value = RunFailed> {
    let kind = select(vec![
        FailureKind::Model,
        FailureKind::ToolCallLimit,
        FailureKind::InvalidOutput,
        FailureKind::InDoubt,
        FailureKind::Expired,
    ]);
    let failure =
        (kind, text(), some_text(), option::of(any::<u16>())).prop_map(|(kind, message, provider, status_code)| {
            Failure {
                kind,
                message,
                provider,
                status_code,
            }
        });
    (failure, any::<i64>()).prop_map(|(failure, duration_us)| RunFailed { failure, duration_us })
}

/// An entry of any kind, each as likely as every other.
pub(crate) fn entry() -> BoxedStrategy<Entry> {
    prop_oneof![
        run_started().prop_map(|started| Entry::RunStarted(Box::new(started))),
        later_entry()
    ]
    .boxed()
}

/// An entry of any kind but the first.
pub(crate) fn later_entry() -> BoxedStrategy<Entry> {
    prop_oneof![about_runs(), about_calls(), about_requirements()].boxed()
}

const STATUSES: &[RunStatus] = &[
    RunStatus::Queued,
    RunStatus::Running,
    RunStatus::Completed,
    RunStatus::Paused,
    RunStatus::Cancelled,
    RunStatus::Error,
];

fn about_runs() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (some_text(), option::of(any::<i64>())).prop_map(|(by, not_before)| Entry::RunQueued(RunQueued {
            by,
            not_before: not_before.map(Timestamp),
        })),
        run_continued().prop_map(Entry::RunContinued),
        model_replied().prop_map(Entry::ModelReplied),
        vec(planned_call(), 0..4).prop_map(|calls| Entry::StepsPlanned(StepsPlanned { calls })),
        text().prop_map(|reason| Entry::AnswerRefused(AnswerRefused { reason })),
        Just(Entry::RunPaused(RunPaused {})),
        (any::<bool>(), some_text(), some_text())
            .prop_map(|(interrupt, by, reason)| { Entry::CancelRequested(CancelRequested { interrupt, by, reason }) }),
        any::<bool>().prop_map(|dropped_request| Entry::RunCancelled(RunCancelled { dropped_request })),
        run_failed().prop_map(Entry::RunFailed),
        option::of(json()).prop_map(|output| Entry::RunCompleted(RunCompleted { output })),
        (some_text(), some_text()).prop_map(|(by, reason)| Entry::PayloadsErased(PayloadsErased { by, reason })),
        (text(), some_text()).prop_map(|(to, by)| Entry::RunMoved(RunMoved { to, by })),
        (text(), select(STATUSES), some_text()).prop_map(|(from, status, by)| Entry::RunArrived(RunArrived {
            from,
            status,
            by
        })),
    ]
}

fn about_calls() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (id(), any::<u32>(), text()).prop_map(|(call_id, attempt, holder)| Entry::ToolStarted(ToolStarted {
            call_id,
            attempt,
            holder
        })),
        tool_finished().prop_map(Entry::ToolFinished),
        (id(), text()).prop_map(|(call_id, reason)| Entry::ToolInterrupted(ToolInterrupted { call_id, reason })),
        (id(), any::<bool>(), some_text()).prop_map(|(call_id, not_started, reason)| Entry::ToolReconciled(
            ToolReconciled {
                call_id,
                not_started,
                reason
            }
        )),
    ]
}

fn about_requirements() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (id(), id(), kind(), terms(), option::of(event())).prop_map(|(requirement_id, call_id, kind, terms, event)| {
            Entry::RequirementOpened(RequirementOpened {
                requirement_id,
                call_id,
                kind,
                terms,
                event,
            })
        }),
        id().prop_map(|requirement_id| Entry::RequirementExpired(RequirementExpired { requirement_id })),
        (id(), decision(), some_text(), some_text(), option::of(remembered())).prop_map(
            |(requirement_id, decision, by, memory_key, remembered)| Entry::RequirementDecided(RequirementDecided {
                requirement_id,
                decision,
                by,
                memory_key,
                remembered,
            })
        ),
        (id(), some_text())
            .prop_map(|(requirement_id, by)| Entry::ApprovalRevoked(ApprovalRevoked { requirement_id, by })),
    ]
}
