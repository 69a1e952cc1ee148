"""From a model's reply to what the engine is told: each call checked against its tool before anybody is asked."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint._concurrency.threads import in_thread
from haltpoint.exception_text import message_of
from haltpoint.exceptions import ModelError, ToolArgumentsError
from haltpoint.models.planning import PlannedStep, StepsReply
from haltpoint.run.agent.view import MICROSECONDS
from haltpoint.runtime.confirmation_rules import RuleAnswer, ask_rule
from haltpoint.timestamps import microseconds_of
from haltpoint.tools.arguments import check_arguments
from haltpoint.tools.json_form import NotJsonError, json_text, parse_json

if TYPE_CHECKING:
    from haltpoint.models.base import ModelReply, ToolCall
    from haltpoint.tools.definition import ToolDefinition
    from haltpoint.tools.shown_arguments import ShownArguments

__all__ = ["ACCEPTED", "PlannedCall", "PlannedReply", "Verdict", "plan_reply"]


class PlannedCall(NamedTuple):
    """A tool call with what its tool's declaration says about it; the engine reads the attributes.

    Attributes:
        bound: for the driver: what the tool is called with, where that is known without asking anybody.
    """

    id: str | None
    name: str
    args: str
    shown: str | None = None
    module: str | None = None
    digest: str | None = None
    repeatable: bool = False
    reconcilable: bool = False
    sequential: bool = False
    stop_after: bool = False
    sensitive: Sequence[str] = ()
    asks: str | None = None
    fields: str | None = None
    answers_are_result: bool = False
    refused: str | None = None
    rules: str | None = None
    remembered: str | None = None
    bound: dict[str, Any] | None = None


class PlannedReply(NamedTuple):
    """A model's reply as the engine takes it; the engine reads the attributes.

    Attributes:
        duration_us: from the request to the reply, retries included, in microseconds.
        attempt: which attempt succeeded; the first is 1.
        output: JSON of the run's output, where that is not the text as it stands.
        refused: why a final answer does not fit the response format.
        gave_up: with `refused`: the message of the failure that ends the run.
        joins: for the driver: whether the calls join those that are open.
    """

    text: str | None
    calls: list[PlannedCall]
    input_tokens: int | None
    output_tokens: int | None
    provider_data: str | None
    duration_us: int
    attempt: int
    output: str | None = None
    refused: str | None = None
    gave_up: str | None = None
    joins: bool = False


class Verdict(NamedTuple):
    """What the response format says about a final answer.

    Attributes:
        output: JSON of the run's output, where that is not the text as it stands.
        refused: why the answer does not fit.
        gave_up: with `refused`: the message of the failure that ends the run.
        instance: the object that `output` stands for, where it is one of a class.
    """

    output: str | None = None
    refused: str | None = None
    gave_up: str | None = None
    instance: Any = None


ACCEPTED = Verdict()

# In bytes. It becomes one entry of the journal, for which the engine allows four times that.
_LARGEST_REPLY = 2**27

# Each is checked and journaled, on the event loop, before the limit on the run's calls is looked at.
_MOST_CALLS = 1_000

# A model may make up a tool's name of any length.
_LONGEST_SHOWN = 100


async def plan_reply(
    reply: ModelReply,
    tools: Mapping[str, ToolDefinition],
    *,
    duration_us: int,
    attempt: int,
    verdict: Verdict,
) -> PlannedReply:
    """Return what the engine is told about a reply.

    Raises:
        ModelError: the reply holds what no journal can keep, such as a lone surrogate, or more than one keeps; or it
            asks for more than a thousand calls.
    """
    if len(reply.tool_calls) > _MOST_CALLS:
        raise ModelError(
            f"the model's reply asks for {len(reply.tool_calls):,} tool calls at once, and {_MOST_CALLS:,} are allowed"
        )
    usage = reply.usage
    planned = PlannedReply(
        text=None if reply.text is None else _storable(reply.text, "text"),
        calls=[await _plan_call(call, tools) for call in reply.tool_calls],
        input_tokens=getattr(usage, "input_tokens", None),
        output_tokens=getattr(usage, "output_tokens", None),
        provider_data=None if reply.provider_data is None else _provider_data(reply.provider_data),
        duration_us=duration_us,
        attempt=attempt,
        output=verdict.output,
        refused=verdict.refused,
        gave_up=verdict.gave_up,
        joins=isinstance(reply, StepsReply),
    )
    _check_size(planned)
    return planned


def _check_size(reply: PlannedReply) -> None:
    characters = len(reply.text or "") + len(reply.provider_data or "")
    for call in reply.calls:
        characters += len(call.args) + len(call.shown or "")
    # A character takes at most four bytes: of most replies that is enough to know.
    if 4 * characters <= _LARGEST_REPLY:
        return
    texts = [reply.text, reply.provider_data, *(text for call in reply.calls for text in (call.args, call.shown))]
    length = sum(len(text.encode()) for text in texts if text is not None)
    if length > _LARGEST_REPLY:
        raise ModelError(
            f"the model's reply takes {length} bytes with its arguments and provider data, and {_LARGEST_REPLY} are "
            "allowed: ask for less at a time"
        )


async def _plan_call(call: ToolCall, tools: Mapping[str, ToolDefinition]) -> PlannedCall:
    name = _without_surrogates(call.name)
    call_id = None if call.id is None else _without_surrogates(call.id)
    definition = (call.definition if isinstance(call, PlannedStep) else None) or tools.get(call.name)
    if definition is None:
        known = ", ".join(sorted(tools)) or "none"
        refused = f"There is no tool named {name[:_LONGEST_SHOWN]!r}. The tools are: {known}."
        return PlannedCall(call_id, name, _sendable(call.args), refused=refused)
    try:
        if definition.calls_foreign_code:
            arguments = await in_thread(functools.partial(check_arguments, definition, call.args))
        else:
            arguments = check_arguments(definition, call.args)
        answer = None if definition.confirmation_rule is None else await ask_rule(definition, arguments.data)
        asks = definition.pause if answer is None or answer.ask else None
        shown = None if asks is None or definition.dynamic_user_input else await _shown(definition, arguments.data)
    except ToolArgumentsError as error:
        return _described(definition, call_id, _sendable(call.args), refused=message_of(error))
    return _described(
        definition,
        call_id,
        arguments.text,
        shown=None if shown is None else _shown_text(shown, arguments.data),
        asks=asks,
        rules=_asking_rules(definition, answer),
        fields=None
        if definition.pause != "user_input"
        else _form(definition, arguments.data if shown is None else shown.shown),
        answers_are_result=definition.dynamic_user_input,
        # Objects of users' types are made where the tool runs.
        bound=arguments.bound if asks is None and not definition.calls_foreign_code else None,
    )


async def _shown(definition: ToolDefinition, arguments: Mapping[str, Any]) -> ShownArguments:
    with no_fork:
        from haltpoint.tools.shown_arguments import shown_arguments
    show = functools.partial(shown_arguments, definition, arguments)
    return await in_thread(show) if definition.calls_foreign_code else show()


def _shown_text(shown: ShownArguments, arguments: Mapping[str, Any]) -> str | None:
    """The same as the engine takes it; None where it is what the model said."""
    if not shown.defaulted and _in_order(shown.shown) == _in_order(shown.given) == _in_order(arguments):
        return None
    text = {"args": shown.shown, "given": shown.given, "defaulted": shown.defaulted}
    return json_text(text)


def _in_order(arguments: Mapping[str, Any]) -> str:
    # Compared as text: to Python, True equals 1.
    return json.dumps(arguments, sort_keys=True)


def _described(
    definition: ToolDefinition,
    call_id: str | None,
    args: str,
    *,
    shown: str | None = None,
    asks: str | None = None,
    fields: str | None = None,
    answers_are_result: bool = False,
    refused: str | None = None,
    rules: str | None = None,
    bound: dict[str, Any] | None = None,
) -> PlannedCall:
    return PlannedCall(
        id=call_id,
        name=definition.name,
        args=args,
        shown=shown,
        module=definition.module,
        digest=definition.digest,
        repeatable=definition.repeatable,
        reconcilable=definition.reconcile is not None,
        sequential=definition.sequential,
        stop_after=definition.stop_after_tool_call,
        sensitive=definition.sensitive,
        asks=asks,
        fields=fields,
        answers_are_result=answers_are_result,
        refused=refused,
        rules=rules,
        bound=bound,
    )


def _asking_rules(definition: ToolDefinition, answer: RuleAnswer | None) -> str | None:
    """What holds for asking about the call, as JSON, where anything does."""
    rules: dict[str, Any] = {} if answer is None else {"answer": answer.to_dict()}
    if definition.expires_after is not None:
        rules["expiry"] = {"after_us": round(definition.expires_after * MICROSECONDS), "then": definition.on_expiry}
    if definition.expires_at is not None:
        rules["expiry"] = {"after_us": 0, "until": microseconds_of(definition.expires_at), "then": definition.on_expiry}
    if definition.event is not None:
        rules["event"] = dict(definition.event)
    if definition.approvals > 1:
        rules["approvals"] = definition.approvals
    if definition.always_ask:
        rules["always_ask"] = True
    if definition.fixed_arguments:
        rules["fixed_arguments"] = True
    return json_text(rules) if rules else None


def _form(definition: ToolDefinition, arguments: Mapping[str, Any]) -> str:
    """The form that a person fills in before the call goes on, as JSON."""
    if definition.dynamic_user_input:
        with no_fork:
            from haltpoint.tools.requested_fields import dynamic_user_input_schema
        return json_text(dynamic_user_input_schema(arguments))
    return json_text(definition.user_input_schema(arguments))


def _sendable(args: Mapping[str, Any] | str) -> str:
    """The arguments as a JSON object that a provider takes back; an empty one for what is none.

    Providers refuse a conversation whose calls have malformed arguments, theirs or not.
    """
    try:
        parsed: Any = parse_json(args) if isinstance(args, str) else args
        return json_text(dict(cast("Mapping[str, Any]", parsed))) if isinstance(parsed, Mapping) else "{}"
    except NotJsonError:
        return "{}"


def _provider_data(data: Any) -> str:
    try:
        return json_text(data)
    except NotJsonError as error:
        raise ModelError(f"the model's reply is malformed: its provider_data {error}", retryable=True) from error


def _storable(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ModelError(
            f"the model's reply is malformed: its {what} holds a lone surrogate at {error.start}", retryable=True
        ) from error
    return text


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
