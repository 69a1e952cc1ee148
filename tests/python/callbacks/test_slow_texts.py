"""What functions of users raise, and plain ones return, is read beside the event loop: its text may take any time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from haltpoint import (
    Agent,
    FunctionModel,
    ModelError,
    ModelReply,
    ModelRequest,
    RunTimeoutError,
    ScriptedModel,
    SqliteDatabase,
    cancel_run,
    current_tool_call,
    tool,
)
from haltpoint.exception_text import calls_own_code
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


# The same of async functions


class NotedError(Exception):
    """Its notes are made anew each time."""

    @property
    def __notes__(self) -> list[str]:
        _LOOPS.append("loop" if _is_on_loop() else "thread")
        return ["odd"]


class SlowArgument:
    """Notes on which thread it is written."""

    def __repr__(self) -> str:
        _LOOPS.append("loop" if _is_on_loop() else "thread")
        return "argument"


def _caused() -> Exception:
    error = ValueError("quick")
    error.__cause__ = SlowError()
    return error


SLOW: dict[str, Callable[[], Exception]] = {
    "text": SlowError,
    "notes": NotedError,
    "argument": lambda: ValueError(SlowArgument()),
    "second argument": lambda: ValueError("of", [SlowArgument()]),
    "cause": _caused,
    "subclass": type("Derived", (SlowError, OSError), {}),
}


def async_places(make: Callable[[], Exception]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    async def fails(*_: object, **__: object) -> Any:
        raise make()

    async def fails_of_number(number: int) -> bool:
        raise make()

    async def act(number: int) -> str:
        """Act."""
        raise make()

    async def model(request: ModelRequest) -> ModelReply:
        raise make()

    ruled = tool(requires_confirmation=fails_of_number)(act)
    return {
        "tool": ({"tools": [tool(act)]}, {}),
        "retried tool": ({"tools": [tool(max_retries=1, idempotent=True)(act)]}, {}),
        "rule": ({"tools": [ruled]}, {}),
        "on_pause": ({"tools": [tool(requires_confirmation=True)(act)], "on_pause": fails}, {}),
        "on_event": ({"tools": [tool(requires_confirmation=True)(act)], "on_event": fails}, {}),
        "model": ({"tools": [tool(act)], "model": FunctionModel(model), "retry": 2}, {}),
    }


@pytest.mark.parametrize("place", async_places(SlowError))
@pytest.mark.parametrize("kind", SLOW)
@asynchronous
async def test_that_of_async_functions_is_read_in_a_thread(
    db: SqliteDatabase, place: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    _LOOPS.clear()
    agent_arguments, call_arguments = async_places(SLOW[kind])[place]
    arguments: dict[str, Any] = {"model": ScriptedModel([wants("act", number=1), "END"]), **agent_arguments}
    with contextlib.suppress(ModelError):
        await Agent(db=db, **arguments).do_async("Work.", return_output=True, **call_arguments)
    assert set(_LOOPS) == {"thread"}


def test_it_is_read_once(db: SqliteDatabase, caplog: pytest.LogCaptureFixture) -> None:
    _LOOPS.clear()

    @tool
    async def act() -> str:
        """Act."""
        raise SlowError

    Agent(ScriptedModel([wants("act"), "END"]), db=db, tools=[act]).do("Work.")
    assert _LOOPS == ["thread"]
    assert "SlowError: slow" in caplog.text and "Traceback" in caplog.text


def test_what_python_writes_by_itself_takes_no_thread() -> None:
    plain = [ValueError("x", 1, None), KeyError("k"), OSError(2, "gone", "file"), TimeoutError(), SlowErrorOfNone("x")]
    assert not any(map(calls_own_code, plain))


class SlowErrorOfNone(LookupError):
    """It has Python's own text."""


@pytest.mark.parametrize("limit", [None, 0.3])
@asynchronous
async def test_a_text_that_never_comes_holds_up_no_other_run(db: SqliteDatabase, limit: float | None) -> None:
    comes = threading.Event()

    class HangingError(Exception):
        def __str__(self) -> str:
            comes.wait(30)
            return "late"

    @tool
    async def hang() -> str:
        """Hang."""
        raise HangingError

    @tool
    async def tick() -> str:
        """Tick."""
        return "ticked"

    def agent(name: str) -> Agent[Any]:
        return Agent(ScriptedModel([wants(name), "END"]), db=db, tools=[hang, tick])

    async def hung() -> Any:
        return await agent("hang").do_async("Work.", timeout=limit)

    hanging = asyncio.ensure_future(hung())
    try:
        assert await asyncio.wait_for(agent("tick").do_async("Work."), 10) == "END"
        if limit is None:
            assert not hanging.done()
        else:
            with pytest.raises(RunTimeoutError):
                await asyncio.wait_for(hanging, 10)
            assert not comes.is_set()
    finally:
        comes.set()
    if limit is None:
        assert await hanging == "END"
