"""The six features that people use, each as a run that goes through several processes, and the person who decides.

All of it is code that every process imports; only the directory is told to it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from durability.ledger import Ledger
from haltpoint import (
    InDoubtCall,
    ModelError,
    ModelReply,
    ModelRequest,
    RunRequirement,
    ScriptedModel,
    Task,
    Unknown,
    UserControlFlowTools,
    cancel_run,
    current_tool_call,
    tool,
)
from support.databases import is_server
from support.replies import wants, wants_all

__all__ = ["FEATURES", "Feature", "decide", "ledger", "task_of", "use_directory"]

_directory = Path()


def use_directory(directory: str) -> None:
    """Say where this process's run has its ledger."""
    global _directory  # noqa: PLW0603 - tools are plain functions, and one process works in one directory
    _directory = Path(directory)


def ledger() -> Ledger:
    """The ledger of this process's run."""
    return Ledger(_directory)


# Tools


@tool
def weigh(item: str) -> str:
    """Weigh an item, which must not happen twice."""
    ledger().note_call("began", tool="weigh")
    ledger().note_call("ended", tool="weigh", result=f"{item} weighed")
    return f"{item} weighed"


@tool(read_only=True)
def look_up(item: str) -> str:
    """Look an item up; may be repeated."""
    ledger().note_call("began", tool="look_up", repeatable=True)
    return f"{item} is on shelf 4"


@tool
async def load(item: str) -> str:
    """Load an item; its first attempt has its own run cancelled, and waits for that."""
    ledger().note_call("began", tool="load")
    if current_tool_call().attempt == 1:
        cancel_run(current_tool_call().run_id, interrupt=True)
        await asyncio.Event().wait()
    ledger().note_call("ended", tool="load", result=f"{item} loaded")
    return f"{item} loaded"


def _what_became_of(call: InDoubtCall) -> object:
    return Unknown(f"no trace of attempt {call.attempt}")


@tool(reconcile=_what_became_of)
def book(item: str) -> str:
    """Book an item; the process dies in the first attempt."""
    ledger().note_call("began", tool="book")
    if current_tool_call().attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    ledger().note_call("ended", tool="book", result=f"{item} booked")
    return f"{item} booked"


@tool(requires_confirmation=True)
def pay(amount: int) -> str:
    """Pay; a person must agree."""
    ledger().note_call("began", tool="pay", amount=amount)
    ledger().note_call("ended", tool="pay", result=f"{amount} paid")
    return f"{amount} paid"


# On a server the process that asks takes longer to end.
@tool(requires_confirmation=True, expires_after=0.5 if is_server() else 0.001)
def sign(paper: str) -> str:
    """Sign a paper; nobody can agree in so short a time."""
    raise AssertionError


@tool(external_execution=True)
def ship(item: str) -> str:
    """Ship an item; a carrier does it."""
    raise AssertionError


@tool(requires_user_input=True, user_input_fields=["name"])
def label(item: str, name: str) -> str:
    """Label an item with a name that a person says."""
    ledger().note_call("began", tool="label", name=name)
    ledger().note_call("ended", tool="label", result=f"{item} for {name}")
    return f"{item} for {name}"


# Models


class Slip(BaseModel):
    """What the run of durable execution answers with."""

    items: int


def _fails_once(_: ModelRequest) -> str:
    if not ledger().has("model failed"):
        ledger().note("model failed")
        raise ModelError("the model is overloaded", provider="scripted")
    return "no JSON at all"


def _checked(request: ModelRequest) -> None:
    """Write down a conversation in which a call has not exactly one result, right behind it and in order."""
    open_calls: list[str | None] = []
    for message in request.messages:
        if message.role == "tool" and open_calls and message.tool_call_id == open_calls[0]:
            open_calls.pop(0)
        elif message.role == "tool" or open_calls:
            ledger().note("malformed", role=message.role, call=message.tool_call_id)
        open_calls += [call.id for call in message.tool_calls]
    if open_calls:
        ledger().note("malformed", unanswered=open_calls)


class CheckedModel(ScriptedModel):
    """A scripted model that looks at each conversation as a strict provider does."""

    async def request(self, request: ModelRequest) -> ModelReply:
        """Check, then answer."""
        _checked(request)
        return await super().request(request)


# Features


