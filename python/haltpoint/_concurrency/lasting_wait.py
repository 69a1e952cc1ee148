"""Waiting for something to end although the waiting task was cancelled.

`asyncio` cancels a task once. The cancel scopes of anyio, and with them Starlette's requests, do so again in each turn
of the loop until the task has ended. That is one cancellation, however often it is repeated. One that comes after a
rest is another: somebody does not want to wait any longer.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["outlast"]

# Whoever repeats a cancellation does so in each turn of the loop.
_TURNS_OF_REST = 3


async def outlast(ending: asyncio.Future[Any]) -> None:
    """Wait until `ending` is done, in a task that was cancelled just now.

    Raises:
        asyncio.CancelledError: the task was cancelled once more.
    """
    if ending.done():
        return
    waiting = _Waiting()

    def wake(_: object) -> None:
        if not waiting.done():
            waiting.set_result(None)

    ending.add_done_callback(wake)
    try:
        await waiting
    finally:
        ending.remove_done_callback(wake)
        waiting.rest.cancel()


class _Waiting(asyncio.Future[None]):
    """What a task waits for that may hear of its cancellation more than once."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._turns = 0
        self.rest = self._begin_rest()

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel it, unless this repeats what was said before; a task leaves its own cancelling to what it awaits."""
        if self._turns >= _TURNS_OF_REST:
            return super().cancel(msg)
        self.rest.cancel()
        self.rest = self._begin_rest()
        return True

    def _begin_rest(self) -> asyncio.Handle:
        self._turns = 0
        return self.get_loop().call_soon(self._pass_turn)

    def _pass_turn(self) -> None:
        self._turns += 1
        if self._turns < _TURNS_OF_REST:
            self.rest = self.get_loop().call_soon(self._pass_turn)
