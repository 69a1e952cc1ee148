"""What ends a deciding method, be it KeyboardInterrupt, leaves the requirement as it was: half a word never counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, model_serializer

from haltpoint import (
    Agent,
    InMemoryDatabase,
    RunRequirement,
    ScriptedModel,
    UnresolvedRequirementsError,
    tool,
)
from support.replies import wants

raised: list[BaseException] = []
got: list[Any] = []


def checked(value: str) -> str:
    if raised and value == "half":
        raise raised[0]
    return value


Word = Annotated[str, AfterValidator(checked)]


@tool(requires_user_input=True, user_input_fields=["x", "y"])
def ask(x: Word, y: str = "why") -> str:
    """Ask."""
    got.append((x, y))
    return "asked"


@tool(requires_confirmation=True)
def act(x: Word) -> str:
    """Act."""
    got.append(x)
    return "acted"


@tool(external_execution=True)
def look(x: str) -> str:
    """Look."""
    return x


class Group(BaseException):
    """A group of exceptions, as Python has it since 3.11."""

    def __init__(self, *members: BaseException) -> None:
        super().__init__(f"{len(members)} sub-exceptions")
        self.exceptions = members


class Odd(BaseModel):
    """Raises when it is written."""

    @model_serializer
    def written(self) -> dict[str, Any]:
        raise raised[0]


class OddMapping(dict[str, Any]):
    """Raises when it is read."""

    def items(self) -> Any:
        raise raised[0]

    def __iter__(self) -> Iterator[str]:
        raise raised[0]

    def keys(self) -> Any:
        raise raised[0]


@pytest.fixture(autouse=True)
def nothing_yet() -> Iterator[None]:
    raised.clear()
    got.clear()
    yield
    raised.clear()


def asked(name: str, **said: Any) -> tuple[Agent, RunRequirement]:
    agent = Agent(ScriptedModel([wants(name, **said), "END"]), db=InMemoryDatabase(), tools=[ask, act, look])
    return agent, agent.do("Work.", return_output=True).requirements[0]


KINDS = {
    "Ctrl-C": KeyboardInterrupt,
    "an exit": lambda: SystemExit(2),
    "a generator's end": GeneratorExit,
    "a cancellation": asyncio.CancelledError,
    "an iteration's stop": StopIteration,
    "Ctrl-C in a group": lambda: Group(KeyboardInterrupt()),
    "an exit in a group": lambda: Group(ValueError("v"), SystemExit(1)),
    "a refusal": lambda: ValueError("no"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_was_ended_is_none(kind: str) -> None:
    agent, requirement = asked("ask")
    raised.append(KINDS[kind]())
    with pytest.raises(BaseException):  # noqa: B017 - which one, other tests say
        requirement.answer({"x": "half", "y": "typed"}, by="ann")
    raised.clear()
    assert (requirement.is_resolved, requirement.given_values, requirement.draft_by) == (False, {}, None)
    with pytest.raises(UnresolvedRequirementsError):
        agent.continue_run(run_id=requirement.run_id, requirements=[requirement])
    with pytest.raises(UnresolvedRequirementsError):
        agent.continue_run(run_id=requirement.run_id)
    assert got == []


@pytest.mark.parametrize("kind", ["Ctrl-C", "an exit", "Ctrl-C in a group", "a refusal"])
def test_an_earlier_draft_stands(kind: str) -> None:
    agent, requirement = asked("ask")
    requirement.answer({"x": "whole", "y": "first"}, by="ann")
    raised.append(KINDS[kind]())
    with pytest.raises(BaseException):  # noqa: B017
        requirement.answer({"x": "half"}, by="bob")
    raised.clear()
    assert (requirement.is_resolved, requirement.draft_by) == (True, "ann")
    agent.continue_run(run_id=requirement.run_id)
    assert got == [("whole", "first")]


@pytest.mark.parametrize("kind", ["Ctrl-C", "an exit"])
def test_changed_arguments_that_could_not_be_read_are_none(kind: str) -> None:
    agent, requirement = asked("act", x="shown")
    raised.append(KINDS[kind]())
    for given in (OddMapping(x="half"), {"x": Odd()}):
        with pytest.raises(BaseException):  # noqa: B017
            requirement.confirm(tool_args=given, by="ann")
    raised.clear()
    assert (requirement.is_resolved, requirement.draft_by) == (False, None)
    with pytest.raises(UnresolvedRequirementsError):
        agent.continue_run(run_id=requirement.run_id)


@pytest.mark.parametrize("kind", ["Ctrl-C", "an exit"])
def test_a_result_that_could_not_be_read_is_none(kind: str) -> None:
    agent, requirement = asked("look", x="x")
    raised.append(KINDS[kind]())
    with pytest.raises(BaseException):  # noqa: B017
        requirement.set_external_execution_result(Odd(), by="ann")
    raised.clear()
    assert (requirement.is_resolved, requirement.draft_by) == (False, None)
    with pytest.raises(UnresolvedRequirementsError):
        agent.continue_run(run_id=requirement.run_id)
