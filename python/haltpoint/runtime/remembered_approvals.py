"""Finding earlier approvals that answer a reply's calls, so that they stand in the plan and nobody looks again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.loop_bridge import LoopBridge

if TYPE_CHECKING:
    from haltpoint._engine import Session
    from haltpoint.runtime.plan import PlannedCall, PlannedReply

__all__ = ["with_approvals"]


async def with_approvals(reply: PlannedReply, session: Session) -> PlannedReply:
    """Return the reply, some of whose calls ask for a confirmation, with the earlier approvals that answer them.

    None answers a call whose rule failed: what the rule would have said is not known, and a person decides.

    Raises:
        StoreError: the database can't be read.
    """
    found: list[str | None] = await LoopBridge.current().wait(session.recall_approvals(reply.calls))
    calls = [
        call if origin is None or _has_failed_rule(call) else call._replace(remembered=origin)
        for call, origin in zip(reply.calls, found, strict=True)
    ]
    return reply._replace(calls=calls)


def _has_failed_rule(call: PlannedCall) -> bool:
    rules: dict[str, Any] = json.loads(call.rules or "{}")
    return "failure" in rules.get("answer", {})
