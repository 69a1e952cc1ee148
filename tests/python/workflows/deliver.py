"""Sends signals of two orders, and drives their runs to the end; killed wherever, it may be run again.

Arguments: the database, and the ids of the runs, where there are any.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from support.databases import opened
from support.programs import tell
from workflows.orders import order


async def main() -> None:
    """Send one signal before its run waits, and one after."""
    with opened(Path(sys.argv[1])) as db:
        await db.signal_async("payment.settled", {"euros": 1}, key="early", id="s-early", by="bank")
        runs = sys.argv[2:]
        if not runs:
            runs = [await order.submit_async(number, db=db) for number in ("early", "late")]
            tell(runs)
        for run_id in runs:
            await order.continue_run_async(run_id, db=db, return_output=True)
        await db.signal_async("payment.settled", {"euros": 2}, key="late", id="s-late", by="bank")
        tell([await order.wait_and_continue_async(run_id, db=db) for run_id in runs])


asyncio.run(main())
