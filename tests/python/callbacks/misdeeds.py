"""What other people's code can do instead of returning."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from haltpoint import Agent, ScriptedModel, SqliteDatabase, cancel_run

__all__ = ["DOES_NOT_RAISE", "MISDEEDS", "Code", "GroupOfAll"]


class NoTextError(Exception):
    """Its text can't be had."""

    def __str__(self) -> str:
        return f"status {self.status}"  # type: ignore[attr-defined]

    __repr__ = __str__


class ExitsWhenReadError(Exception):
    """Its text ends the program."""

    def __str__(self) -> str:
        raise SystemExit(9)


class Abort(BaseException):
    """No Exception."""


class GroupOfAll(Exception):
    """What an exception group looks like on every Python."""

    exceptions = (ConnectionError("db-7 refused"), GeneratorExit("left"))


def _raises(error: Callable[[], BaseException]) -> Callable[[Code], None]:
    def act(code: Code) -> None:
        raise error()

    return act


def _recursion(code: Code) -> None:
    _recursion(code)


def _reenters(code: Code) -> None:
    code.heard.append(Agent(ScriptedModel(["inner"]), db=code.db).do("Inner."))


def _continues_its_own_run(code: Code) -> None:
    code.agent().continue_run(run_id=code.run_id())


def _cancels_its_own_run(code: Code) -> None:
    cancel_run(code.run_id())


def _closes_the_database(code: Code) -> None:
    code.db.close()


MISDEEDS: dict[str, Callable[[Code], None]] = {
    "an exception": _raises(lambda: ValueError("no such thing")),
    "no text": _raises(NoTextError),
    "text that exits": _raises(ExitsWhenReadError),
    "lone surrogates": _raises(lambda: ValueError("\ud800 half")),
    "a cancellation": _raises(asyncio.CancelledError),
    "an interrupt": _raises(KeyboardInterrupt),
    "an exit": _raises(lambda: SystemExit(3)),
    "a generator's exit": _raises(lambda: GeneratorExit("out")),
    "an iteration's stop": _raises(StopIteration),
    "a group": _raises(GroupOfAll),
    "no exception": _raises(Abort),
    "recursion": _recursion,
    "reenters": _reenters,
    "continues its own run": _continues_its_own_run,
    "cancels its own run": _cancels_its_own_run,
    "closes the database": _closes_the_database,
}
DOES_NOT_RAISE = frozenset({"reenters", "cancels its own run", "closes the database"})


class Code:
    """A function of a user's that misbehaves the first time it is called, and does what it should from then on.

    Attributes:
        db: where the run is.
        agent: the agent whose code it is.
        calls: how often it was called.
        heard: what agents that it ran answered.
    """

    def __init__(self, misdeed: str, form: str, db: SqliteDatabase) -> None:
        self.misdeed = misdeed
        self.form = form
        self.db = db
        self.calls = 0
        self.heard: list[object] = []
        self.agents: list[Agent] = []
        self.released = threading.Event()

    def agent(self) -> Agent:
        """The agent whose code this is."""
        return self.agents[-1]

    def run_id(self) -> str:
        """The run that the code is called for."""
        (run,) = [run for run in self.db.runs() if run.task.description == "Work."]
        return run.run_id

    def act(self) -> None:
        """Misbehave, once."""
        self.calls += 1
        if self.calls == 1:
            MISDEEDS[self.misdeed](self)

    def function(self, result: Any = None) -> Callable[..., Any]:
        """A function of any arguments, plain or async, that returns a result after it has misbehaved."""

        def plain(*_: Any, **__: Any) -> Any:
            self.act()
            return result

        async def waiting(*_: Any, **__: Any) -> Any:
            await asyncio.sleep(0)
            self.act()
            return result

        return plain if self.form == "plain" else waiting
