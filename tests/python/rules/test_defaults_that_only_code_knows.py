"""A member that a person leaves out and whose default the schema does not have: refused where the code is not at hand.

The tool would make a value of it that nobody saw, and another one later.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, SqliteDatabase, tool
from support.command import CommandLine
from support.editing import Editing
from support.replies import results_in, wants


class Address(BaseModel):
    street: str
    country: str = Field(default_factory=lambda: "DE")


class Holder(BaseModel):
    address: Address
    level: int = 1


class Tree(BaseModel):
    number: int = 0
    children: list[Tree] = []
    tag: str = Field(default_factory=lambda: "T")


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(default_factory=lambda: "Rex")


class Since(BaseModel):
    name: str
    day: dt.date = Field(default_factory=lambda: dt.date(2024, 1, 1))


class Timed(TypedDict):
    street: str
    country: Annotated[str, Field(default_factory=lambda: "DE")]


@dataclasses.dataclass
class Part:
    name: str
    tags: list[str] = dataclasses.field(default_factory=list[str])


@dataclasses.dataclass
class Counted:
    name: str
    seen: list[str] = dataclasses.field(default_factory=list[str], init=False)


class Pair(NamedTuple):
    address: Address
    number: int = 1


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

ELM = {"street": "Elm"}
ELM_DE = {"street": "Elm", "country": "DE"}

# The type, what lacks a member, the path of that, and what lacks none.
LACKING: list[tuple[Any, Any, str, Any]] = [
    (Address, ELM, "value.country", ELM_DE),
    (list[Address], [ELM_DE, ELM], "value.1.country", [ELM_DE, ELM_DE]),
    (tuple[Address, int], [ELM, 1], "value.0.country", [ELM_DE, 1]),
    (dict[str, Address], {"a": ELM}, "value.a.country", {"a": ELM_DE}),
    (dict[str, list[Address]], {"a": [ELM]}, "value.a.0.country", {"a": [ELM_DE]}),
    (Address | None, ELM, "value.country", ELM_DE),
    (Address | Cat, ELM, "value.country", ELM_DE),
    (list[Address | int], [1, ELM], "value.1.country", [1, ELM_DE]),
    (Pet, {"kind": "dog"}, "value.name", {"kind": "dog", "name": "Bo"}),
    (Holder, {"address": ELM}, "value.address.country", {"address": ELM_DE, "level": 2}),
    (
        Tree,
        {"children": [{"number": 2}], "tag": "a"},
        "value.children.0.tag",
        {"number": 0, "children": [{"number": 2, "children": [], "tag": "b"}], "tag": "a"},
    ),
    (Part, {"name": "a"}, "value.tags", {"name": "a", "tags": []}),
    (list[Part], [{"name": "a"}], "value.0.tags", [{"name": "a", "tags": ["b"]}]),
    (Timed, ELM, "value.country", ELM_DE),
    (Pair, [ELM, 1], "value.0.country", [ELM_DE, 1]),
    (Since, {"name": "a"}, "value.day", {"name": "a", "day": "2024-01-01"}),
]

# What lacks no member that only the code knows, though another branch of the union has one.
WHOLE: list[tuple[Any, Any]] = [
    (Address | Cat, {"kind": "cat", "lives": 3}),
    (Pet, {"kind": "cat", "lives": 3}),
    (Address | None, None),
    (list[Address], []),
    (Address | dict[str, int], {"a": 1}),
]


def named(path: str) -> str:
    return rf"{path}: missing, and the tool's code is needed to tell its default; give a value \(.+\), or decide where"


def taking(annotation: Any, default: Any = None) -> Callable[..., Any]:
    def take(value: Any = default, number: int = 1) -> str:
        """Take."""
        return f"took {json.dumps(value, default=lambda item: getattr(item, '__dict__', str(item)))} {number}"

    take.__annotations__["value"] = annotation
    return take


class Answering:
    """One call of a tool that a person gives a value, at the command line or where the tool is at hand."""

    def __init__(self, db_file: Path, annotation: Any) -> None:
        self._file = db_file
        self._tool = tool(requires_user_input=True, user_input_fields=["value"])(taking(annotation))
        with SqliteDatabase(db_file) as db:
            self._run_id = self._agent(db).do("Take.", return_output=True).run_id

    def _agent(self, db: SqliteDatabase) -> Agent:
        return Agent(ScriptedModel([wants("take"), lambda r: str(results_in(r)[-1])]), db=db, tools=[self._tool])

    def elsewhere(self, value: Any) -> str | None:
        """Answer at the command line, and return how it was refused."""
        with SqliteDatabase(self._file) as db:
            requirement_id = db.requirements()[0].id
        printed = CommandLine(self._file)("answer", requirement_id, f"value={json.dumps(value)}", "--by", "ann")
        return None if printed.code == 0 else printed.err

    def here(self, value: Any) -> Any:
        """Answer where the code is at hand, and return what is shown then."""
        with SqliteDatabase(self._file) as db:
            output = self._agent(db).continue_run(
                run_id=self._run_id, hitl_handler=lambda r: r.answer({"value": value}), return_output=True
            )
            return output.requirements[0].tool_execution.tool_args["value"]

    def run(self) -> str:
        with SqliteDatabase(self._file) as db:
            return str(self._agent(db).continue_run(run_id=self._run_id))


@pytest.mark.parametrize(("annotation", "lacking", "path", "whole"), LACKING)
def test_an_answer_that_leaves_one_out_is_refused_without_the_code(
    db_file: Path, annotation: Any, lacking: Any, path: str, whole: Any
) -> None:
    call = Answering(db_file, annotation)
    assert re.search(named(path), call.elsewhere(lacking) or "")
    assert call.elsewhere(whole) is None
    assert call.run().startswith("took ")


@pytest.mark.parametrize(("annotation", "lacking", "path", "whole"), LACKING)
def test_with_the_code_it_is_accepted_and_shown(
    db_file: Path, annotation: Any, lacking: Any, path: str, whole: Any
) -> None:
    shown = Answering(db_file, annotation).here(lacking)
    for name in path.split(".")[1:]:
        shown = shown[int(name) if isinstance(shown, list) else name]
    assert shown is not None


@pytest.mark.parametrize(("annotation", "whole"), WHOLE)
def test_an_answer_of_another_type_of_a_union_is_accepted(db_file: Path, annotation: Any, whole: Any) -> None:
    call = Answering(db_file, annotation)
    assert call.elsewhere(whole) is None
    assert call.run() == f"took {json.dumps(whole)} 1"


def test_nobody_is_told_to_give_what_the_type_sets_by_itself(db_file: Path) -> None:
    call = Answering(db_file, Counted)
    refusal = call.elsewhere({"name": "a"})
    assert refusal is not None
    assert (
        "value.seen: missing, and the tool's code is needed to tell its default; decide where it is at hand" in refusal
    )
    assert call.here({"name": "a"}) == {"name": "a", "seen": []}


@pytest.mark.parametrize(("annotation", "lacking", "path", "whole"), LACKING)
def test_an_edit_in_the_place_of_null_is_refused_without_the_code(
    db_file: Path, annotation: Any, lacking: Any, path: str, whole: Any
) -> None:
    call = Editing(db_file, taking(annotation | None))
    assert call.shown["value"] is None
    with pytest.raises(InvalidResolutionError, match=named(path)):
        call.change(has_code=False, value=lacking)
    call.change(has_code=False, value=whole)
    assert call.shown["value"] == whole
    assert call.run().startswith("took ")


@pytest.mark.parametrize(
    ("annotation", "default", "lacking", "path"),
    [
        (list[Address], [], [ELM], "value.0.country"),
        (dict[str, Address], {}, {"a": ELM}, "value.a.country"),
        (list[Address | int], [1], [1, ELM], "value.1.country"),
        (Address | Cat, Cat(kind="cat"), ELM, "value.country"),
        (Holder | None, None, {"address": ELM}, "value.address.country"),
    ],
)
def test_so_is_an_edit_beside_or_in_the_place_of_other_values(
    db_file: Path, annotation: Any, default: Any, lacking: Any, path: str
) -> None:
    call = Editing(db_file, taking(annotation, default))
    with pytest.raises(InvalidResolutionError, match=named(path)):
        call.change(has_code=False, value=lacking)
    call.change(has_code=True, value=lacking)
    assert call.run().startswith("took ")


@pytest.mark.parametrize(("annotation", "whole"), WHOLE)
def test_an_edit_to_another_type_of_a_union_is_accepted(db_file: Path, annotation: Any, whole: Any) -> None:
    call = Editing(db_file, taking(annotation | None | bool, True))
    call.change(has_code=False, value=whole)
    assert call.run() == f"took {json.dumps(whole)} 1"
