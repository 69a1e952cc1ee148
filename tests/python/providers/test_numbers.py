"""Numbers in a provider's answer: their digits reach the tool, whatever the protocol makes of arguments."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from haltpoint import Agent, tool
from support.asking_providers import (
    ANTHROPIC,
    BEDROCK,
    CHAT,
    DEEPSEEK,
    GEMINI,
    MISTRAL,
    MODELS,
    RESPONSES,
    WEATHER,
    ask,
)
from support.provider_server import Answer, Call, ProviderServer, Raw

DIGITS = ["12345678901234567.89", "1.10", "0.1", "1e400", "100.0", "-0.00", "123456789012345678901234567890"]

_GEMINI_UNSIGNED = "gemini/gemini-2.5-flash"
_PLACES = {
    CHAT: "/v1/chat/completions",
    RESPONSES: "/v1/responses",
    GEMINI: "gemini",
    _GEMINI_UNSIGNED: "gemini",
    MISTRAL: "/mistral/v1/chat/completions",
    DEEPSEEK: "/deepseek/v1/chat/completions",
    BEDROCK: "bedrock",
}
_MARK = "digits stand here"


def call_with_numbers(server: ProviderServer, model: str, name: str, numbers: str) -> Raw:
    """An answer that calls a tool with these numbers, which no JSON writer has touched."""
    protocol = server.protocols[_PLACES.get(model, "/v1/messages")]
    answer = protocol.render(Answer(calls=[Call(name, {"numbers": _MARK})]), model.partition("/")[2])
    # In some protocols arguments are a text that holds JSON.
    body = json.dumps(answer)
    for mark in (json.dumps(json.dumps(_MARK))[1:-1], json.dumps(_MARK)):
        body = body.replace(mark, numbers)
    assert _MARK not in body
    return Raw(body)


@pytest.mark.parametrize("model", MODELS)
def test_arguments_come_as_the_provider_sent_them(provider_server: ProviderServer, model: str) -> None:
    provider_server.script(call_with_numbers(provider_server, model, "weather", f"[{', '.join(DIGITS)}]"))
    (call,) = ask(model, tools=[WEATHER]).tool_calls
    assert isinstance(call.args, str)
    received = json.loads(call.args, parse_float=Decimal, parse_int=Decimal)
    assert [str(number) for number in received["numbers"]] == [str(Decimal(digits)) for digits in DIGITS]


# A Gemini of the time before calls were signed: the signature here would be that of other arguments.
@pytest.mark.parametrize("model", [ANTHROPIC, BEDROCK, CHAT, _GEMINI_UNSIGNED, RESPONSES])
def test_a_person_approves_the_digits_that_run(provider_server: ProviderServer, model: str) -> None:
    paid = list[Decimal]()

    @tool(requires_confirmation=True)
    def pay(numbers: list[Decimal]) -> str:
        paid.extend(numbers)
        return "paid"

    provider_server.script(call_with_numbers(provider_server, model, "pay", f"[{', '.join(DIGITS)}]"), "Done.")
    agent = Agent(model, tools=[pay])
    paused = agent.do("Pay.", return_output=True)
    (requirement,) = paused.active_requirements
    shown = requirement.tool_execution.tool_args["numbers"]
    requirement.confirm()
    assert agent.continue_run(run_id=paused.run_id) == "Done."
    assert paid == [Decimal(digits) for digits in DIGITS]
    assert [str(number) for number in paid] == [str(Decimal(str(number))) for number in shown]
    sent_back = json.dumps(provider_server.last).replace("\\", "")
    assert '"12345678901234567.89"' in sent_back
    assert '"1e400"' in sent_back or '"1e+400"' in sent_back
