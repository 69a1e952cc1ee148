"""The world outside: a bank, a customer file and a mail server, each with a log of its own. None knows of haltpoint."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

BANK, CUSTOMER_FILE, MAIL_SERVER = "bank", "customer file", "mail server"


class Services:
    """What the agent's tools talk to. The log is on disk, so that it outlives whoever talked to it."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "services.jsonl"
        self._cut_line = directory / "line-is-cut"

    def refund(self, charge_id: str, amount: str) -> None:
        self._record(BANK, text=f"{amount} back for {charge_id}")

    async def add_note(self, note: str, *, key: str) -> None:
        """Add a note, unless there is one under this key already."""
        self._record(CUSTOMER_FILE, text=note, key=key)
        await self._answer()

    async def send_email(self, text: str) -> None:
        self._record(MAIL_SERVER, text=text)
        await self._answer()

    def log(self, service: str) -> list[dict[str, Any]]:
        """What was asked of a service, oldest first."""
        if not self._log.exists():
            return []
        records = [json.loads(text) for text in self._log.read_text(encoding="utf-8").splitlines()]
        return [record for record in records if record["service"] == service]

    def cut_line(self) -> None:
        """Keep every answer back from now on, so that whoever waits for one can be killed while it does."""
        self._cut_line.touch()

    def restore_line(self) -> None:
        self._cut_line.unlink(missing_ok=True)

    def _record(self, service: str, **facts: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"service": service, **facts}) + "\n")

    async def _answer(self) -> None:
        # Another process cuts the line, and no event of this one tells.
        while self._cut_line.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
