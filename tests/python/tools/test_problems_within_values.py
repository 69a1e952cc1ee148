"""Where within a value a problem is, and what is wrong there: JSON within a text, and what has its place in a list."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import AliasPath, BaseModel, Field, Json

from haltpoint import Agent, InMemoryDatabase, InvalidResolutionError, ScriptedModel, tool
from support.replies import wants


class Placed(BaseModel):
    """Something that is found by its place in a list."""

    x: int = Field(validation_alias=AliasPath("d", 0))


@tool(requires_user_input=True, user_input_fields=["v"])
def numbers(v: Json[list[int]]) -> str:
    """Take numbers."""
    return str(v)


@tool(requires_user_input=True, user_input_fields=["v"])
def placed(v: Placed) -> str:
    """Take something."""
    return str(v)


PROBLEMS: list[tuple[str, Any, str, str]] = [
    ("numbers", '["x"]', "v", "v: in this JSON text, 0 must be a whole number, got"),
    ("numbers", "[1, []]", "v", "v: in this JSON text, 1 must be a whole number, got"),
    ("numbers", "5", "v", "v: in this JSON text, the value must be a list of whole numbers, got"),
    ("numbers", "x", "v", "v: Invalid JSON"),
    ("placed", {"d": "12"}, "v.d", 'v.d: must be a list, got "12"'),
    ("placed", {"d": {"0": 1}}, "v.d", "v.d: must be a list, got"),
    ("placed", {"d": None}, "v.d", "v.d: must be a list, got null"),
    ("placed", {"d": []}, "v.d.0", "v.d.0: Field required"),
    ("placed", {"d": ["z"]}, "v.d.0", "v.d.0: must be a whole number"),
]


@pytest.mark.parametrize(("name", "value", "field_name", "words"), PROBLEMS)
def test_it_is_said_where_it_is(name: str, value: Any, field_name: str, words: str) -> None:
    agent = Agent(ScriptedModel([wants(name), "END"]), db=InMemoryDatabase(), tools=[numbers, placed])
    (requirement,) = agent.do("Work.", return_output=True).requirements
    with pytest.raises(InvalidResolutionError) as caught:
        requirement.answer({"v": value})
    assert words in str(caught.value)
    assert caught.value.field_name == field_name
