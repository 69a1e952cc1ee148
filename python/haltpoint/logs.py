"""The loggers. Nothing is shown of what they are given until the program that uses haltpoint sets up logging."""

from __future__ import annotations

import logging

from haltpoint.exception_text import exception_text, traceback_text

__all__ = ["log_failure", "logger"]

_root = logging.getLogger("haltpoint")
_root.addHandler(logging.NullHandler())


def logger(name: str) -> logging.Logger:
    """Return the logger `haltpoint.<name>`."""
    return _root.getChild(name)


def log_failure(log: logging.Logger, what: str, error: BaseException, *, level: int = logging.WARNING) -> None:
    """Log what other people's code raised, with its traceback.

    Args:
        log: where.
        what: which code, for which run; the exception's text is added.
        error: the exception.
        level: how grave it is.
    """
    if not log.isEnabledFor(level):
        return
    about = (type(error), error, getattr(error, "__traceback__", None))
    record = log.makeRecord(log.name, level, __file__, 0, "%s: %s", (what, exception_text(error)), about)
    # Written here, since handlers do not expect that an exception's own text fails.
    record.exc_text = traceback_text(error)
    log.handle(record)
