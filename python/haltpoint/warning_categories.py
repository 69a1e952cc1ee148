"""The warnings, which users import from `haltpoint.exceptions`, and how they and the errors show what they know."""

from __future__ import annotations

# Warnings are pickled and shown under the name by which everybody imports them.
PUBLIC_MODULE = "haltpoint.exceptions"


def describe(error: BaseException) -> str:
    """Return `Name('message', attribute=value, ...)`, leaving out what is not set."""
    attributes = (
        f"{name}={value!r}"
        for name, value in vars(error).items()
        # Python keeps notes and the like in the same dictionary, under underscored names.
        if not name.startswith("_") and value is not None
    )
    return f"{type(error).__name__}({', '.join([repr(str(error)), *attributes])})"


class RunNotCompletedWarning(UserWarning):
    """A run was paused or cancelled, and the caller did not ask for its output object.

    Attributes:
        run_id: the run, with which it can be continued.
    """

    __module__ = PUBLIC_MODULE

    def __init__(self, message: str, *, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id

    def __repr__(self) -> str:
        return describe(self)


class DamagedRunWarning(UserWarning):
    """A run was left out, since what is stored of it can't be read; the message says what is wrong and what to do.

    Attributes:
        run_id: the run.
    """

    __module__ = PUBLIC_MODULE

    def __init__(self, message: str, *, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id

    def __repr__(self) -> str:
        return describe(self)


class ErasedRunWarning(UserWarning):
    """A session left out what an earlier run of it said, since that was erased.

    Attributes:
        run_id: the erased run.
    """

    __module__ = PUBLIC_MODULE

    def __init__(self, message: str, *, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id

    def __repr__(self) -> str:
        return describe(self)


class ForeignAwaitWarning(UserWarning):
    """The body of a workflow waits for something other than a step: when the process ends, that wait begins anew.

    Attributes:
        run_id: the run.
    """

    __module__ = PUBLIC_MODULE

    def __init__(self, message: str, *, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id

    def __repr__(self) -> str:
        return describe(self)


class NotificationWarning(UserWarning):
    """A function that is told what happens to runs failed. The run goes on.

    Attributes:
        run_id: the run that it was told of.
    """

    __module__ = PUBLIC_MODULE

    def __init__(self, message: str, *, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id

    def __repr__(self) -> str:
        return describe(self)


class UnsafeDatabaseAccessWarning(UserWarning):
    """A database file that haltpoint has open was opened by something else in the same process.

    A filter that makes this warning an error keeps the file from being opened:
    `warnings.simplefilter("error", UnsafeDatabaseAccessWarning)`.

    Attributes:
        db_file: path of the database file.
    """

    __module__ = PUBLIC_MODULE

    def __init__(self, message: str, *, db_file: str | None = None) -> None:
        super().__init__(message)
        self.db_file = db_file

    def __repr__(self) -> str:
        return describe(self)
