"""Stopping drivers without stopping their runs: another worker goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from haltpoint.runtime.driver import RunDriver

__all__ = ["Drain"]


class Drain:
    """Asks all drivers that are attached, now or later, to give their runs back. Belongs to one event loop.

    Args:
        on_attached: called with the run of each driver that is attached.
    """

    def __init__(self, on_attached: Callable[[str], None] | None = None) -> None:
        self._on_attached = on_attached
        self._drivers: set[RunDriver] = set()
        self._asked: bool | None = None
        self._is_asked = asyncio.Event()

    @property
    def is_asked(self) -> bool:
        """Whether drivers were asked to give their runs back."""
        return self._asked is not None

    async def until_asked(self) -> None:
        """Wait until drivers are asked to give their runs back."""
        await self._is_asked.wait()

    @contextmanager
    def attached(self, driver: RunDriver) -> Generator[None]:
        """Reach a driver for as long as the block lasts."""
        self._drivers.add(driver)
        if self._on_attached is not None:
            self._on_attached(driver.run_id)
        if self._asked is not None:
            driver.drain(force=self._asked)
        try:
            yield
        finally:
            self._drivers.discard(driver)

    def ask(self, *, force: bool) -> None:
        """Ask.

        Args:
            force: do not wait for steps that run. Tool calls among them are in doubt then.
        """
        self._asked = force
        self._is_asked.set()
        for driver in list(self._drivers):
            driver.drain(force=force)
