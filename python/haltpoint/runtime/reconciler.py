"""Asking a tool what became of a call in doubt."""

from __future__ import annotations

import functools
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from haltpoint._concurrency.user_code import answer_of
from haltpoint.exception_text import beginning
from haltpoint.logs import log_failure, logger
from haltpoint.sensitive import Masking
from haltpoint.tools.reconcile import InDoubtCall, NotStarted, Unknown
from haltpoint.tools.results import render_result

if TYPE_CHECKING:
    from haltpoint._engine import ReconcileTool
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["reconcile"]

_log = logger("callbacks")


async def reconcile(definition: ToolDefinition, effect: ReconcileTool, run_id: str) -> str | NotStarted | Unknown:
    """Return the call's result as text, or what else the tool's `reconcile` function says.

    A function that raises cannot tell: a person is asked then, and shown the exception.

    Raises:
        KeyboardInterrupt: the function raised it.
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
    answer = await answer_of(functools.partial(definition.reconcile, call), _understood)
    if answer.error is None:
        understood: str | NotStarted | Unknown = answer.value
        return understood
    what = f"reconcile of {definition.name} failed for run {run_id}, and a person is asked"
    masking = Masking(definition.sensitive, call.tool_args) if definition.sensitive else None
    log_failure(_log, what, answer.error, answer.texts, masking)
    return Unknown(f"reconcile raised {answer.texts.summary}")


def _understood(answer: object) -> str | NotStarted | Unknown:
    if answer is NotStarted:
        return NotStarted()
    if answer is Unknown:
        return Unknown()
    if isinstance(answer, Unknown):
        return answer if answer.reason is None else Unknown(beginning(str(answer.reason)))
    return answer if isinstance(answer, NotStarted) else render_result(answer)
