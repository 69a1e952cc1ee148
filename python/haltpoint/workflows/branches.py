"""Where in a workflow's body code runs: the path of tasks that led to it.

The body is the root; each task that code of a body creates is a branch of that code's own branch, and is numbered as
it is created. So the second branch of a gather has the same path in each process, whichever of them is faster there.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from haltpoint.workflows.body import Body

__all__ = ["Branch", "current_branch", "follow_tasks", "forget_tasks", "needed_branch", "start_root"]

_Loop = asyncio.AbstractEventLoop
_TaskFactory = Callable[..., Any]


class Branch:
    """A task of a body, or the body itself.

    Attributes:
        body: the body.
        path: the numbers of the tasks that led here, such as "0.2"; empty for the body itself.
        counts: how often a step was asked for here, by its name and the digest of its arguments.
    """

    __slots__ = ("_children", "body", "counts", "path")

    def __init__(self, body: Body, path: str = "") -> None:
        self.body = body
        self.path = path
        self.counts: dict[tuple[str, str], int] = {}
        self._children = 0

    def child(self) -> Branch:
        """Return the branch of a task that is created here."""
        number, self._children = self._children, self._children + 1
        return Branch(self.body, f"{self.path}.{number}" if self.path else str(number))


_BRANCH: ContextVar[Branch | None] = ContextVar("haltpoint_workflow_branch", default=None)

current_branch = _BRANCH.get
"""Returns the branch that the calling code belongs to; None outside of bodies."""


def needed_branch(name: str) -> Branch:
    """Return the branch that the calling code belongs to, for a function that is called so.

    Raises:
        RuntimeError: no body of a workflow runs here.
    """
    branch = current_branch()
    if branch is None:
        raise RuntimeError(f"{name}(...) is for the body of a workflow, and none runs here")
    return branch


def start_root(body: Body, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a body in a task of its own."""
    context = contextvars.copy_context()
    context.run(_BRANCH.set, Branch(body))
    loop = asyncio.get_running_loop()
    # Made directly: no factory is to take it for a branch of another body.
    return context.run(lambda: asyncio.Task(coroutine, loop=loop))


class _Following:
    """The task factory of a loop on which bodies run.

    Attributes:
        begins_later: whether each task begins in a later turn of the loop, as without a factory.
    """

    def __init__(self, previous: _TaskFactory | None) -> None:
        self.previous = previous
        self.begins_later = previous is None
        self.bodies = 0

    def __call__(self, loop: _Loop, coroutine: Any, **options: Any) -> Any:
        branch = _BRANCH.get()
        make = self.previous or _plain_task
        if branch is None:
            return make(loop, coroutine, **options)
        child = branch.child()
        given: contextvars.Context | None = options.pop("context", None)
        context = contextvars.copy_context() if given is None else given
        context.run(_BRANCH.set, child)
        # A task takes the context in which it is made; Python 3.10 knows no other way.
        if given is not None:
            options["context"] = given
            task = make(loop, coroutine, **options)
        else:
            task = context.run(lambda: make(loop, coroutine, **options))
        child.body.take_task(task)
        return task


def _plain_task(loop: _Loop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coroutine, loop=loop, **options)


_FOLLOWING: WeakKeyDictionary[_Loop, _Following] = WeakKeyDictionary()


def follow_tasks(loop: _Loop) -> None:
    """Number the tasks that bodies create on a loop, until `forget_tasks` was called as often."""
    following = _FOLLOWING.get(loop)
    if following is None:
        following = _FOLLOWING[loop] = _Following(loop.get_task_factory())
        loop.set_task_factory(following)
    following.bodies += 1


def forget_tasks(loop: _Loop) -> None:
    """Undo `follow_tasks`."""
    following = _FOLLOWING[loop]
    following.bodies -= 1
    if following.bodies <= 0:
        del _FOLLOWING[loop]
        # Another factory may wrap it by now, and still calls it.
        if loop.get_task_factory() is following:
            loop.set_task_factory(following.previous)
