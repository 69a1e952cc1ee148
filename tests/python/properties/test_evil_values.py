"""Whatever a model writes for arguments and whatever a tool returns, the run goes on to its end."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from haltpoint import Agent, AgentRunOutput, InMemoryDatabase, ModelError, ModelReply, ScriptedModel, ToolCall, tool
from support.fuzzing import fuzz
from support.json_values import json_values

_EVIL_TEXTS = [
    "",
    "null",
    "[]",
    '"text"',
    "{",
    '{"value": NaN}',
    '{"value": -Infinity}',
    '{"value": 1e999}',
    f'{{"value": {"9" * 400}}}',
    f'{{"value": {"9" * 5000}}}',
    '{"value": "\\ud800"}',
    '{"value": "\ud800"}',
    '{"\ud800": 1}',
    '{"value": 1, "value": 2}',
    '{"value": 1} {"value": 2}',
    f'{{"value": {"[" * 90}{"]" * 90}}}',
    f'{{"value": {"[" * 200}{"]" * 200}}}',
    f'{{"value": {"[" * 200_000}',
    '{"value": "\\u0000"}',
]
_EVIL_VALUES = [
    float("nan"),
    float("inf"),
    10**400,
    -(2**63) - 1,
    "\ud800",
    "\0",
    b"bytes",
    object(),
    {1: 2},
    {("a", "b"): 1},
    {"a"},
    lambda: 1,
    iter([1]),
    type,
    NotImplemented,
]


class _Hostile:
    """An object that resists being looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


def _cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


def _deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


_VALUES = st.sampled_from([*_EVIL_VALUES, _cycle(), _deep(90), _deep(5000), _Hostile()]) | json_values
_ARGUMENTS = st.sampled_from(_EVIL_TEXTS) | st.text(max_size=12) | _VALUES.map(lambda value: {"value": value})


def _completed(arguments: Any, result: Any) -> AgentRunOutput:
    ran: list[Any] = []

    @tool
    def take(value: Any) -> Any:
        ran.append(value)
        return result

    script = [ModelReply("Let me see.", tool_calls=[ToolCall("take", arguments, "a")]), "done"]
    with InMemoryDatabase() as database:
        agent = Agent(ScriptedModel(script), db=database, tools=[take])
        output: AgentRunOutput = agent.do("Begin.", return_output=True)
        assert output.output == "done"
        assert len(ran) <= 1
        assert database.check() == []
        data = output.to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert AgentRunOutput.from_dict(data).to_dict() == data
    return output


def _is_answered(output: AgentRunOutput) -> None:
    (execution,) = output.tools or ()
    assert isinstance(execution.result, str)
    execution.result.encode()
    assert execution.result or execution.tool_call_error is False


def test_whatever_the_model_writes_for_arguments_and_the_tool_returns_the_run_goes_on() -> None:
    fuzz(st.tuples(_ARGUMENTS, _VALUES), 150, lambda pair: _is_answered(_completed(*pair)))


def test_whatever_text_and_provider_data_a_reply_holds_is_kept_or_refused_and_the_run_can_be_continued() -> None:
    def is_kept_or_refused(reply: tuple[Any, Any]) -> None:
        text, provider_data = reply
        with InMemoryDatabase() as database:
            agent = Agent(ScriptedModel([ModelReply(text, provider_data=provider_data)]), db=database)
            try:
                output = agent.do("Begin.", return_output=True)
            except ModelError as error:
                _check_continued(database, error)
            else:
                assert output.output == text

    texts = st.sampled_from(["\ud800", "\0", "half \udfff"]) | st.text(max_size=8)
    fuzz(st.tuples(texts, _VALUES.map(lambda value: {"value": value})), 100, is_kept_or_refused)


def _check_continued(database: InMemoryDatabase, error: ModelError) -> None:
    assert "malformed" in str(error)
    assert error.run_id is not None
    assert Agent(ScriptedModel(["done"]), db=database).continue_run(run_id=error.run_id) == "done"
