"""Arguments that a person puts in the place of those that were shown, on their way to disk."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.foreign_checks import NO_LIMIT, checked_apart
from haltpoint._concurrency.fork_guard import no_fork
from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.run.active_runs import known_run
from haltpoint.run.changed_arguments import same_arguments
from haltpoint.run.requirement_validation import check_changeable
from haltpoint.run.same_data import same_data
from haltpoint.tools.hidden_parts import holds_stand_in
from haltpoint.tools.registry import registered_tool

if TYPE_CHECKING:
    from haltpoint._concurrency.time_limit import TimeLimit
    from haltpoint.db.database import Database
    from haltpoint.run.requirements import RunRequirement
    from haltpoint.run.tools.tools import ToolExecution
    from haltpoint.tools.definition import ToolDefinition
    from haltpoint.tools.edited_arguments import EditedArguments

__all__ = ["offered_tool", "with_changed_arguments"]


async def with_changed_arguments(
    database: Database,
    requirement: RunRequirement,
    decision: Mapping[str, Any],
    tools: Mapping[str, ToolDefinition],
    *,
    limit: TimeLimit = NO_LIMIT,
) -> dict[str, Any]:
    """Return a decision with what the tool gets where it gives a call other arguments.

    What was not changed stays as it is. What was is held against the tool where this process has it, else against the
    JSON schema in the run's first entry.

    Args:
        database: where the run is.
        requirement: what is decided, as it is on disk.
        decision: the decision as JSON data.
        tools: tools at hand, by name.
        limit: how long validators of the tool may take.

    Raises:
        InvalidResolutionError: an argument is missing, unknown or invalid; `field_name` is the path of the first
            problem.
        TimeLimitPassedError: a validator had not returned when the time was over.
    """
    arguments: dict[str, Any] | None = decision.get("tool_args")
    if arguments is None or requirement.run_id is None:
        return dict(decision)
    if requirement.fixed_arguments and same_arguments(arguments, requirement.tool_execution.tool_args):
        return {name: said for name, said in decision.items() if name != "tool_args"}
    check_changeable(requirement, arguments)
    approved = _as_approved(requirement, arguments)
    if approved is not None:
        return {**decision, **approved}
    with no_fork:
        from haltpoint.tools.edited_arguments import edited_by_schema, edited_by_tool
    execution = requirement.tool_execution
    offered = await offered_tool(database, requirement.run_id, execution.tool_name)
    definition = _at_hand(requirement.run_id, execution.tool_name, offered, tools)
    if definition is not None:
        edit = functools.partial(edited_by_tool, definition, execution, arguments)
        edited = await checked_apart(edit, limit, calls_foreign_code=definition.calls_foreign_code)
    else:
        edited = edited_by_schema(offered.get("parameters"), execution, arguments)
    if requirement.approvals_needed > 1:
        edited.problems.extend(_unseen_by_others(execution, edited))
    if edited.problems:
        lines = "; ".join(dict.fromkeys(text for _, text in edited.problems))
        raise InvalidResolutionError(
            f"the changed arguments do not fit {execution.tool_name!r}: {lines}. Correct them and decide again",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=next((name for name, _ in edited.problems if name is not None), None),
        )
    if requirement.first_approval is None and _changes_nothing(execution, edited):
        return {name: said for name, said in decision.items() if name != "tool_args"}
    # Another's words for the same change may lack what the tool adds. What is hidden can't be compared in this way.
    approved = None if holds_stand_in(edited.shown) else _as_approved(requirement, edited.shown)
    if approved is not None:
        return {**decision, **approved}
    changed = {**decision, "tool_args": edited.given, **({"unchecked": True} if definition is None else {})}
    # To Python, True equals 1.
    is_same = same_arguments(edited.shown, edited.given)
    return changed if is_same else {**changed, "shown_args": edited.shown}


def _changes_nothing(execution: ToolExecution, edited: EditedArguments) -> bool:
    """Whether the call stays as it was shown: what was left out of it are defaults that stay, too.

    So it does where a person says again what the model said.
    """
    said = execution.original_tool_args or {}
    given = {
        name: execution.tool_args.get(name) if name in said and same_data(value, said[name]) else value
        for name, value in edited.given.items()
    }
    return same_arguments(given, execution.tool_args) and same_arguments(edited.shown, execution.tool_args)


def _unseen_by_others(execution: ToolExecution, edited: EditedArguments) -> list[tuple[str | None, str]]:
    """What the next approver could not tell from what they are shown: new objects that are shown by their types."""
    with no_fork:
        from haltpoint.tools.hidden_parts import shown_by_type
    said = execution.original_tool_args or {}
    known = shown_by_type({**execution.tool_args}, {**execution.tool_args, **said})
    new = [item for item in shown_by_type(edited.shown, edited.given) if item not in known]
    return [
        (path, f"{path}: it is shown by its type, so that others who must approve could not see what it was changed to")
        for path in dict.fromkeys(path for path, _ in new)
    ]


def _as_approved(requirement: RunRequirement, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments just as the first of several approvers changed them, where these are meant."""
    first = requirement.first_approval
    if first is None:
        return None
    said = {
        name: first["decision"][name] for name in ("tool_args", "shown_args", "unchecked") if name in first["decision"]
    }
    if "tool_args" not in said:
        return None
    is_meant = any(same_data(arguments, known) for known in (first["tool_args"], said["tool_args"]))
    return said if is_meant else None


def _at_hand(
    run_id: str, name: str, offered: Mapping[str, Any], tools: Mapping[str, ToolDefinition]
) -> ToolDefinition | None:
    known = known_run(run_id)
    found = tools.get(name) or (None if known is None else known.tools.get(name))
    return found or registered_tool(name, offered.get("module", ""))


async def offered_tool(database: Database, run_id: str, name: str) -> dict[str, Any]:
    """What the run's first entry says about a tool."""
    bridge = LoopBridge.current()
    snapshot = await bridge.wait(database.native.load(bridge.completions, run_id))
    offered: list[dict[str, Any]] = json.loads(snapshot.started_json()).get("tools", [])
    found = [item for item in offered if item["name"] == name]
    return found[0] if found else {}