@dataclass(frozen=True)
class Feature:
    """A run, and the processes that it goes through when nothing goes wrong.

    Attributes:
        name: the feature's.
        replies: what the model says.
        tools: what it may call.
        processes: what each process does: "start", "go on" (decide nothing), "decide" (go on and answer what is asked),
            "remember" (confirm, with all later calls of the tool, and go on), "revoke" (that), "cancel", "expire"
            (write that nobody decided in time), or what has to do with workers: "submit", "work", and "hand back"
            once the model has replied.
        response_format: of the answer.
        dies: which of the processes is killed by its own tool.
    """

    name: str
    replies: Sequence[Any]
    tools: Sequence[Any]
    processes: Sequence[str] = ("start", "decide")
    response_format: Any = str
    dies: int | None = None

    def model(self) -> CheckedModel:
        """The model, at the place that the conversation has come to."""
        return CheckedModel(self.replies)


_NAME = {"field_name": "name", "field_type": "str", "field_description": "whose it is"}

FEATURES = {
    feature.name: feature
    for feature in (
        Feature(
            "cancel",
            [wants("weigh", item="crate"), wants("load", item="crate"), "loaded"],
            [weigh, load],
            ("start", "go on", "cancel", "decide"),
        ),
        Feature(
            "durable execution",
            [
                wants_all(("look_up", {"item": "crate"}), ("weigh", {"item": "crate"})),
                wants("book", item="crate"),
                _fails_once,
                '{"items": 1}',
            ],
            [look_up, weigh, book],
            ("start", "decide", "decide"),
            response_format=Slip,
            dies=0,
        ),
        Feature(
            "external tool",
            [
                wants_all(("weigh", {"item": "crate"}), ("ship", {"item": "crate"})),
                wants("weigh", item="van"),
                "shipped",
            ],
            [weigh, ship],
        ),
        Feature(
            "confirmation",
            [wants_all(("weigh", {"item": "bill"}), ("pay", {"amount": 30}), ("pay", {"amount": 9999})), "paid"],
            [weigh, pay],
        ),
        Feature(
            "user input", [wants("label", item="crate"), wants("look_up", item="crate"), "labelled"], [label, look_up]
        ),
        Feature(
            "workers",
            [wants_all(("weigh", {"item": "bill"}), ("pay", {"amount": 30})), "paid"],
            [weigh, pay],
            ("submit", "hand back", "work", "decide"),
        ),
        Feature(
            "expiry",
            [wants_all(("weigh", {"item": "bill"}), ("sign", {"paper": "bill"})), "not signed"],
            [weigh, sign],
            ("start", "expire", "go on"),
        ),
        Feature(
            "remembered approvals",
            [
                wants("pay", amount=30),
                wants_all(("pay", {"amount": 40}), ("ship", {"item": "crate"})),
                wants("pay", amount=50),
                "paid",
            ],
            [pay, ship],
            ("start", "remember", "revoke", "decide"),
        ),
        Feature(
            "dynamic input",
            [wants("get_user_input", fields=[_NAME]), wants("weigh", item="crate"), "done"],
            [UserControlFlowTools(), weigh],
        ),
    )
}


def task_of(feature: Feature) -> Task:
    """The feature's task."""
    return Task("Work.", response_format=feature.response_format)


# The person


def decide(requirement: RunRequirement) -> None:
    """Resolve a requirement. Words differ from process to process, so that the one that counts can be told."""
    _DECISIONS[requirement.kind](requirement)


def _confirm_or_reject(requirement: RunRequirement) -> None:
    # Whoever signs is asked in the last moment, or too late.
    if requirement.tool_execution.tool_args.get("amount", 9999) > 1000:
        requirement.reject(f"too much, says process {os.getpid()}")
    else:
        requirement.confirm()


def _recover(requirement: RunRequirement) -> None:
    """As a person would who can look into the ledger: what has ended is supplied, all else is tried again."""
    call = requirement.tool_execution.tool_call_id
    ended = [line["result"] for line in ledger().lines("ended") if line["call"] == call]
    if ended:
        requirement.supply(ended[-1])
    else:
        requirement.retry()


_DECISIONS: dict[str, Callable[[RunRequirement], None]] = {
    "confirmation": _confirm_or_reject,
    "recovery": _recover,
    "external_tool": lambda requirement: requirement.set_external_execution_result(f"parcel {os.getpid()}"),
    "user_input": lambda requirement: requirement.answer({"name": f"Nemo {os.getpid()}"}),
}
