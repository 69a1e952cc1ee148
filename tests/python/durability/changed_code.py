"""A run that pauses under one state of the code and is continued under another.

The tools are declared inside the processes that have them: no other process has imported them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from durability.features import CheckedModel, ledger, use_directory
from haltpoint import Agent, HaltpointError, RunRequirement, SqliteDatabase, tool
from support.replies import wants

__all__ = ["continue_with", "start_with_first_version"]


def _first_version() -> Any:
    @tool(requires_confirmation=True)
    def transfer(amount: int) -> str:
        """Transfer money."""
        ledger().note_call("began", version=1, amount=amount)
        return f"{amount} sent"

    return transfer


def _other_words_and_body() -> Any:
    @tool(requires_confirmation=True)
    def transfer(amount: int) -> str:
        """Send money away, in other words."""
        ledger().note_call("began", version=2, amount=amount)
        return f"{amount} sent better"

    return transfer


def _other_parameters() -> Any:
    @tool(requires_confirmation=True)
    def transfer(amount: int, currency: str = "EUR") -> str:
        """Transfer money in a currency."""
        ledger().note_call("began", version=3, amount=amount, currency=currency)
        return f"{amount} {currency} sent"

    return transfer


def _parameters_that_do_not_fit() -> Any:
    @tool(requires_confirmation=True)
    def transfer(cents: int) -> str:
        """Transfer cents."""
        ledger().note_call("began", version=4, cents=cents)
        return f"{cents} sent"

    return transfer


_VERSIONS: dict[str, Callable[[], Any]] = {
    "first": _first_version,
    "other words and body": _other_words_and_body,
    "other parameters": _other_parameters,
    "parameters that do not fit": _parameters_that_do_not_fit,
}


def _agent(db: SqliteDatabase, tools: list[Any]) -> Agent:
    return Agent(CheckedModel([wants("transfer", amount=30), "sent"]), db=db, tools=tools)


def start_with_first_version(directory: str) -> str:
    """Start a run, let it pause, and return its id."""
    use_directory(directory)
    with SqliteDatabase(Path(directory) / "runs.db") as db:
        output = asyncio.run(_agent(db, [_first_version()]).do_async("Send 30.", return_output=True))
        return str(output.run_id)


def continue_with(directory: str, run_id: str, version: str | None, *, allow_changed: bool = False) -> dict[str, Any]:
    """Confirm and continue it with some version of the tool, or none."""

    def confirm(requirement: RunRequirement) -> None:
        requirement.confirm()

    use_directory(directory)
    with SqliteDatabase(Path(directory) / "runs.db") as db:
        agent = _agent(db, [] if version is None else [_VERSIONS[version]()])
        run = agent.continue_run_async(
            run_id=run_id, return_output=True, hitl_handler=confirm, allow_changed_tools=allow_changed
        )
        try:
            output = asyncio.run(run)
        except HaltpointError as error:
            return {"status": type(error).__name__, "message": str(error), "tool": getattr(error, "tool_name", None)}
        return {"status": output.status.value, "results": [call.result for call in output.tools]}
