"""A tool's own rule says which calls a person confirms: asked once, kept in the journal, and on the safe side."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, AgentRunOutput, ScriptedModel, SqliteDatabase, ToolKit, tool
from support.programs import run_program
from support.replies import wants, wants_all
from support.running import asynchronous


class Charge(BaseModel):
    cents: int


async def run(db: SqliteDatabase, function: Callable[..., Any], *calls: tuple[str, dict[str, Any]]) -> AgentRunOutput:
    model = ScriptedModel([wants_all(*calls), "finished"])
    return await Agent(model, db=db, tools=[function]).do_async("Work.", return_output=True)


def pay_with(rule: Any) -> Callable[..., Any]:
    @tool(requires_confirmation=rule)
    def pay(amount: int, to: str = "Ann", fee: Decimal = Decimal("0.5")) -> str:
        """Pay."""
        return f"paid {amount} to {to}"

    return pay


@asynchronous
async def test_the_rule_says_which_calls_wait(db: SqliteDatabase) -> None:
    pay = pay_with(lambda amount: amount > 100)
    output = await run(db, pay, ("pay", {"amount": 5}), ("pay", {"amount": 500}))
    assert [item.tool_execution.tool_args["amount"] for item in output.requirements] == [500]
    assert [execution.result for execution in output.tools] == ["paid 5 to Ann", None]
    assert [execution.requires_confirmation for execution in output.tools] == [None, True]


@asynchronous
async def test_a_rule_may_be_async(db: SqliteDatabase) -> None:
    async def rule(amount: int) -> bool:
        await asyncio.sleep(0)
        return amount > 100

    output = await run(db, pay_with(rule), ("pay", {"amount": 5}), ("pay", {"amount": 500}))
    assert len(output.requirements) == 1


@asynchronous
async def test_the_rule_gets_the_arguments_that_it_names_as_the_tool_would_get_them(db: SqliteDatabase) -> None:
    seen: list[Any] = []

    def rule(charge: Charge, fee: Decimal) -> bool:
        seen.append((charge, fee))
        return False

    @tool(requires_confirmation=rule)
    def settle(charge: Charge, note: str, fee: Decimal = Decimal("0.5")) -> str:
        """Settle."""
        return f"settled {charge.cents}"

    output = await run(db, settle, ("settle", {"charge": {"cents": 3}, "note": "n"}))
    assert seen == [(Charge(cents=3), Decimal("0.5"))]
    assert output.is_complete


@asynchronous
async def test_a_rule_that_takes_everything_gets_everything(db: SqliteDatabase) -> None:
    seen: list[Any] = []

    def rule(**arguments: Any) -> bool:
        seen.append(arguments)
        return False

    await run(db, pay_with(rule), ("pay", {"amount": 5, "to": "Bob"}))
    assert seen == [{"amount": 5, "to": "Bob", "fee": Decimal("0.5")}]


@asynchronous
async def test_what_a_rule_does_to_its_arguments_does_not_reach_the_tool(db: SqliteDatabase) -> None:
    def rule(parts: list[str]) -> bool:
        parts.append("more")
        return False

    @tool(requires_confirmation=rule)
    def join(parts: list[str]) -> str:
        """Join."""
        return "+".join(parts)

    output = await run(db, join, ("join", {"parts": ["a", "b"]}))
    assert output.tools[0].result == "a+b"


def raising(amount: int) -> bool:
    raise LookupError("no rates \ud800")


def leaving(amount: int) -> bool:
    raise SystemExit(3)


def saying_nothing(amount: int) -> Any:
    return None


async def cancelling_itself(amount: int) -> bool:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (raising, "LookupError: no rates"),
        (leaving, "SystemExit: 3"),
        (saying_nothing, "it returned NoneType, not True or False"),
        (cancelling_itself, "it cancelled itself"),
    ],
)
@asynchronous
async def test_a_rule_that_cannot_tell_has_a_person_asked(db: SqliteDatabase, rule: Any, said: str) -> None:
    output = await run(db, pay_with(rule), ("pay", {"amount": 5}))
    (requirement,) = output.active_requirements
    assert requirement.details is not None
    assert said in requirement.details["rule_failure"]
    assert db.requirements()[0].details == requirement.details


@asynchronous
async def test_a_rule_that_worked_leaves_no_details(db: SqliteDatabase) -> None:
    output = await run(db, pay_with(lambda: True), ("pay", {"amount": 5}))
    assert output.active_requirements[0].details is None


@asynchronous
async def test_arguments_that_break_the_schema_are_not_asked_about(db: SqliteDatabase) -> None:
    asked: list[Any] = []
    output = await run(db, pay_with(lambda amount: bool(asked.append(amount))), ("pay", {"amount": "many"}))
    assert output.is_complete
    assert asked == []


@asynchronous
async def test_what_the_rule_said_stands_in_the_journal_and_is_not_asked_again(db: SqliteDatabase) -> None:
    asked: list[int] = []

    def rule(amount: int) -> bool:
        asked.append(amount)
        return True

    pay = pay_with(rule)
    output = await run(db, pay, ("pay", {"amount": 5}))
    output.active_requirements[0].confirm()
    agent = Agent(ScriptedModel([wants("pay", amount=5), "finished"]), db=db, tools=[pay])
    assert await agent.continue_run_async(run_id=output.run_id) == "finished"
    assert asked == [5]
    (call,) = next(entry["entry"]["calls"] for entry in db.journal(output.run_id) if entry["kind"] == "model_replied")
    assert call["rules"] == {"answer": {"ask": True}}


PROGRAM = """
import asyncio, sys
from haltpoint import Agent, ScriptedModel, SqliteDatabase, tool
from support.programs import tell
from support.replies import wants

