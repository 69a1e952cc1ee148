"""What plain functions of users raise and return is read beside the event loop: its text may take any time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from haltpoint import Agent, ScriptedModel, SqliteDatabase, cancel_run, current_tool_call, tool
from support.replies import wants
from support.running import asynchronous

pytestmark = pytest.mark.filterwarnings("ignore::haltpoint.NotificationWarning")

_LOOPS: list[str] = []


class SlowError(Exception):
    """Notes on which thread its text is made."""

    def __str__(self) -> str:
        _LOOPS.append("loop" if _is_on_loop() else "thread")
        return "slow"


class SlowResult(dict[str, Any]):
    """Notes on which thread it is read."""

    def items(self) -> Any:
        _LOOPS.append("loop" if _is_on_loop() else "thread")
        return super().items()


def _is_on_loop() -> bool:
    return threading.current_thread() is threading.main_thread()


def _raise(*_: object, **__: object) -> Any:
    raise SlowError


def _rule(number: int) -> bool:
    raise SlowError


def _slow(value: int) -> int:
    _LOOPS.append("loop" if _is_on_loop() else "thread")
    return value


@tool(requires_confirmation=True)
def ask(number: int) -> str:
    """Ask."""
    return "asked"


@tool(requires_confirmation=_rule)
def rule(number: int) -> str:
    """Ask a rule."""
    return "ruled"


@tool(requires_confirmation=lambda number: False)
def checked(number: Annotated[int, AfterValidator(_slow)]) -> str:
    """Ask a rule about what is checked."""
    return "ruled"


@tool(external_execution=True)
def elsewhere(number: int) -> str:
    """Work elsewhere."""
    raise AssertionError


AGENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rule": ({"tools": [rule]}, {}),
    "checked": ({"tools": [checked]}, {}),
    "on_pause": ({"tools": [ask], "on_pause": _raise}, {}),
    "on_event": ({"tools": [ask], "on_event": _raise}, {}),
    "executor": ({"tools": [elsewhere]}, {"external_tool_executor": lambda requirement: SlowResult(one=1)}),
}


@pytest.mark.parametrize("place", AGENTS)
@asynchronous
async def test_it_is_read_in_a_thread(db: SqliteDatabase, place: str) -> None:
    _LOOPS.clear()
    agent_arguments, call_arguments = AGENTS[place]
    (asked,) = agent_arguments["tools"]
    agent = Agent(ScriptedModel([wants(asked.__name__, number=1), "END"]), db=db, **agent_arguments)
    output = await agent.do_async("Work.", return_output=True, **call_arguments)
    assert output.is_paused == (place in ("rule", "on_pause", "on_event"))
    assert set(_LOOPS) == {"thread"}


@pytest.mark.parametrize("function", [_raise, lambda call: SlowResult(one=1)])
@asynchronous
async def test_so_is_what_reconcile_says(db: SqliteDatabase, function: Callable[..., Any]) -> None:
    _LOOPS.clear()

    @tool(reconcile=function)
    async def act() -> str:
        """Never get to an end."""
        cancel_run(current_tool_call().run_id, interrupt=True)
        await asyncio.Event().wait()
        raise AssertionError

    agent = Agent(ScriptedModel([wants("act"), "done"]), db=db, tools=[act])
    stopped = await agent.do_async("Act.", return_output=True)
    await agent.continue_run_async(run_id=stopped.run_id, return_output=True)
    assert set(_LOOPS) == {"thread"}
