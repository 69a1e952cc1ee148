"""Runs that call back a function of each kind, in each form of a call."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

from haltpoint import Agent, AgentRunOutput, ScriptedModel, SqliteDatabase, Unknown, tool
from support.replies import wants

__all__ = ["FORMS", "KINDS", "Work", "called_back", "in_form"]

KINDS = ["hitl_handler", "external_tool_executor", "on_pause", "on_event", "rule", "reconcile"]
FORMS = ["do", "do_async"]

# What is done within the function; plain or async.
Work = Callable[[], Any]

_ANSWERS = {"external_tool_executor": "worked", "rule": False, "reconcile": "worked"}


def called_back(kind: str, form: str, work: Work, db: SqliteDatabase, **options: Any) -> AgentRunOutput:
    """Let a run call `work` back in a function of this kind, in the call `do` or `continue_run` or their async forms.

    Args:
        kind: one of KINDS.
        form: one of FORMS.
        work: plain or async, and so is the function.
        db: where the run is.
        options: what else the call takes.
    """
    function = _function(kind, work)
    listeners = {kind: function} if kind.startswith("on_") else {}
    agent = Agent(ScriptedModel([wants("act"), "finished"]), db=db, tools=[_act(kind, function)], **listeners)
    if kind in ("hitl_handler", "external_tool_executor"):
        options[kind] = function
    elif kind == "on_pause":
        options["hitl_handler"] = _confirm
    if kind == "reconcile":
        options["run_id"] = _run_in_doubt(db)
    return in_form(form, agent, **options)


def in_form(form: str, agent: Agent, **options: Any) -> AgentRunOutput:
    """Start a run, or continue the one of `run_id=`, in one of FORMS."""
    if form == "do":
        if "run_id" in options:
            return agent.continue_run(return_output=True, **options)
        return agent.do("Act.", return_output=True, **options)
    if "run_id" in options:
        return asyncio.run(agent.continue_run_async(return_output=True, **options))
    return asyncio.run(agent.do_async("Act.", return_output=True, **options))


def _confirm(requirement: Any) -> None:
    requirement.confirm()


def _function(kind: str, work: Work) -> Any:
    def answer(fact: Any) -> Any:
        if kind == "hitl_handler":
            fact.confirm()
        return _ANSWERS.get(kind)

    def plain(fact: Any = None) -> Any:
        work()
        return answer(fact)

    async def asynchronous(fact: Any = None) -> Any:
        await work()
        return answer(fact)

    function = asynchronous if inspect.iscoroutinefunction(work) else plain
    if kind != "rule":
        return function
    # A rule is asked by the names of the tool's parameters, and this tool has none.
    if function is plain:
        return functools.partial(plain, None)
    return _without_parameters(asynchronous)


def _without_parameters(function: Callable[[], Any]) -> Any:
    async def rule() -> Any:
        return await function()

    return rule


def _act(kind: str, function: Any) -> Any:
    options: dict[str, Any] = {
        "hitl_handler": {"requires_confirmation": True},
        "external_tool_executor": {"external_execution": True},
        "on_pause": {"requires_confirmation": True},
        "rule": {"requires_confirmation": function},
        "reconcile": {"reconcile": function},
    }.get(kind, {})

    @tool(**options)
    def act() -> str:
        """Act."""
        return "acted"

    return act


def _run_in_doubt(db: SqliteDatabase) -> str:
    """A run that was cancelled amid its call."""

    async def interrupted() -> str:
        under_way = asyncio.Event()

        @tool(reconcile=lambda call: Unknown)
        async def act() -> str:
            """Act without an end."""
            under_way.set()
            await asyncio.Event().wait()
            return ""

        agent = Agent(ScriptedModel([wants("act")]), db=db, tools=[act])
        run = asyncio.create_task(agent.do_async("Act."))
        await under_way.wait()
        run.cancel()
        await asyncio.wait({run})
        return str(agent.run_id)

    return asyncio.run(interrupted())
