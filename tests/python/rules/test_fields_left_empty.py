"""A field that a person leaves empty has the default that was shown, and no value that somebody gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from haltpoint import Agent, RequirementConflictError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from support.command import CommandLine
from support.replies import results_in, wants

RAN: list[Any] = []


def holding_at(text: str) -> str:
    if "@" not in text:
        raise ValueError("no @")
    return text


class Code(BaseModel):
    zip: Annotated[str, AfterValidator(str.strip)] = "  1 "


# What the tool's own validation would rewrite or refuse, and a plain one.
DEFAULTS: list[tuple[Any, Any]] = [
    (Annotated[str, AfterValidator(str.upper)], "eur"),
    (Annotated[int, AfterValidator(lambda euros: min(euros, 100))], 500),
    (Annotated[int | None, BeforeValidator(lambda number: number or 3)], None),
    (Annotated[str, AfterValidator(holding_at)], ""),
    (Annotated[str, Field(min_length=3)], ""),
    (Annotated[list[str], AfterValidator(sorted)], ["b", "a"]),
    (Annotated[float, AfterValidator(lambda part: round(part, 2))], 0.3333),
    (Annotated[str, BeforeValidator(str.strip)], " a "),
    (date, "2026-01-01"),
    (Code, Code()),
    (int, 5),
]


_Decide = Callable[[RunRequirement], object]


class Form:
    """One call of a tool with two fields, the second of which has a default."""

    def __init__(self, db_file: Path, annotation: Any, default: Any, decide: _Decide | None = None) -> None:
        RAN.clear()
        self.db_file = db_file
        self._tool = filling_in(annotation, default)
        with SqliteDatabase(db_file) as db:
            output = self._agent(db).do("Give.", return_output=True)
            self.run_id, (self.requirement,) = output.run_id, output.requirements
            self.shown = self.requirement.tool_execution.tool_args["value"]
            if decide is not None:
                # Where the code is at hand.
                decide(self.requirement)
                self.requirement.commit()

    def _agent(self, db: SqliteDatabase) -> Agent:
        model = ScriptedModel([wants("give"), lambda request: str(results_in(request)[-1])])
        return Agent(model, db=db, tools=[self._tool])

    def answer_elsewhere(self, *words: str) -> str:
        printed = CommandLine(self.db_file)("answer", self.requirement.id, *words, "--by", "ann")
        assert printed.code == 0, printed.err
        return printed.out

    def stored(self) -> RunRequirement:
        with SqliteDatabase(self.db_file) as db:
            return db.requirement(self.requirement.id)

    def go_on(self) -> str:
        with SqliteDatabase(self.db_file) as db:
            return str(self._agent(db).continue_run(run_id=self.run_id))


def filling_in(annotation: Any, default: Any) -> Any:
    def give(to: str, value: Any = default) -> str:
        """Give."""
        RAN.append(value)
        return f"gave {to}"

    give.__annotations__["value"] = annotation
    return tool(requires_user_input=True, user_input_fields=["to", "value"])(give)


def filled_in(requirement: RunRequirement) -> None:
    for field in requirement.user_input_schema or ():
        if field["name"] == "to":
            field["value"] = "ann"
    requirement.tool_execution.answered = True


WITH_CODE: dict[str, _Decide] = {
    "answer": lambda requirement: requirement.answer({"to": "ann"}),
    "emptied": lambda requirement: requirement.answer({"to": "ann", "value": None}),
    "assigned": filled_in,
}


@pytest.mark.parametrize(("annotation", "default"), DEFAULTS)
@pytest.mark.parametrize("how", [*WITH_CODE, "elsewhere"])
def test_the_default_itself_runs(db_file: Path, annotation: Any, default: Any, how: str) -> None:
    form = Form(db_file, annotation, default, WITH_CODE.get(how))
    if how == "elsewhere":
        form.answer_elsewhere("to=ann")
    execution = form.stored().tool_execution
    assert execution.tool_args == {"to": "ann", "value": form.shown}
    assert execution.defaulted == ["value"]
    assert form.go_on() == "gave ann"
    assert [default] == RAN
    assert type(RAN[0]) is type(default)


@pytest.mark.parametrize(("annotation", "default"), [*DEFAULTS[:2], *DEFAULTS[3:8]])
@pytest.mark.parametrize("has_code", [True, False])
def test_so_does_it_where_it_is_given_as_it_was_shown(
    db_file: Path, annotation: Any, default: Any, has_code: bool
) -> None:
    def answer_as_shown(requirement: RunRequirement) -> None:
        requirement.answer({"to": "ann", "value": requirement.tool_execution.tool_args["value"]})

    form = Form(db_file, annotation, default, answer_as_shown if has_code else None)
    if not has_code:
        text = form.shown if isinstance(form.shown, str) else json.dumps(form.shown)
        form.answer_elsewhere("to=ann", f"value={text}")
    assert form.stored().tool_execution.tool_args["value"] == form.shown
    assert form.go_on() == "gave ann"
    assert [default] == RAN


@pytest.mark.parametrize("has_code", [True, False])
def test_the_decision_and_its_words_name_what_was_given(db_file: Path, has_code: bool) -> None:
    form = Form(db_file, int, 5, WITH_CODE["answer"] if has_code else None)
    if not has_code:
        assert 'give(value=5 (default), to="ann")' in form.answer_elsewhere("to=ann")
    requirement = form.stored()
    assert requirement.decision is not None
    assert requirement.decision["values"] == {"to": "ann"}
    assert [field["value"] for field in requirement.user_input_schema or ()] == ["ann", None]
    timeline = CommandLine(db_file)("show", form.run_id).out
    assert 'to="ann"' in timeline
    assert "value=5\n" not in timeline


@pytest.mark.parametrize("second", [{}, {"value": 5}, {"value": "5"}, {"value": None}])
def test_a_second_answer_that_leaves_it_as_it_was_shown_says_the_same(db_file: Path, second: dict[str, Any]) -> None:
    requirement = Form(db_file, int, 5, WITH_CODE["answer"]).requirement
    requirement.answer({"to": "ann", **second})
    with pytest.raises(RequirementConflictError):
        requirement.answer({"to": "ann", "value": 6})


def test_so_does_its_assignment_afterwards(db_file: Path) -> None:
    requirement = Form(db_file, int, 5, WITH_CODE["answer"]).requirement
    (_, field) = requirement.user_input_schema or ()
    field["value"] = 5
    assert requirement.draft_decision() == requirement.decision
    field["value"] = 6
    with pytest.raises(RequirementConflictError):
        requirement.draft_decision()


def test_a_second_answer_that_leaves_empty_what_was_given_says_another_thing(db_file: Path) -> None:
    requirement = Form(db_file, int, 5, lambda item: item.answer({"to": "ann", "value": 6})).requirement
    assert requirement.tool_execution.defaulted == []
    with pytest.raises(RequirementConflictError):
        requirement.answer({"to": "ann"})


def test_a_form_of_defaults_alone_is_left_as_it_is(db_file: Path) -> None:
    @tool(requires_user_input=True, user_input_fields=["value"])
    def take(value: Annotated[str, AfterValidator(str.upper)] = "eur") -> str:
        """Take."""
        return value

    with SqliteDatabase(db_file) as db:
        agent = Agent(ScriptedModel([wants("take"), lambda request: str(results_in(request)[-1])]), db=db, tools=[take])
        output = agent.do("Take.", return_output=True)
        output.requirements[0].answer({})
        assert output.requirements[0].commit().tool_execution.changed_by_person is False
        assert agent.continue_run(run_id=output.run_id) == "eur"
