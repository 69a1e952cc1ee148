"""What validators and default factories of users' types raise, for the log: of one check each failure once.

Pydantic makes a refusal of what a validator raises as ValueError or AssertionError, which is no failure.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from haltpoint.exception_text import texts_without_words
from haltpoint.logs import log_failure, logger
from haltpoint.sensitive import Masking

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["failures_apart", "failures_if_refused", "failures_logged", "note_failure"]

_log = logger("tools")


class _Failure(NamedTuple):
    error: BaseException
    is_secret: bool

    @property
    def place(self) -> tuple[object, ...]:
        """Where it was raised: what is tried with one value after the other fails at the same place."""
        return id(type(self.error)), _innermost_line(self.error)


_Failures: TypeAlias = "list[_Failure]"

_noted: ContextVar[_Failures | None] = ContextVar("haltpoint_failing_validators", default=None)


def note_failure(error: BaseException, *, is_secret: bool) -> None:
    """Note what a validator raised.

    Args:
        error: the exception.
        is_secret: whether no log may show the value, which may stand in the text of the exception.
    """
    noted = _noted.get()
    failure = _Failure(error, is_secret)
    if noted is None:
        _write("a value", failure)
    else:
        noted.append(failure)


@contextmanager
def failures_logged(what: str) -> Generator[None]:
    """Log what was noted in the block, unless a block around this one does.

    Args:
        what: whose values are checked.
    """
    if _noted.get() is not None:
        yield
        return
    with failures_apart() as noted:
        try:
            yield
        finally:
            first: dict[tuple[object, ...], _Failure] = {}
            for failure in noted:
                first.setdefault(failure.place, failure)
            for failure in first.values():
                _write(what, failure)


@contextmanager
def failures_apart() -> Generator[_Failures]:
    """Note what happens in the block apart: it is not logged."""
    noted: _Failures = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


@contextmanager
def failures_if_refused(kind: type[Exception] = Exception) -> Generator[None]:
    """Note what happens in the block only if it raises: it may try one reading of a value after the other.

    Args:
        kind: what it has to raise for that.
    """
    noted: _Failures = []
    try:
        with failures_apart() as noted:
            yield
    except kind:
        for failure in noted:
            note_failure(failure.error, is_secret=failure.is_secret)
        raise


def _write(what: str, failure: _Failure) -> None:
    about = f"a validator or default factory failed on {what}"
    if failure.is_secret:
        # With a masking, of whatever names, handlers do not get the exception itself, whose text may hold the value.
        log_failure(_log, about, failure.error, texts_without_words(failure.error), Masking(()))
    else:
        log_failure(_log, about, failure.error)


def _innermost_line(error: BaseException) -> object:
    try:
        frames = list(traceback.walk_tb(error.__traceback__))
        frame, line = frames[-1]
        return frame.f_code.co_filename, line
    except BaseException:  # noqa: BLE001 - attributes of users' exceptions may raise anything
        return id(error)
