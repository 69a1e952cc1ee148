"""Starts or continues the refund case in a process of its own, with people who agree; tells what came of it.

Arguments: the database, and the run to continue, where there is one.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from support.databases import opened
from support.programs import tell
from workflows import cases
from workflows.people import decide


async def main() -> None:
    """Drive until the run is completed."""
    with opened(Path(sys.argv[1])) as db:
        if len(sys.argv) == 2:
            run_id = await cases.killed_case.submit_async("A-1", db=db)
            tell(run_id)
        else:
            run_id = sys.argv[2]
        while True:
            run = await db.run_async(run_id)
            await decide(run, euros=5)
            output = await cases.killed_case.continue_run_async(run_id, db=db, return_output=True)
            if output.is_complete:
                tell(output.output)
                return


asyncio.run(main())
