"""Asking a tool what became of a call in doubt."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from haltpoint.driving.callbacks import call_back
from haltpoint.tools.reconcile import InDoubtCall, NotStarted, Unknown
from haltpoint.tools.results import render_result

if TYPE_CHECKING:
    from haltpoint._engine import ReconcileTool
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["reconcile"]


async def reconcile(definition: ToolDefinition, effect: ReconcileTool, run_id: str) -> str | NotStarted | Unknown:
    """Return the call's result as text, or what else the tool's `reconcile` function says.

    A function that raises cannot tell: a person is asked then, and shown the exception.
    """
    if definition.reconcile is None:
        return Unknown("the tool as it is now has no reconcile function")
    call = InDoubtCall(
        run_id=run_id,
        tool_call_id=effect.call_id,
        tool_name=effect.name,
        tool_args=json.loads(effect.args),
        idempotency_key=effect.idempotency_key,
        attempt=effect.attempt,
        started_at=datetime.fromtimestamp(effect.started_at_us / 1e6, timezone.utc),
    )
    try:
        return _understood(await call_back(definition.reconcile, call))
    except Exception as error:  # noqa: BLE001 - whatever the function raises means that it cannot tell
        return Unknown(f"reconcile raised {type(error).__name__}: {error}".encode("utf-8", "replace").decode())


def _understood(answer: object) -> str | NotStarted | Unknown:
    if answer is NotStarted:
        return NotStarted()
    if answer is Unknown:
        return Unknown()
    if isinstance(answer, (NotStarted, Unknown)):
        return answer
    return render_result(answer)
