"""A person changes an argument where the tool's code is not at hand, and the tool makes another value of it: the model
is told, as of an answer that does not fit, nothing runs, and the person can be asked again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr, WithJsonSchema

from haltpoint import Agent, InvalidResolutionError, RunStatus, ScriptedModel, SqliteDatabase, ToolChangedError, tool
from support.command import CommandLine
from support.editing import Editing
from support.programs import run_program
from support.replies import results_in, wants

Capped = Annotated[int, AfterValidator(lambda euros: min(euros, 100))]
Upper = Annotated[str, AfterValidator(str.upper)]


def even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


def broken(text: str) -> str:
    if text == "b":
        raise OSError("the register is gone")
    return text


class Account(BaseModel):
    name: str
    secret: SecretStr = SecretStr("")
    limit: Capped = 5


@dataclasses.dataclass
class Money:
    amount: int
    currency: str = "EUR"


Price = Annotated[
    Money,
    BeforeValidator(lambda given: Money(int(str(given).split()[-1]))),
    WithJsonSchema({"type": "string"}),
]

RAN: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    RAN.clear()


def taking(annotation: Any) -> Callable[..., Any]:
    def take(value: Any, note: str = "n") -> str:
        """Take."""
        RAN.append(value)
        return f"took {value!r} {note}"

    take.__annotations__["value"] = annotation
    return take


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "told"),
    [
        (Capped, 5, 500, "value: a person answered 500, of which the tool would make 100; the call was not run."),
        (list[Capped], [5], [5, 500], "value: a person answered [5,500], of which the tool would make [5,100];"),
        (Upper, "ANN", "bob", 'value: a person answered "bob", of which the tool would make "BOB";'),
        (Account, {"name": "a"}, {"name": "a", "secret": "s3cret", "limit": 500}, "a person answered a secret value"),
        (Annotated[int, AfterValidator(even)], 2, 3, "must be even"),
        (Annotated[str, AfterValidator(broken)], "a", "b", "OSError: the register is gone"),
    ],
)
def test_a_value_that_the_tool_makes_another_of_is_told_to_the_model(
    db_file: Path, annotation: Any, said: Any, wanted: Any, told: str
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=False, value=wanted)
    result = call.run()
    assert told in result
    assert "s3cret" not in result
    assert RAN == []


@pytest.mark.parametrize("annotation", [Capped, Annotated[int, AfterValidator(even)]])
def test_the_run_is_not_stuck_and_completes(db_file: Path, annotation: Any) -> None:
    call = Editing(db_file, taking(annotation), value=2)
    call.change(has_code=False, value=501)
    call.run()
    with SqliteDatabase(db_file) as db:
        run = db.run(call.run_id)
        assert run.status is RunStatus.completed
        told = str(run.output)
    assert told.startswith("A person changed the arguments of this call, to: ")
    assert "before it was run" not in told
    assert RAN == []


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "got"),
    [
        (Capped, 5, 70, "took 70 n"),
        (Price, "EUR 5", "EUR 7", "took Money(amount=7, currency='EUR') n"),
        (list[Capped], [500], [7], "took [7] n"),
        (dict[str, Capped], {}, {"a": 7, "b": 100}, "took {'a': 7, 'b': 100} n"),
    ],
)
def test_a_value_that_fits_runs(db_file: Path, annotation: Any, said: Any, wanted: Any, got: str) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=False, value=wanted)
    assert call.run() == got


def test_a_member_that_was_left_as_it_was_shown_is_made_of_what_the_model_said(db_file: Path) -> None:
    """The model's 500 is shown as 100: only the name is the person's."""
    call = Editing(db_file, taking(Account), value={"name": "a", "limit": 500})
    assert call.shown["value"]["limit"] == 100
    call.change(has_code=False, value={**call.shown["value"], "name": "b"})
    assert call.run() == "took Account(name='b', secret=SecretStr(''), limit=100) n"


SHIFT = {"by": 0}
Shifted = Annotated[int, AfterValidator(lambda number: number + SHIFT["by"])]


@pytest.mark.parametrize(
    ("has_code", "wanted"), [(True, {"value": 7}), (False, {"note": "m"})], ids=["checked by the code", "left alone"]
)
def test_a_later_other_value_is_still_a_changed_tool(
    db_file: Path, monkeypatch: pytest.MonkeyPatch, has_code: bool, wanted: dict[str, Any]
) -> None:
    call = Editing(db_file, taking(Shifted), value=5)
    call.change(has_code=has_code, **wanted)
    monkeypatch.setitem(SHIFT, "by", 1)
    with pytest.raises(ToolChangedError, match="value was shown as"):
        call.run()
    assert RAN == []
    monkeypatch.setitem(SHIFT, "by", 0)
    assert call.run().startswith("took")


def test_it_runs_where_whoever_continues_says_that_it_may(db_file: Path) -> None:
    call = Editing(db_file, taking(Capped), value=5)
    call.change(has_code=False, value=500)
    assert call.run(allow_changed_tools=True) == "took 100 n"


def last_result(request: Any) -> str:
    return str(results_in(request)[-1])


def agent(db: SqliteDatabase, **options: Any) -> Agent:
    take = tool(requires_confirmation=True, **options)(taking(Capped))
    return Agent(ScriptedModel([wants("take", value=5), wants("take", value=6), last_result]), db=db, tools=[take])


def approve(db_file: Path, by: str, **arguments: Any) -> None:
    with SqliteDatabase(db_file) as db:
        requirement_id = db.requirements()[0].id
    options = ("--args", json.dumps(arguments)) if arguments else ()
    printed = CommandLine(db_file)("approve", requirement_id, "--by", by, *options)
    assert printed.code == 0, printed.err


def test_the_person_is_asked_again_as_soon_as_the_model_does_what_it_is_told(db_file: Path) -> None:
    with SqliteDatabase(db_file) as db:
        run_id = agent(db).do("Take.", return_output=True).run_id
    for value in (500, 70):
        approve(db_file, "ann", value=value, note="n")
        with SqliteDatabase(db_file) as db:
            output = agent(db).continue_run(run_id=run_id, return_output=True)
    assert "took 70 n" in str(output.output)
    assert RAN == [70]


@pytest.mark.parametrize("first_has_code", [False, True])
def test_of_several_approvers_the_first_says_whether_the_code_was_at_hand(db_file: Path, first_has_code: bool) -> None:
    with SqliteDatabase(db_file) as db:
        output = agent(db, approvals=2).do("Take.", return_output=True)
        run_id = output.run_id
        if first_has_code:
            (requirement,) = output.active_requirements
            requirement.confirm(tool_args={"value": 500}, by="ann")
            requirement.commit()
    if not first_has_code:
        approve(db_file, "ann", value=500, note="n")
    with SqliteDatabase(db_file) as db:
        seen = db.requirements()[0].approvals[0]["tool_args"]
    assert seen == {"value": 100 if first_has_code else 500, "note": "n"}
    approve(db_file, "bob", **seen)
    with SqliteDatabase(db_file) as db:
        output = agent(db, approvals=2).continue_run(run_id=run_id, return_output=True)
        assert output.is_paused
        told = str(output.tools[0].result)
    assert ("took 100 n" in told) == first_has_code
    assert ("a person answered 500" in told) == (not first_has_code)


_FORGING = """
    import json, sys
    from haltpoint import HaltpointError, RunRequirement, SqliteDatabase
    from support.programs import tell

    with SqliteDatabase(sys.argv[1]) as db:
        data = db.requirements()[0].to_dict()
        for place in ("decision", "confirmation_draft"):
            said = {"type": "confirm", "tool_args": {"value": 7, "note": "n"}, "unchecked": True}
            if place == "confirmation_draft":
                del said["type"]
            tell({**data, "confirmation": True, place: said})
