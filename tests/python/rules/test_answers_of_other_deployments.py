"""An answer that the tool's code has checked: where a later deployment makes another value of it, nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from haltpoint import Agent, RunStatus, ScriptedModel, SqliteDatabase, ToolChangedError, tool
from support.command import CommandLine
from support.replies import results_in, wants


def refusing(_: Any) -> Any:
    raise ValueError("not today")


def paying(annotation: Any) -> Callable[..., Any]:
    def pay(value: Any) -> str:
        """Pay."""
        return f"paid {value!r}"

    pay.__annotations__["value"] = annotation
    pay.__annotations__["return"] = str
    return tool(requires_user_input=True, user_input_fields=["value"])(pay)


def agent_of(db: SqliteDatabase, annotation: Any) -> Agent:
    model = ScriptedModel([wants("pay"), lambda request: str(results_in(request)[-1])])
    return Agent(model, db=db, tools=[paying(annotation)])


# The type as it was and as it is, and the answer.
CHANGES: list[tuple[Any, Any, Any]] = [
    (int, Annotated[int, AfterValidator(lambda euros: 2 * euros)], 11),
    (int, Annotated[int, AfterValidator(refusing)], 11),
    (str, Annotated[str, AfterValidator(str.upper)], "eur"),
    (list[str], Annotated[list[str], AfterValidator(sorted)], ["b", "a"]),
    (dict[str, int], Annotated[dict[str, int], AfterValidator(lambda shares: {**shares, "me": 1})], {"ann": 1}),
]


@pytest.mark.parametrize(("was", "now", "value"), CHANGES)
def test_a_checked_answer_is_what_runs_or_nothing_does(db_file: Path, was: Any, now: Any, value: Any) -> None:
    with SqliteDatabase(db_file) as db:
        output = agent_of(db, was).do("Pay.", return_output=True)
        output.requirements[0].answer({"value": value})
        output.requirements[0].commit()
    with SqliteDatabase(db_file) as db:
        with pytest.raises(ToolChangedError, match="call was not run"):
            agent_of(db, now).continue_run(run_id=output.run_id)
        assert db.run(output.run_id).status is RunStatus.paused
    with SqliteDatabase(db_file) as db:
        assert str(agent_of(db, was).continue_run(run_id=output.run_id)).startswith("paid")


@pytest.mark.parametrize(("was", "now", "value"), CHANGES[:2])
def test_of_one_that_was_given_without_the_code_the_model_is_told(
    db_file: Path, was: Any, now: Any, value: Any
) -> None:
    with SqliteDatabase(db_file) as db:
        output = agent_of(db, was).do("Pay.", return_output=True)
    printed = CommandLine(db_file)("answer", output.requirements[0].id, f"value={value}", "--by", "ann")
    assert printed.code == 0, printed.err
    with SqliteDatabase(db_file) as db:
        assert "Call the tool once more" in str(agent_of(db, now).continue_run(run_id=output.run_id))
        decision = db.requirement(output.requirements[0].id).decision
    assert decision == {"type": "input", "values": {"value": value}}
