"""What tasks, outputs and agents are generic in, and how one method takes over another's overloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Never, TypeVar

    # The answer of a task: text, unless something else is said. Tasks and outputs only give it away.
    OutputT = TypeVar("OutputT", default=str)
    OutputT_co = TypeVar("OutputT_co", default=str, covariant=True)
    # The answer of a run that is known by its id alone.
    StoredOutputT = TypeVar("StoredOutputT", default=Any)
    # What a call returns beside the answer when its run fails: nothing, or False in the mode "return_false".
    FailureT_co = TypeVar("FailureT_co", default=Never, covariant=True)
    _Overloads = TypeVar("_Overloads")
else:
    # Defaults of type variables are for type checkers: saying them would load typing_extensions before Python 3.13.
    from typing import TypeVar

    OutputT = TypeVar("OutputT")
    OutputT_co = TypeVar("OutputT_co", covariant=True)
    StoredOutputT = TypeVar("StoredOutputT")
    FailureT_co = TypeVar("FailureT_co", covariant=True)

__all__ = ["FailureT_co", "OutputT", "OutputT_co", "StoredOutputT", "typed_as"]


def typed_as(other: _Overloads) -> Callable[[Callable[..., Any]], _Overloads]:
    """Return a decorator: to type checkers, the method has the overloads of `other`, whose parameters it repeats."""

    def decorate(method: Any) -> Any:
        return method

    return decorate
