"""Keys that are the same once the tool reads them, where the tool's code is at hand and where it is not."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, StringConstraints, model_validator

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, SqliteDatabase, tool
from support.editing import Editing, anywhere
from support.programs import run_program
from support.replies import results_in, wants


class Sums(BaseModel):
    by_day: dict[date, int]


class Ten(BaseModel):
    a: int
    b: int

    @model_validator(mode="after")
    def is_ten(self) -> Ten:
        if self.a + self.b != 10:
            raise ValueError("the sum must be 10")
        return self


def taking(kind: Any) -> Any:
    def take(value):  # type: ignore[no-untyped-def]
        return repr(value)

    take.__annotations__ = {"value": kind, "return": str}
    return take


# What the tool takes, what the model said, what the person wants, and where that is refused.
ONE: dict[str, tuple[Any, Any, Any, str]] = {
    "whole numbers": (dict[int, str], {"1": "a"}, {"2": "a", "02": "b"}, "value.02"),
    "numbers": (dict[float, int], {"1": 1}, {"2": 1, "2.0": 2}, "value.2"),
    "yes and no": (dict[bool, int], {"true": 1}, {"false": 1, "no": 2}, "value.no"),
    "days within an object": (
        Sums,
        {"by_day": {"2024-01-01": 1}},
        {"by_day": {"2024-02-01": 1, "2024-02-01T00:00:00": 2}},
        "value.by_day.2024-02-01T00:00:00",
    ),
    "small letters": (
        dict[Annotated[str, StringConstraints(to_lower=True)], int],
        {"a": 1},
        {"A": 1, "a": 2},
        "value.",
    ),
}


@pytest.mark.parametrize("name", ONE)
@anywhere
def test_they_are_refused_in_changed_arguments(db_file: Path, name: str, has_code: bool) -> None:
    kind, said, wanted, path = ONE[name]
    call = Editing(db_file, taking(kind), value=said)
    with pytest.raises(InvalidResolutionError, match=path):
        call.change(has_code=has_code, value=wanted)


@anywhere
def test_others_are_taken(db_file: Path, has_code: bool) -> None:
    call = Editing(db_file, taking(dict[int, str]), value={"1": "a"})
    call.change(has_code=has_code, value={"1": "a", "02": "b"})
    assert call.run() == "{1: 'a', 2: 'b'}"


ANSWERS = """
    import json, sys
    from haltpoint import InvalidResolutionError, SqliteDatabase
    from support.programs import tell

    with SqliteDatabase(sys.argv[1]) as db:
        requirement = db.requirements()[0]
        try:
            requirement.answer({"value": json.loads(sys.argv[2])})
            requirement.commit()
            tell(None)
        except InvalidResolutionError as error:
            tell([error.field_name, str(error)])
"""


def answered_elsewhere(db_file: Path, kind: Any, answer: str) -> tuple[Any, Any]:
    """Return what the person was told, and what the model was told once the run went on."""
    asking = tool(requires_user_input=True, user_input_fields=["value"])(taking(kind))
    replies = [wants("take"), lambda request: str(results_in(request)[-1])]
    with SqliteDatabase(db_file) as db:
        agent = Agent(ScriptedModel(replies), db=db, tools=[asking])
        run_id = agent.do("Take.", return_output=True).run_id
        program = db_file.with_name("answer.py")
        program.write_text("\n".join(line[4:] for line in ANSWERS.splitlines()))
        told = run_program(program, str(db_file), answer, cwd=db_file.parent).last
        return told, None if told else agent.continue_run(run_id=run_id)


@pytest.mark.parametrize(("answer", "key"), [('{"1": "a", "01": "b"}', "01"), ('{"1": "a", "+1": "b"}', "+1")])
def test_they_are_refused_in_answers_without_the_code(db_file: Path, answer: str, key: str) -> None:
    told, _ = answered_elsewhere(db_file, dict[int, str], answer)
    assert told[0] == f"value.{key}"
    assert "the same key as another one" in told[1]


def test_other_answers_are_taken(db_file: Path) -> None:
    assert answered_elsewhere(db_file, dict[int, str], '{"1": "a", "02": "b"}') == (None, "{1: 'a', 2: 'b'}")


def test_a_model_is_told_to_ask_again_for_what_a_validator_refuses_later(db_file: Path) -> None:
    told, result = answered_elsewhere(db_file, Ten, '{"a": 1, "b": 1}')
    assert told is None
    assert "the sum must be 10" in result
    assert "Call the tool once more, so that the person is asked again" in result
