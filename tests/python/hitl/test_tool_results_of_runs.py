"""What tools return, from text to what has no form at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, FunctionModel, ModelReply, ModelRequest, RunStatus, ScriptedModel, SqliteDatabase, tool
from support.replies import results_in, wants
from support.running import asynchronous


class Point(BaseModel):
    x: int
    label: str


@dataclass
class Box:
    width: float
    content: list[str]


def cyclic() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


class Opaque:
    pass


FORMS = [
    ("plain text", "plain text"),
    ("", ""),
    ('{"a": 1}', '{"a": 1}'),
    (Point(x=1, label="é"), '{"x":1,"label":"é"}'),
    (Box(1.5, ["a"]), '{"width":1.5,"content":["a"]}'),
    ({"k": [1, None, True]}, '{"k":[1,null,true]}'),
    ([1, 2.5], "[1,2.5]"),
    (7, "7"),
    (2.5, "2.5"),
    (None, "null"),
    (False, "false"),
]
FORMLESS = {
    "bytes": b"\x00\xff",
    "not a number": math.nan,
    "infinite": [math.inf],
    "lone surrogate": "\ud800",
    "surrogate within": {"k": ["\udfff"]},
    "cyclic": cyclic(),
    "nested too deep": deep(100_000),
    "an object": Opaque(),
    "a class": Opaque,
    "a generator": (number for number in range(3)),
    "a dict with odd keys": {(1, 2): 3},
}


def returning(value: Any) -> Any:
    @tool
    def give():  # type: ignore[no-untyped-def]
        """Give a value."""
        return value

    return give


@pytest.mark.parametrize("human", ["plain", "confirmed"])
@pytest.mark.parametrize(("value", "text"), FORMS, ids=[text for _, text in FORMS])
@asynchronous
async def test_a_result_reaches_the_model_in_its_form(db: SqliteDatabase, value: Any, text: str, human: str) -> None:
    give = tool(requires_confirmation=human == "confirmed", name="give")(lambda: value)
    scripted = ScriptedModel([wants("give"), "taken"])
    agent = Agent(scripted, db=db, tools=[give])
    output = await agent.do_async("Give.", return_output=True, hitl_handler=lambda item: item.confirm())
    assert (output.output, output.tools[0].result, output.tools[0].tool_call_error) == ("taken", text, False)
    assert results_in(scripted.requests[-1]) == [text]


@pytest.mark.parametrize("value", FORMLESS.values(), ids=FORMLESS)
@asynchronous
async def test_a_result_without_a_form_is_a_clear_error_and_nothing_is_lost(db: SqliteDatabase, value: Any) -> None:
    scripted = ScriptedModel([wants("give"), "no matter"])
    agent = Agent(scripted, db=db, tools=[returning(value)])
    output = await agent.do_async("Give.", return_output=True)
    assert (output.status, output.output) == (RunStatus.completed, "no matter")
    assert output.tools[0].tool_call_error is True
    (result,) = results_in(scripted.requests[-1])
    assert "result" in str(result)
    again = await agent.continue_run_async(run_id=output.run_id, return_output=True)
    assert again.tools[0].result == result


@asynchronous
async def test_a_result_of_ten_megabytes_works(db: SqliteDatabase) -> None:
    text = "ä" * 5_000_000
    scripted = ScriptedModel([wants("give"), OSError("no route"), "unused"])
    agent = Agent(scripted, db=db, tools=[returning(text)])
    with pytest.raises(RuntimeError):
        await agent.do_async("Give.")
    after = ScriptedModel(["unused", "long"])
    result = await agent.continue_run_async(run_id=agent.run_id, model=after, return_output=True)
    assert result.output == "long"
    assert results_in(after.requests[-1]) == [text]


@asynchronous
async def test_an_external_result_without_a_form_is_refused_and_the_run_stays_paused(db: SqliteDatabase) -> None:
    @tool(external_execution=True)
    def fetch(url: str) -> str:
        """Fetch a page."""
        raise AssertionError

    agent = Agent(ScriptedModel([wants("fetch", url="u"), "read"]), db=db, tools=[fetch])
    paused = await agent.do_async("Fetch.", return_output=True)
    (requirement,) = paused.active_requirements
    for value in (b"\x00", math.nan, "\ud800", cyclic()):
        requirement.tool_execution.result = value
        with pytest.raises(Exception, match=r"result|result's") as caught:
            await agent.continue_run_async(run_id=paused.run_id)
        assert type(caught.value).__module__ == "haltpoint.exceptions"
    requirement.tool_execution.result = {"page": Point(x=1, label="a")}
    result = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert (result.output, result.tools[0].result) == ("read", '{"page":{"x":1,"label":"a"}}')


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "🙂" * 1000, "\u2028"])
@asynchronous
async def test_any_text_of_a_model_is_kept_or_refused_but_never_crashes(db: SqliteDatabase, text: str) -> None:
    agent = Agent(ScriptedModel([text]), db=db)
    try:
        output = await agent.do_async("Speak.", return_output=True)
    except RuntimeError as error:
        assert "surrogate" in str(error)  # noqa: PT017 - either way is right, for different texts
        assert agent.get_run_output().is_error  # type: ignore[union-attr]
    else:
        again = await agent.continue_run_async(run_id=output.run_id)
        assert again == output.output == text


@pytest.mark.parametrize("description", ["\ud800", "a\x00b", "", "x" * 1_000_000])
@asynchronous
async def test_any_description_is_kept_or_refused_at_once(db: SqliteDatabase, description: str) -> None:
    agent = Agent(ScriptedModel(["fine"]), db=db)
    try:
        output = await agent.do_async(description, return_output=True)
    except ValueError as error:
        assert "surrogate" in str(error)  # noqa: PT017 - either way is right, for different texts
    else:
        assert output.task.description == description


@pytest.mark.parametrize("looks_at_once", [True, False])
@asynchronous
async def test_a_long_result_reaches_the_model_whole_whenever_it_looks(looks_at_once: bool, db: SqliteDatabase) -> None:
    long = 'A "quoted" line, é and ☃.\n' * 40_000
    seen: list[list[str | None]] = []

    @tool
    def read_book() -> str:
        """Read a book."""
        return long

    def answer(request: ModelRequest) -> ModelReply | str:
        if looks_at_once or request.replies_so_far == 2:
            seen.append(results_in(request))
        return wants("read_book") if request.replies_so_far < 2 else "read"

    output = await Agent(FunctionModel(answer), db=db, tools=[read_book]).do_async("Read it.", return_output=True)
    assert seen[-1] == [long, long]
    assert [call.result for call in output.tools] == [long, long]
    assert [call.result for call in db.run(output.run_id).tools] == [long, long]
