"""Uses of haltpoint, each of which loads what it needs when it comes first: only `haltpoint` is imported before."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import haltpoint

__all__ = ["USES", "prepare", "run_a_tool"]

# What users make with other libraries before they come to haltpoint.
_made: dict[str, Any] = {}


def _run(replies: list[Any], *tools: Any, task: Any = "Work.", db: Any = None) -> Any:
    agent = haltpoint.Agent(haltpoint.ScriptedModel(replies), tools=tools, db=db)
    return agent.do(task, return_output=True)


def _call(name: str, **arguments: Any) -> Any:
    return haltpoint.ModelReply(tool_calls=[haltpoint.ToolCall(name, arguments)])


def run_a_plain_tool() -> object:
    """A tool whose parameters are of types that need little."""

    @haltpoint.tool
    def add(one: int, other: int = 1) -> int:
        """Add two numbers."""
        return one + other

    return _run([_call("add", one=1), "finished"], add).output


def run_a_tool() -> object:
    """A tool that needs all that most tools need."""

    @haltpoint.tool
    def add(numbers: dict[str, int]) -> dict[str, int]:
        """Add numbers.

        Args:
            numbers: by name.
        """
        return {"sum": sum(numbers.values())}

    return _run([_call("add", numbers={"one": 1}), "finished"], add).output


def take_many_types() -> object:
    """A tool whose parameters have types that are looked at in ways of their own."""

    def paint(colour: Any, point: Any, day: Any, price: Any, path: Any, number: Any, names: Any) -> object:
        return point

    paint.__annotations__ = {**_made["types"], "names": list[dict[str, float]] | None}
    given = {"colour": "red", "point": {"x": 1}, "day": "2026-01-01", "price": "1.5", "path": "/", "names": None}
    reply = _call("paint", **given, number="0191f9c4-7c5e-7000-8000-000000000000")
    return _run([reply, "finished"], haltpoint.tool(paint)).messages[-2].content


def answer_in_a_format() -> object:
    """An answer that has to fit a class, and does at the second attempt."""
    task = haltpoint.Task("Count.", response_format=_made["format"])
    return _run(['{"number": "none"}', '{"number": 1}'], task=task).output


def decide_in_the_inbox() -> object:
    """A run in a file that waits for people, is decided about without its agent, and goes on."""

    @haltpoint.tool(requires_confirmation=True)
    def pay(euros: int) -> str:
        return "paid"

    @haltpoint.tool(requires_user_input=True, user_input_fields=["name"])
    def label(name: str) -> str:
        return f"for {name}"

    @haltpoint.tool(external_execution=True)
    def ship() -> str:
        raise AssertionError

    calls = [haltpoint.ToolCall("pay", {"euros": 1}), haltpoint.ToolCall("label", {}), haltpoint.ToolCall("ship", {})]
    replies = [haltpoint.ModelReply(tool_calls=calls), "finished"]
    with haltpoint.SqliteDatabase("inbox.db") as database:
        run_id = _run(replies, pay, label, ship, db=database).run_id
        for requirement in database.requirements():
            _decide(requirement)
            requirement.commit()
        finished = haltpoint.Agent(haltpoint.ScriptedModel(replies), db=database).continue_run(run_id=run_id)
        return finished, database.runs()[0].messages[-1].content, database.check(), len(database.journal(run_id))


def _decide(requirement: Any) -> None:
    if requirement.kind == "confirmation":
        requirement.confirm(by="ann")
    elif requirement.kind == "user_input":
        requirement.user_input_schema[0]["value"] = "Ann"
        requirement.tool_execution.answered = True
    else:
        requirement.set_external_execution_result({"shipped": True})


def fill_in_a_form() -> object:
    """A form that the model makes, filled in by a handler."""
    form = [{"field_name": "nights", "field_type": "int", "field_description": "How many"}]

    def fill_in(requirement: Any) -> None:
        requirement.user_input_schema[0]["value"] = "3"

    model = haltpoint.ScriptedModel([_call("get_user_input", fields=form), "finished"])
    return haltpoint.Agent(model, tools=[haltpoint.UserControlFlowTools()]).do("Ask.", hitl_handler=fill_in)


def read_a_requirement() -> object:
    """A requirement that came as data, in a process that has no agent."""
    requirement = haltpoint.RunRequirement(haltpoint.ToolExecution("call", "ship", external_execution_required=True))
    requirement.set_external_execution_result({"shipped": True})
    return haltpoint.RunRequirement.from_dict(requirement.to_dict()).tool_execution.result


def ask_a_provider() -> object:
    """A model that cannot be asked."""
    os.environ.pop("OPENAI_API_KEY", None)
    return haltpoint.Agent("openai/gpt-4o-mini").do("Work.")


def cancel_nothing() -> object:
    """A run that does not exist."""
    return haltpoint.cancel_run("none")


def stand_in_for_upsonic() -> object:
    """Scripts that import another name."""
    haltpoint.install_as_upsonic()
    return "stands in"


USES: dict[str, Callable[[], object]] = {
    use.__name__: use
    for use in (
        run_a_plain_tool,
        run_a_tool,
        take_many_types,
        answer_in_a_format,
        decide_in_the_inbox,
        fill_in_a_form,
        read_a_requirement,
        ask_a_provider,
        cancel_nothing,
        stand_in_for_upsonic,
    )
}


def prepare(use: str) -> None:
    """Do what users of that have done by then."""
    if use == "answer_in_a_format":
        _made["format"] = _make_format()
    elif use == "take_many_types":
        _made["types"] = _make_types()


def _make_format() -> object:
    from pydantic import BaseModel, create_model

    model: type[BaseModel] = create_model("Answer", number=(int, ...))
    return model


def _make_types() -> dict[str, type]:
    from dataclasses import make_dataclass
    from datetime import date
    from decimal import Decimal
    from enum import Enum
    from pathlib import Path
    from uuid import UUID

    colour, point = Enum("Colour", {"RED": "red"}), make_dataclass("Point", [("x", int)])
    return {"colour": colour, "point": point, "day": date, "price": Decimal, "path": Path, "number": UUID}
