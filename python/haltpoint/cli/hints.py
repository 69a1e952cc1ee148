"""How a person decides on a requirement of each kind, as commands to type."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from haltpoint.cli.identifiers import short_requirement_id
from haltpoint.presentation.escaping import visible, visible_json
from haltpoint.resolution.parse import RequirementKind, unfilled_fields
from haltpoint.run.approvals import approved_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.requirements import RunRequirement

__all__ = ["commands_for"]

_COMMANDS: dict[RequirementKind, tuple[str, ...]] = {
    "confirmation": ("approve {id}", "approve {id} --args JSON", "reject {id} --note TEXT"),
    "user_input": ("answer {id} {fields}",),
    "external_tool": ("result {id} TEXT",),
    "recovery": ("recover {id} retry", "recover {id} supply TEXT", "recover {id} skip"),
    "wait": ("approve {id}",),
}

# Where somebody approved with other arguments already.
_ALIKE = ("approve {id} --args {args}", "reject {id} --note TEXT")


def commands_for(requirement: RunRequirement) -> list[str]:
    """Return the command lines that decide on a requirement: none where it is too late."""
    if requirement.is_expired:
        return []
    # A model may name fields of its own: what is copied into a shell must stay one word there.
    fields = " ".join(shlex.quote(f"{visible(name)}=...") for name in _fields_to_fill(requirement))
    short = short_requirement_id(requirement.id)
    changed = approved_arguments(requirement)
    if changed is not None:
        return [f"haltpoint {command.format(id=short, args=_quoted(changed))}" for command in _ALIKE]
    commands = [item for item in _COMMANDS[requirement.kind] if not (requirement.fixed_arguments and "--args" in item)]
    return [f"haltpoint {command.format(id=short, fields=fields)}" for command in commands]


def _fields_to_fill(requirement: RunRequirement) -> list[str]:
    """The fields that lack a value; less those that may stay empty, where others may not."""
    unfilled = unfilled_fields(requirement.tool_execution)
    required = [field["name"] for field in requirement.user_input_schema or () if field.get("required", True)]
    return [name for name in unfilled if name in required] or unfilled


def _quoted(arguments: Mapping[str, Any]) -> str:
    return shlex.quote(visible_json(arguments))
