"""Checking arguments that a person puts in the place of a model's, before they are written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from haltpoint.bridge import LoopBridge
from haltpoint.driving.live import known_run
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.forking import no_fork
from haltpoint.tools.registry import registered_tool

if TYPE_CHECKING:
    from haltpoint.db.database import Database
    from haltpoint.run.requirements import RunRequirement
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["check_changed_arguments"]

_Problems: TypeAlias = "list[tuple[str | None, str]]"


async def check_changed_arguments(
    database: Database,
    requirement: RunRequirement,
    decision: Mapping[str, Any],
    tools: Mapping[str, ToolDefinition],
) -> None:
    """Check the arguments that a decision gives a call, if it gives it any.

    They are held against the tool where this process has it, else against the JSON schema in the run's first entry.

    Args:
        database: where the run is.
        requirement: what is decided.
        decision: the decision as JSON data.
        tools: tools at hand, by name.

    Raises:
        InvalidResolutionError: an argument is missing, unknown or invalid; `field_name` is the first of them.
    """
    arguments = decision.get("tool_args")
    if arguments is None or requirement.run_id is None:
        return
    problems = await _problems(database, requirement.run_id, requirement.tool_execution.tool_name, arguments, tools)
    if problems:
        lines = "; ".join(text for _, text in problems)
        raise InvalidResolutionError(
            f"the changed arguments do not fit {requirement.tool_execution.tool_name!r}: {lines}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=next((name for name, _ in problems if name is not None), None),
        )


async def _problems(
    database: Database, run_id: str, name: str, arguments: Mapping[str, Any], tools: Mapping[str, ToolDefinition]
) -> _Problems:
    known = known_run(run_id)
    definition = tools.get(name) or (None if known is None else known.tools.get(name))
    if definition is not None:
        return definition.argument_problems(arguments)
    offered = await _offered(database, run_id, name)
    definition = registered_tool(name, offered.get("module", ""))
    if definition is not None:
        return definition.argument_problems(arguments)
    if "parameters" not in offered:
        return []
    with no_fork:
        from haltpoint.tools.schema_check import BrokenSchemaError, schema_problems
    try:
        return schema_problems(offered["parameters"], arguments)
    except BrokenSchemaError as error:
        advice = "confirm the call as it stands or reject it, or change it where the tool's code is at hand"
        return [(None, f"they can't be checked, since the schema in the run's journal is broken: {error}; {advice}")]


async def _offered(database: Database, run_id: str, name: str) -> dict[str, Any]:
    """What the run's first entry says about a tool."""
    bridge = LoopBridge.current()
    snapshot = await bridge.wait(database.native.load(bridge.completions, run_id))
    offered: list[dict[str, Any]] = json.loads(snapshot.started_json()).get("tools", [])
    found = [item for item in offered if item["name"] == name]
    return found[0] if found else {}
