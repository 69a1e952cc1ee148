"""Text and times in another writing are another value, unless their type says that they are the same one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, SqliteDatabase, ToolChangedError, tool
from support.command import CommandLine
from support.replies import results_in, wants

UTC = timezone.utc
EAST = timezone(timedelta(hours=2))

ran: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


def taking(kind: Any, make: Callable[[Any], Any], **options: Any) -> Callable[..., Any]:
    def take(value: Any) -> str:
        ran.append(value)
        return f"took {value!r}"

    take.__annotations__["value"] = Annotated[kind, AfterValidator(make)]
    return tool(**options)(take)


def made_by(makes: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """A validator that does what the last of them does by then."""

    def make(value: Any) -> Any:
        return makes[-1](value)

    return make


NOON = "2024-01-01T12:00:00"
MIDNIGHT = datetime(2024, 1, 1)

# The type, what the model says and is shown, and what the type's validator makes of it the second time.
OTHERS: list[tuple[Any, Any, Callable[[Any], Any]]] = [
    (str, "20240101", lambda _: "2024-01-01"),
    (str, "2024-01-01", lambda text: f"{text}T00:00:00"),
    (str, "2024-01-01T00:00:00Z", lambda _: "2024-01-01T02:00:00+02:00"),
    (str, "2024-01-01T10:00", lambda _: "2024-01-01 10:00"),
    (str, "1.0", lambda _: "1"),
    (datetime, NOON, lambda time: time.replace(tzinfo=UTC)),
    (datetime, f"{NOON}Z", lambda time: time.replace(tzinfo=None)),
    (datetime, f"{NOON}Z", lambda time: time.replace(tzinfo=EAST)),
    (date, "2024-01-01", lambda _: MIDNIGHT),
    (datetime, "2024-01-01T00:00:00", lambda time: time.date()),
    (Any, "2024-01-01", lambda _: MIDNIGHT),
    (list[str], ["20240101"], lambda _: ["2024-01-01"]),
]


@pytest.mark.parametrize(("kind", "said", "later"), OTHERS)
def test_a_validator_that_makes_another_text_or_time_keeps_the_call_from_running(
    kind: Any, said: Any, later: Callable[[Any], Any]
) -> None:
    db, makes = InMemoryDatabase(), [lambda value: value]
    take = taking(kind, made_by(makes), requires_confirmation=True)
    agent = Agent(ScriptedModel([wants("take", value=said), "END"]), db=db, tools=[take])
    requirement = agent.do("Take.", return_output=True).active_requirements[0]
    requirement.confirm()
    requirement.commit()
    makes.append(later)
    with pytest.raises(ToolChangedError, match="value was shown as"):
        agent.continue_run(run_id=requirement.run_id)
    assert ran == []


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    db, makes = InMemoryDatabase(), [lambda value: value]
    take = taking(datetime, made_by(makes), requires_confirmation=True)
    agent = Agent(ScriptedModel([wants("take", value=f"{NOON}Z"), "END"]), db=db, tools=[take])
    requirement = agent.do("Take.", return_output=True).active_requirements[0]
    requirement.confirm()
    requirement.commit()
    makes.append(lambda time: time.astimezone(EAST))
    agent.continue_run(run_id=requirement.run_id)
    assert ran == [datetime(2024, 1, 1, 12, tzinfo=UTC)]


class Answering:
    """One call, answered at the command line, where nothing is known of the tool's code."""

    def __init__(self, db_file: Path, kind: Any, make: Callable[[Any], Any]) -> None:
        self._file = db_file
        self._tool = taking(kind, make, requires_user_input=True, user_input_fields=["value"])

    def run(self, answer: str) -> str:
        with SqliteDatabase(self._file) as db:
            agent = Agent(ScriptedModel([wants("take"), lambda r: str(results_in(r)[-1])]), db=db, tools=[self._tool])
            requirement = agent.do("Take.", return_output=True).active_requirements[0]
            printed = CommandLine(self._file)("answer", requirement.id, f"value={answer}", "--by", "ann")
            assert printed.code == 0, printed.err
            return agent.continue_run(run_id=requirement.run_id)


@pytest.mark.parametrize(
    ("kind", "answer", "make"),
    [
        (str, "1,000", lambda _: 1),
        (str, "1,000", lambda _: 1000),
        (str, "12 of 40", lambda _: 12),
        (str, "EUR 5", lambda _: 5),
        (str, "EUR 5", lambda _: "5"),
        (str, "5%", lambda _: {"share": 5}),
        (str, "USD 5", lambda _: {"n": 5, "currency": "EUR"}),
        (str, "USD 5", lambda _: {"n": 5}),
        (str, "EUR 5", lambda _: {"n": 5, "currency": "EUR", "times": 5}),
        (str, "EUR 5", lambda _: {"n": 5, "currency": "EUR", "at_once": True}),
        (str, "EUR -5", lambda _: {"n": 5, "currency": "EUR"}),
        (str, "5 or 6", lambda _: {"most": 5, "word": "or", "least": 6, "more": 6}),
        (str, "5 6", lambda _: {"b": 6, "a": 5}),
        (str, "bob,ann", lambda _: ["bob"]),
        (str, "bob", lambda _: ["bob", "eve"]),
        (str, "bob", lambda _: {"to": "eve"}),
        (str, "2024-01-01", lambda text: text.replace("-", "")),
        (str, "20240101", lambda _: "2024-01-01"),
        (datetime, NOON, lambda time: time.replace(tzinfo=UTC)),
        (datetime, f"{NOON}Z", lambda time: time.replace(tzinfo=None)),
        (date, "2024-01-01", lambda _: MIDNIGHT),
    ],
)
def test_an_answer_of_which_the_tool_makes_another_value_does_not_run(
    db_file: Path, kind: Any, answer: str, make: Callable[[Any], Any]
) -> None:
    told = Answering(db_file, kind, make).run(answer)
    assert ran == []
    assert "the call was not run" in told


@pytest.mark.parametrize(
    ("kind", "answer", "make", "runs"),
    [
        (str, "EUR 5", lambda _: {"n": 5, "currency": "EUR", "note": "", "fee": None}, None),
        (str, "bob, ann", lambda text: text.split(", "), ["bob", "ann"]),
        (str, "5 6", lambda _: {"a": 5, "b": 6}, {"a": 5, "b": 6}),
        (Decimal, "1.10", lambda number: number.quantize(Decimal("0.1")), Decimal("1.1")),
        (datetime, f"{NOON}+00:00", lambda time: time.astimezone(EAST), datetime(2024, 1, 1, 12, tzinfo=UTC)),
        (datetime, "2024-01-01", lambda time: time, MIDNIGHT),
        (date, "2024-01-01T00:00:00", lambda day: day, date(2024, 1, 1)),
    ],
)
def test_one_that_is_only_written_in_another_way_runs(
    db_file: Path, kind: Any, answer: str, make: Callable[[Any], Any], runs: Any
) -> None:
    Answering(db_file, kind, make).run(answer)
    assert len(ran) == 1
    assert runs is None or ran == [runs]
