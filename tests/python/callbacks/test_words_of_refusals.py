"""What a model reads of a tool that cancelled itself, and of a validator whose words hold half of a character."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, field_validator

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, ScriptedModel, Task, ToolChangedError, tool
from support.replies import results_in, wants

raised: list[BaseException] = []


@pytest.fixture(autouse=True)
def nothing_raised() -> Iterator[None]:
    raised.clear()
    yield
    raised.clear()


def told(name: str, *tools: Any, **said: Any) -> str:
    """What the model reads of a call."""
    model = ScriptedModel([wants(name, **said), "END"])
    Agent(model, db=InMemoryDatabase(), tools=list(tools)).do("Work.")
    return str(results_in(model.requests[-1])[0])


class LimitReachedError(asyncio.CancelledError):
    """A cancellation of somebody's own."""


class SlowToReadError(asyncio.CancelledError):
    """Its text is made by code of its own, which the event loop does not wait for."""

    def __str__(self) -> str:
        return "slow"


CANCELLED: list[tuple[BaseException, str]] = [
    (asyncio.CancelledError("the bank said: limit"), "CancelledError: the bank said: limit"),
    (asyncio.CancelledError("half \ud800"), "CancelledError: half ?"),
    (asyncio.CancelledError(7), "CancelledError: 7"),
    (LimitReachedError("limit"), "LimitReachedError: limit"),
    (SlowToReadError("limit"), "SlowToReadError"),
    (asyncio.CancelledError(), "The tool cancelled itself."),
]


@tool
async def pay() -> str:
    """Pay."""
    await asyncio.sleep(0)
    raise raised[0]


@tool(timeout=5.0)
async def pay_in_time() -> str:
    """Pay."""
    raise raised[0]


@pytest.mark.parametrize(("error", "text"), CANCELLED, ids=repr)
@pytest.mark.parametrize("name", ["pay", "pay_in_time"])
def test_a_tool_that_cancels_itself_says_why(name: str, error: BaseException, text: str) -> None:
    raised.append(error)
    assert told(name, pay, pay_in_time) == text


def checked(value: Any) -> Any:
    if raised:
        raise raised[0]
    return value


class Account(BaseModel):
    iban: str

    @field_validator("iban")
    @classmethod
    def known(cls, iban: str) -> str:
        return str(checked(iban))


Number = Annotated[int, AfterValidator(checked)]


@tool
def of_number(x: Number) -> str:
    """Take a number."""
    return "taken"


@tool
def of_account(x: Account) -> str:
    """Take an account."""
    return "taken"


@tool
def of_numbers(x: list[Number]) -> str:
    """Take numbers."""
    return "taken"


GIVEN: dict[str, Any] = {"of_number": 1, "of_account": {"iban": "x"}, "of_numbers": [1]}


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("words", ["no such account \ud800", "\udfff", "no \ud800\udfff one"], ids=ascii)
def test_half_of_a_character_in_a_validators_words_is_a_question_mark(name: str, words: str) -> None:
    raised.append(ValueError(words))
    text = told(name, of_number, of_account, of_numbers, x=GIVEN[name])
    expected = words.encode("utf-8", "replace").decode()
    assert f"ValueError: {expected}" in text
    assert "Unicode" not in text


@tool(requires_confirmation=True)
def act(x: Number) -> str:
    """Act."""
    return "acted"


@tool(requires_user_input=True, user_input_fields=["x"])
def ask(x: Number) -> str:
    """Ask."""
    return "asked"


def test_so_it_is_where_a_person_decided() -> None:
    agent = Agent(ScriptedModel([wants("act", x=1), "END"]), db=InMemoryDatabase(), tools=[act])
    requirement = agent.do("Work.", return_output=True).requirements[0]
    requirement.confirm()
    raised.append(ValueError("no such account \ud800"))
    with pytest.raises(ToolChangedError, match=r"ValueError: no such account \?") as caught:
        agent.continue_run(run_id=requirement.run_id)
    assert "Unicode" not in str(caught.value)


def test_and_where_a_person_answers() -> None:
    agent = Agent(ScriptedModel([wants("ask"), "END"]), db=InMemoryDatabase(), tools=[ask])
    requirement = agent.do("Work.", return_output=True).requirements[0]
    raised.append(ValueError("no such account \ud800"))
    with pytest.raises(InvalidResolutionError, match=r"ValueError: no such account \?"):
        requirement.answer({"x": 1})


def test_and_in_a_final_answer() -> None:
    raised.append(ValueError("no such account \ud800"))

    def no_longer(_: Any) -> str:
        raised.clear()
        return json.dumps({"iban": "x"})

    model = ScriptedModel([json.dumps({"iban": "x"}), no_longer])
    agent = Agent(model, db=InMemoryDatabase())
    assert agent.do(Task("Answer.", response_format=Account))
    told_again = str(model.requests[-1].messages[-1].content)
    assert "ValueError: no such account ?" in told_again
    assert "Unicode" not in told_again
