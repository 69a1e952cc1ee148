"""What really happened, written down where no crash can take it back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from haltpoint import RunRequirement, current_tool_call

__all__ = ["Ledger"]


class Ledger:
    """A file of JSON lines that any number of processes append to."""

    def __init__(self, directory: Path | str) -> None:
        self._path = Path(directory) / "ledger.jsonl"

    def note(self, what: str, **facts: Any) -> None:
        """Write a line, with the time on the machine's clock, and wait until it is on disk."""
        line = json.dumps({"what": what, "at": time.monotonic(), **facts}) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def note_call(self, what: str, **facts: Any) -> None:
        """Write a line about the tool call that the calling code answers."""
        call = current_tool_call()
        of_call = {
            "run_id": call.run_id,
            "call": call.tool_call_id,
            "key": call.idempotency_key,
            "attempt": call.attempt,
        }
        self.note(what, **of_call, **facts)

    def note_decision(self, requirement: RunRequirement) -> None:
        """Write that a person was told that their decision is on disk."""
        self.note("acknowledged", requirement=requirement.id, decision=requirement.decision)

    def lines(self, *whats: str) -> list[dict[str, Any]]:
        """What was written, in order: lines of these kinds, or all."""
        if not self._path.exists():
            return []
        lines = [json.loads(line) for line in self._path.read_text().splitlines()]
        return [line for line in lines if not whats or line["what"] in whats]

    def has(self, what: str, **facts: Any) -> bool:
        """Whether there is a line with these facts."""
        return any(facts.items() <= line.items() for line in self.lines(what))