"""


def test_a_program_can_not_say_it_in_forged_data(db_file: Path) -> None:
    with SqliteDatabase(db_file) as db:
        clerk = Agent(
            ScriptedModel([wants("take", value=5), last_result]),
            db=db,
            tools=[tool(requires_confirmation=True)(taking(Shifted))],
        )
        run_id = clerk.do("Take.", return_output=True).run_id
        program = db_file.with_name("forge.py")
        program.write_text("\n".join(line.removeprefix("    ") for line in _FORGING.splitlines()))
        decided, drafted = run_program(program, str(db_file), cwd=db_file.parent).told
        with pytest.raises(InvalidResolutionError, match="confirmation_draft"):
            clerk.continue_run(run_id=run_id, requirements=[drafted])
        with pytest.raises(InvalidResolutionError, match="'decision', which is a copy of what the journal says"):
            clerk.continue_run(run_id=run_id, requirements=[decided])
        assert db.run(run_id).requirements[0].decision is None
    assert RAN == []


def test_the_mark_is_part_of_the_decision_that_is_shown(db_file: Path) -> None:
    call = Editing(db_file, taking(Capped), value=5)
    call.change(has_code=False, value=7)
    with SqliteDatabase(db_file) as db:
        decision = db.run(call.run_id).requirements[0].decision
    assert decision == {"type": "confirm", "tool_args": {"value": 7, "note": "n"}, "unchecked": True}
    assert call.run() == "took 7 n"
