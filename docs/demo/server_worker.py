"""A worker of the demo on a server: it looks for runs of the agent and drives them, until it is told to stop.

Usage: server_worker.py DIRECTORY ADDRESS
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from haltpoint import PostgresDatabase
from haltpoint.worker import Progress, Worker
from services import Services
from support_agent import support_agent
from terminal import event


async def work(directory: Path, address: str) -> None:
    def report(progress: Progress) -> None:
        if progress.run_id is not None:
            event("┬", "worker", f"{os.getpid()} {progress.kind} the run", "magenta")
        with (directory / "progress.jsonl").open("a", encoding="utf-8") as told:
            told.write(json.dumps({"pid": os.getpid(), "kind": progress.kind}) + "\n")

    with PostgresDatabase(address) as database:
        worker = Worker([support_agent(database, Services(directory))], report=report)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        await worker.run()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