def rule(amount):
    tell({"asked": amount})
    return sys.argv[1] == "start"

@tool(requires_confirmation=rule)
def pay(amount: int) -> str:
    return "paid"

async def main():
    with SqliteDatabase(sys.argv[2]) as db:
        agent = Agent(ScriptedModel([wants("pay", amount=5), "finished"]), db=db, tools=[pay])
        if sys.argv[1] == "start":
            output = await agent.do_async("Work.", return_output=True)
        else:
            (requirement,) = db.requirements()
            requirement.confirm()
            await requirement
            output = await agent.continue_run_async(run_id=sys.argv[3], return_output=True)
        tell({"run_id": output.run_id, "status": output.status.value})

asyncio.run(main())
"""


def test_another_process_that_continues_does_not_ask_the_rule_again(db_file: Path, tmp_path: Path) -> None:
    program = tmp_path / "paying.py"
    program.write_text(PROGRAM)
    first = run_program(program, "start", str(db_file), cwd=tmp_path)
    assert first.told == [{"asked": 5}, {"run_id": first.last["run_id"], "status": "PAUSED"}]
    second = run_program(program, "continue", str(db_file), first.last["run_id"], cwd=tmp_path)
    assert second.told == [{"run_id": first.last["run_id"], "status": "COMPLETED"}]


@asynchronous
async def test_methods_of_a_toolkit_have_rules_too(db: SqliteDatabase) -> None:
    class Till(ToolKit):
        @tool(requires_confirmation=lambda cents: cents > 100)
        def take(self, cents: int) -> str:
            """Take."""
            return "taken"

    model = ScriptedModel([wants_all(("take", {"cents": 5}), ("take", {"cents": 500})), "finished"])
    output = await Agent(model, db=db, tools=[Till()]).do_async("Work.", return_output=True)
    assert len(output.requirements) == 1


@asynchronous
async def test_a_partial_may_have_filled_in_parameters_that_the_tool_lacks(db: SqliteDatabase) -> None:
    def above(limit: int, amount: int) -> bool:
        return amount > limit

    rule = functools.partial(above, limit=100)
    output = await run(db, pay_with(rule), ("pay", {"amount": 5}), ("pay", {"amount": 500}))
    assert len(output.requirements) == 1


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        (lambda amont: True, "amont"),
        (lambda amont=3: True, "amont"),
        (lambda amount, /: True, "amount"),
        (lambda *amounts: True, "amounts"),
        (lambda self, amount: True, "self"),
    ],
)
def test_a_rule_that_asks_for_what_the_tool_lacks_is_refused_at_decoration(rule: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"requires_confirmation of .*{named}"):
        pay_with(rule)


def test_a_rule_whose_parameters_cannot_be_read_is_refused_at_decoration() -> None:
    with pytest.raises(ValueError, match="wrap it in a function of your own"):
        pay_with(dict)


@asynchronous
async def test_a_run_that_is_cancelled_while_its_rule_is_asked_can_be_continued(db: SqliteDatabase) -> None:
    entered = asyncio.Event()

    async def rule(amount: int) -> bool:
        entered.set()
        await asyncio.Event().wait()
        return True

    task = asyncio.create_task(run(db, pay_with(rule), ("pay", {"amount": 5})))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (cancelled,) = db.runs()
    assert cancelled.is_cancelled
    agent = Agent(ScriptedModel([wants("pay", amount=5), "finished"]), db=db, tools=[pay_with(lambda: False)])
    assert await agent.continue_run_async(run_id=cancelled.run_id) == "finished"
