"""A person answers with a part of an object where the tool's code is not at hand: defaults of the rest are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field

from haltpoint import Agent, ScriptedModel, SqliteDatabase, tool
from support.command import CommandLine
from support.replies import results_in, wants


class Place(BaseModel):
    street: str
    number: int = 1


class Account(BaseModel):
    name: str
    limit: int = 5
    place: Place | None = None


class Clamped(BaseModel):
    name: str
    limit: Annotated[int, AfterValidator(lambda euros: min(euros, 100))] = 5


class Elsewhere:
    """One call of one tool, answered at the command line, where nothing is known of its code."""

    def __init__(self, db_file: Path, annotation: Any) -> None:
        self._file = db_file
        self._tool = giving(annotation)
        with SqliteDatabase(db_file) as db:
            self.run_id = self._agent(db).do("Give.", return_output=True).run_id

    def _agent(self, db: SqliteDatabase) -> Agent:
        model = ScriptedModel([wants("give"), lambda request: str(results_in(request)[-1])])
        return Agent(model, db=db, tools=[self._tool])

    def answer(self, value: Any) -> tuple[Any, str]:
        """Answer, and return what is shown of the value, and what was printed."""
        with SqliteDatabase(self._file) as db:
            requirement_id = db.requirements()[0].id
        printed = CommandLine(self._file)("answer", requirement_id, f"value={json.dumps(value)}", "--by", "ann")
        assert printed.code == 0, printed.err
        with SqliteDatabase(self._file) as db:
            return db.requirement(requirement_id).tool_execution.tool_args["value"], printed.out

    def run(self, annotation: Any = None) -> str:
        if annotation is not None:
            self._tool = giving(annotation)
        with SqliteDatabase(self._file) as db:
            return str(self._agent(db).continue_run(run_id=self.run_id))


def giving(annotation: Any) -> Callable[..., Any]:
    def give(value: Any) -> str:
        """Give."""
        return f"gave {value!r}"

    give.__annotations__["value"] = annotation
    return tool(requires_user_input=True, user_input_fields=["value"])(give)


ELM = {"street": "Elm", "number": 1}


@pytest.mark.parametrize(
    ("annotation", "answer", "shown"),
    [
        (Account, {"name": "a"}, {"name": "a", "limit": 5, "place": None}),
        (
            Account,
            {"name": "a", "place": {"street": "Oak"}},
            {"name": "a", "limit": 5, "place": {**ELM, "street": "Oak"}},
        ),
        (list[Place], [{"street": "Elm"}, {"street": "Elm", "number": 1}], [ELM, ELM]),
        (dict[str, Place], {"home": {"street": "Elm"}}, {"home": ELM}),
        (Place | None, {"street": "Elm"}, ELM),
        (Clamped, {"name": "a"}, {"name": "a", "limit": 5}),
    ],
)
def test_defaults_that_the_schema_knows_are_shown_and_run(
    db_file: Path, annotation: Any, answer: Any, shown: Any
) -> None:
    call = Elsewhere(db_file, annotation)
    told, printed = call.answer(answer)
    assert told == shown
    assert json.dumps(ELM)[1:-1] in printed or "limit" in printed
    result = call.run()
    assert result.startswith("gave") and "not valid" not in result


def test_a_default_that_has_changed_since_runs_as_it_was_shown(db_file: Path) -> None:
    place: dict[str, Any] = {"number": 1}

    class House(BaseModel):
        street: str
        number: int = Field(default_factory=lambda: place["number"], json_schema_extra={"default": 1})

    call = Elsewhere(db_file, House)
    told, _ = call.answer({"street": "Elm"})
    assert told == ELM
    place["number"] = 2
    assert call.run() == "gave House(street='Elm', number=1)"


def test_an_answer_that_is_whole_is_kept_as_ever(db_file: Path) -> None:
    call = Elsewhere(db_file, Place)
    call.answer(ELM)
    with SqliteDatabase(db_file) as db:
        assert db.run(call.run_id).requirements[0].decision == {"type": "input", "values": {"value": ELM}}
