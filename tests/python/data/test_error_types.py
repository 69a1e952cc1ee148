"""Errors keep what they know, whoever catches, copies or sends them."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from haltpoint import exceptions
from haltpoint.exceptions import (
    ALL_ERRORS,
    DamagedRunWarning,
    ErasedRunWarning,
    ForeignAwaitWarning,
    HaltpointError,
    NotificationWarning,
    RunNotCompletedWarning,
    UnsafeDatabaseAccessWarning,
)

SAMPLES: dict[str, Any] = {
    "run_id": "run-1",
    "requirement_ids": ("a", "b"),
    "requirement_id": "a",
    "decided_by": "alice",
    "decided_at": datetime(2026, 11, 22, tzinfo=timezone.utc),
    "expired_at": datetime(2026, 11, 22, tzinfo=timezone.utc),
    "decision": {"type": "reject", "note": "no"},
    "field_name": "to",
    "holder": "host:42",
    "since": datetime(2026, 11, 21, tzinfo=timezone.utc),
    "db_file": "runs.db",
    "timeout": 2.5,
    "provider": "openai",
    "status_code": 429,
    "retryable": True,
    "retry_after": 1.5,
    "attempts": 3,
    "limit": 100,
    "tool_name": "charge",
    "key_id": "0011223344556677",
    "given_key_id": "8899aabbccddeeff",
    "status": "PAUSED",
    "features": ("of", "tomorrow"),
    "differing": ("description",),
    "journal_format": 1,
    "moved_to": "/data/runs.db",
    "name": "refund",
    "steps": ("look_up", "refund"),
    "signal_id": "bank-4711",
}
BUILTIN_BASES: dict[str, type[Exception]] = {
    "RunNotFoundError": ValueError,
    "UnresolvedRequirementsError": ValueError,
    "RequirementConflictError": ValueError,
    "InvalidResolutionError": ValueError,
    "RequirementNotFoundError": ValueError,
    "RunBusyError": RuntimeError,
    "RunMovedError": RuntimeError,
    "RunConflictError": ValueError,
    "SignalConflictError": ValueError,
    "LeaseLostError": RuntimeError,
    "LimitError": ValueError,
    "EventLoopError": RuntimeError,
    "ForkedProcessError": RuntimeError,
    "TooManyThreadsError": RuntimeError,
    "StoreError": RuntimeError,
    "ServerUnreachableError": RuntimeError,
    "DamagedRunError": RuntimeError,
    "UnsupportedJournalError": RuntimeError,
    "RunErasedError": RuntimeError,
    "AuditKeyError": ValueError,
    "RunSetAsideError": RuntimeError,
    "RunTimeoutError": TimeoutError,
    "ModelError": RuntimeError,
    "InvalidOutputError": ValueError,
    "ToolCallLimitError": RuntimeError,
    "NestedRunError": RuntimeError,
    "StepError": RuntimeError,
    "StepRejectedError": RuntimeError,
    "StepExpiredError": RuntimeError,
    "StepSkippedError": RuntimeError,
    "WorkflowChangedError": RuntimeError,
    "ToolNotAvailableError": LookupError,
    "ToolChangedError": LookupError,
    "ToolArgumentsError": ValueError,
    "ToolResultError": ValueError,
}
EVERYTHING: tuple[type[Exception], ...] = (
    *ALL_ERRORS,
    DamagedRunWarning,
    ErasedRunWarning,
    ForeignAwaitWarning,
    NotificationWarning,
    RunNotCompletedWarning,
    UnsafeDatabaseAccessWarning,
)


def attributes_of(kind: type[Exception]) -> dict[str, Any]:
    parameters = inspect.signature(kind).parameters.values()
    return {item.name: SAMPLES[item.name] for item in parameters if item.kind is item.KEYWORD_ONLY}


def pickled(error: Exception) -> Any:
    return pickle.loads(pickle.dumps(error))


def full(kind: type[Exception]) -> Exception:
    return kind("what went wrong", **attributes_of(kind))


def test_the_list_and_the_public_names_cover_the_module() -> None:
    classes = {
        name
        for name, value in vars(exceptions).items()
        if inspect.isclass(value) and issubclass(value, BaseException) and not name.startswith("_")
    }
    assert classes == {kind.__name__ for kind in EVERYTHING}
    assert set(exceptions.__all__) == classes | {"ALL_ERRORS"}


@pytest.mark.parametrize("kind", ALL_ERRORS)
def test_an_error_can_be_caught_as_one_of_haltpoint_and_as_its_builtin(
    kind: type[HaltpointError],
) -> None:
    assert issubclass(kind, HaltpointError)
    assert issubclass(kind, BUILTIN_BASES.get(kind.__name__, Exception))


@pytest.mark.parametrize("kind", EVERYTHING)
def test_an_error_explains_itself(kind: type[Exception]) -> None:
    assert inspect.getdoc(kind)
    assert kind.__doc__ is not None, "a docstring of its own, not its base's"
    assert str(full(kind)) == "what went wrong"
    assert full(kind).args == ("what went wrong",)


@pytest.mark.parametrize("kind", EVERYTHING)
@pytest.mark.parametrize(
    "duplicate",
    [pickled, copy.copy, copy.deepcopy],
)
def test_a_duplicate_of_an_error_has_its_attributes(kind: type[Exception], duplicate: Callable[[Any], Any]) -> None:
    twin = duplicate(full(kind))
    assert type(twin) is kind
    assert str(twin) == "what went wrong"
    assert {name: getattr(twin, name) for name in attributes_of(kind)} == attributes_of(kind)


@pytest.mark.parametrize("kind", EVERYTHING)
def test_the_repr_names_each_attribute_that_is_set(kind: type[Exception]) -> None:
    shown = repr(full(kind))
    assert shown.startswith(f"{kind.__name__}('what went wrong', ")
    for name, value in attributes_of(kind).items():
        assert f"{name}={value!r}" in shown
    assert "None" not in repr(kind("what went wrong"))


@pytest.mark.parametrize("kind", EVERYTHING)
def test_the_message_alone_makes_an_error_and_attributes_need_their_name(
    kind: type[Exception],
) -> None:
    assert all(getattr(kind("message"), name) in {None, (), False} for name in attributes_of(kind))
    with pytest.raises(TypeError):
        kind("message", "run-1")


def test_notes_are_not_shown_as_attributes() -> None:
    error = HaltpointError("message")
    error.__dict__["__notes__"] = ["seen on a Tuesday"]
    assert repr(error) == "HaltpointError('message')"


def test_requirement_ids_are_a_tuple_whatever_they_were_given_as() -> None:
    error = exceptions.UnresolvedRequirementsError("m", requirement_ids=(name for name in "ab"))
    assert error.requirement_ids == ("a", "b")
