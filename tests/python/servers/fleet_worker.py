"""A worker in a process of its own, which says what it does: `fleet_worker.py ADDRESS DIRECTORY LEASE CONCURRENCY`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from haltpoint import Agent, FunctionModel, ModelReply, ModelRequest, PostgresDatabase, ToolCall, tool
from haltpoint.db import Database
from haltpoint.worker import Progress, Worker

sys.path.append(str(Path(__file__).parents[1]))

from durability.ledger import Ledger

__all__ = ["cashier"]


# What the model asks for, by the task, one call after the other.
_CALLS = {
    "pay": [ToolCall("note", {"text": "wanted"}), ToolCall("pay", {"amount": 3}), ToolCall("note", {"text": "done"})],
    "send": [ToolCall("send", {"amount": 5})],
    "note": [ToolCall("note", {"text": "seen"})],
}


async def _opened(gate: Path) -> None:
    # Another process opens it, and no event of this one tells.
    while os.path.exists(gate):  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.01)


async def _waits(ledger: Ledger, gate: Path, name: str) -> None:
    """Wait in a call of a tool, and note how that ends."""
    ledger.note_call("began", tool=name)
    try:
        await _opened(gate)
    except asyncio.CancelledError:
        ledger.note_call("cancelled", tool=name)
        raise
    ledger.note_call("ended", tool=name)


def cashier(database: Database, directory: Path) -> Agent:
    """The agent of all these workers: it asks, pays and notes; two gates stop it where a test wants it to wait."""
    ledger = Ledger(directory)

    @tool(requires_confirmation=True)
    async def pay(amount: int) -> str:
        """Pay, which nothing takes back."""
        await _waits(ledger, directory / "pay-gate", "pay")
        return f"paid {amount}"

    @tool
    async def send(amount: int) -> str:
        """Send, which nothing takes back, and nobody is asked about."""
        await _waits(ledger, directory / "send-gate", "send")
        return f"sent {amount}"

    @tool(idempotent=True)
    async def note(text: str) -> str:
        """Note, which may be done again."""
        ledger.note_call("began", tool="note")
        return f"noted {text}"

    async def reply(request: ModelRequest) -> ModelReply | str:
        task = request.messages[0].content or ""
        done = sum(message.role == "assistant" for message in request.messages)
        ledger.note("asked", task=task, done=done)
        await _opened(directory / "model-gate")
        calls = _CALLS[task]
        return ModelReply(tool_calls=[calls[done]]) if done < len(calls) else "finished"

    return Agent(FunctionModel(reply), name="cashier", db=database, tools=[pay, send, note])


async def _work(address: str, directory: Path, lease_seconds: float, concurrency: int) -> None:
    with PostgresDatabase(address, lease_seconds=lease_seconds) as database:
        worker = Worker([cashier(database, directory)], concurrency=concurrency, grace=5.0, report=_report)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        await worker.run()


def _report(progress: Progress) -> None:
    line = {"kind": progress.kind, "run_id": progress.run_id, "message": progress.message}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
