"""The loggers. Nothing is shown of what they are given until the program that uses haltpoint sets up logging."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from haltpoint.exception_text import ErrorTexts, texts_of

if TYPE_CHECKING:
    from haltpoint.sensitive import Masking

__all__ = ["log_failure", "logger"]

_root = logging.getLogger("haltpoint")
_root.addHandler(logging.NullHandler())


def logger(name: str) -> logging.Logger:
    """Return the logger `haltpoint.<name>`."""
    return _root.getChild(name)


def log_failure(
    log: logging.Logger,
    what: str,
    error: BaseException,
    texts: ErrorTexts | None = None,
    masking: Masking | None = None,
) -> None:
    """Log what other people's code raised, with its traceback.

    Args:
        log: where.
        what: which code, for which run; the exception's text is added.
        error: the exception.
        texts: what is shown of it, where that has been read already.
        masking: where the code was given sensitive values: handlers do not get the exception itself then.
    """
    if not log.isEnabledFor(logging.WARNING):
        return
    texts = texts or texts_of(error)
    summary, trace = texts.summary, texts.traceback
    about = (type(error), error, _traceback(error)) if masking is None else None
    if masking is not None:
        summary, trace = masking.text(summary), masking.text(trace)
    record = log.makeRecord(log.name, logging.WARNING, __file__, 0, "%s: %s", (what, summary), about)
    # Written here, since handlers do not expect that an exception's own text fails.
    record.exc_text = trace
    try:
        log.handle(record)
    except Exception as failure:  # noqa: BLE001 - a handler that reads the exception for itself may fail as it does
        if logging.raiseExceptions:
            print(f"a handler of {log.name} failed with {type(failure).__name__}", file=sys.stderr)  # noqa: T201


def _traceback(error: BaseException) -> TracebackType | None:
    try:
        return error.__traceback__
    except BaseException:  # noqa: BLE001 - attributes of users' exceptions may raise anything
        return None
