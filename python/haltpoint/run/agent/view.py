"""The JSON that the engine tells of a run, read no earlier than something in it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["MICROSECONDS", "RunView"]

MICROSECONDS = 1_000_000

_NO_PARTS: Mapping[str, Callable[[], str]] = MappingProxyType({})


class RunView:
    """A run's view, of which the whole may still be text.

    The conversation of a long run is most of its view. A caller who looks at the status alone must not pay for it.

    Args:
        known: the keys that are at hand without parsing.
        source: the JSON text of the whole, or a function that fetches it; None when `known` is all.
        parts: functions that fetch the JSON text of one key's value each, at less cost than the whole.
    """

    def __init__(
        self,
        known: Mapping[str, Any],
        source: str | Callable[[], str] | None = None,
        parts: Mapping[str, Callable[[], str]] = _NO_PARTS,
    ) -> None:
        self._known = dict(known)
        self._source = source
        self._parts = parts

    def get(self, key: str) -> Any:
        """Return the value of a key, None where the view has none."""
        if key in self._known or self._source is None:
            return self._known.get(key)
        if key in self._parts:
            self._known[key] = json.loads(self._parts[key]())
        else:
            self._parse(self._source)
        return self._known.get(key)

    def text(self, key: str) -> str | None:
        """Return the value of a key that holds text."""
        text: str | None = self.get(key)
        return text

    def seconds(self, key: str) -> int:
        """Return a time, which the view holds in microseconds since the epoch, in whole seconds."""
        microseconds: int = self.get(key)
        return microseconds // MICROSECONDS

    def items(self, key: str) -> list[dict[str, Any]]:
        """Return the value of a key that holds a list of objects."""
        items: list[dict[str, Any]] | None = self.get(key)
        return items or []

    def __getstate__(self) -> dict[str, Any]:
        # A copy can't fetch what is not there yet.
        if self._source is not None:
            self._parse(self._source)
        return {"_known": self._known}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._known, self._source, self._parts = state["_known"], None, _NO_PARTS

    def _parse(self, source: str | Callable[[], str]) -> None:
        text = source if isinstance(source, str) else source()
        # What was given as known may say more than text can: an output that is an object already.
        self._known = {**json.loads(text), **self._known}
        self._source, self._parts = None, _NO_PARTS
