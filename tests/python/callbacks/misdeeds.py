"""What other people's code can do instead of returning."""

from __future__ import annotations

import asyncio
import builtins
import threading
from collections.abc import Callable
from typing import Any

from haltpoint import Agent, ScriptedModel, SqliteDatabase, cancel_run

__all__ = [
    "DOES_NOT_RAISE",
    "INTERRUPTS",
    "MISDEEDS",
    "Code",
    "GroupOfAll",
    "GroupOfInterrupt",
    "UnreadableError",
    "chain_of",
    "groups_in_groups",
]


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


class UnreadableError(BaseException):
    """Nothing of it can be read, not even its class."""

    def __getattribute__(self, name: str) -> Any:
        raise LookupError(name)

    def __str__(self) -> str:
        raise SystemExit(9)


class GroupOfInterrupt(BaseException):
    """What a group looks like on every Python that holds more than exceptions."""

    def __init__(self) -> None:
        super().__init__("two failed")
        self.exceptions = (ConnectionError("db-7 refused"), KeyboardInterrupt())


class _Group(Exception):
    def __init__(self, member: BaseException) -> None:
        super().__init__("1 sub-exception")
        self.exceptions = (member,)


def chain_of(length: int) -> BaseException:
    """An exception with that many causes, each the cause of the one before."""
    error: BaseException = OSError("disk gone")
    for number in range(length):
        outer = ConnectionError(f"try {number}")
        outer.__cause__ = error
        error = outer
    return error


def groups_in_groups(depth: int) -> BaseException:
    """A group that holds a group, and so on."""
    error: BaseException = OSError("disk gone")
    # Python's own, where it has them.
    kind: Any = getattr(builtins, "ExceptionGroup", None)
    for _ in range(depth):
        error = _Group(error) if kind is None else kind("g", [error])
    return error


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
    "a long chain": _raises(lambda: chain_of(1500)),
    "groups in groups": _raises(lambda: groups_in_groups(3000)),
    "an unreadable one": _raises(UnreadableError),
    "a group with an interrupt": _raises(GroupOfInterrupt),
    "recursion": _recursion,
    "reenters": _reenters,
    "continues its own run": _continues_its_own_run,
    "cancels its own run": _cancels_its_own_run,
    "closes the database": _closes_the_database,
}
INTERRUPTS = frozenset({"an interrupt", "a group with an interrupt"})
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
