"""Arguments that a person puts in the place of a model's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import InvalidResolutionError
from haltpoint.run.tools.tools import answer_data

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState
    from haltpoint.run.tools.tools import ToolExecution

__all__ = [
    "approved_arguments",
    "changed_arguments",
    "decision_as_given",
    "model_said",
    "same_arguments",
    "shown_decision",
]

# How pydantic shows a secret.
_MASK = "**********"


def changed_arguments(requirement: RequirementState, tool_args: object) -> dict[str, Any] | None:
    """Return the arguments as JSON data of their own, or None where they are those that are shown.

    Raises:
        InvalidResolutionError: they are no mapping, or hold what JSON can't.
    """
    if tool_args is None:
        return None
    if not isinstance(tool_args, Mapping):
        raise _unusable(requirement, f"must be a mapping of all the call's arguments, not {type(tool_args).__name__}")
    # Only who changes arguments needs to know what counts as JSON there.
    with no_fork:
        from haltpoint.tools.json_form import NotJsonError, dump_exact, json_text, parse_exact
    given = {name: answer_data(value) for name, value in cast("Mapping[str, Any]", tool_args).items()}
    try:
        json_text(given)
        changed: dict[str, Any] = parse_exact(dump_exact(given))
    except NotJsonError as error:
        raise _unusable(requirement, f"can't be used: the object {error}") from error
    execution, decided = requirement.tool_execution, requirement.decision
    # Who leaves a parameter out that has its default keeps the value that is shown.
    changed = {**{name: execution.tool_args[name] for name in execution.defaulted}, **changed}
    if decided is not None and decided.get("tool_args") is not None:
        # What is shown now is what somebody changed: it is the decision that says whether this is the same.
        return changed
    approved = approved_arguments(requirement)
    if approved is not None and same_arguments(changed, approved):
        # It may look like what the model asked for, as another secret does.
        return changed
    return None if same_arguments(changed, execution.tool_args) else changed


def approved_arguments(requirement: RequirementState) -> dict[str, Any] | None:
    """Return the arguments that others changed and approved so far, as they are shown: the next person agrees to them.

    None where nobody approved yet, or those who did left the arguments as they were asked for.
    """
    first = requirement.approvals[0] if requirement.approvals and requirement.decision is None else {}
    changed: dict[str, Any] | None = first.get("decision", {}).get("tool_args")
    shown: dict[str, Any] | None = first.get("tool_args")
    return changed if changed is None or shown is None else shown


def same_arguments(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two calls have the same arguments as JSON data; to Python alone, True equals 1."""
    return _in_order(first) == _in_order(second)


def decision_as_given(decision: Mapping[str, Any], said: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a committed decision with what the person gave.

    The journal keeps what the tool validates where the call runs: of a value that was left as it was shown, that is
    what the model said. The person gave the shown one.

    Args:
        decision: as the journal has it.
        said: the arguments as the model said them.
    """
    given: Mapping[str, Any] | None = decision.get("tool_args")
    shown: Mapping[str, Any] | None = decision.get("shown_args")
    if not given or not shown:
        return dict(decision)
    as_given = {name: _as_given(value, said or {}, shown, name) for name, value in given.items()}
    if same_arguments(as_given, shown):
        return {key: as_given if key == "tool_args" else decision[key] for key in decision if key != "shown_args"}
    return {**decision, "tool_args": as_given}


def _as_given(value: Any, said: Mapping[str, Any], shown: Mapping[str, Any], name: str) -> Any:
    """A value that a person gave: where it is what the model said, the value that was shown for that."""
    if name not in said or name not in shown:
        return value
    told, seen = said[name], shown[name]
    if isinstance(value, dict) and isinstance(told, dict) and isinstance(seen, dict):
        members, of_model = cast("dict[str, Any]", value), cast("dict[str, Any]", told)
        of_tool = cast("dict[str, Any]", seen)
        if members.keys() <= of_tool.keys():
            return {key: _as_given(item, of_model, of_tool, key) for key, item in members.items()}
    items, others, made = _list(value), _list(told), _list(seen)
    if items is not None and others is not None and made is not None and len(items) == len(others) == len(made):
        pairs: list[tuple[Any, Any, Any]] = list(zip(items, others, made, strict=True))
        return [_as_given(item, {"": other}, {"": seen_item}, "") for item, other, seen_item in pairs]
    return shown[name] if same_arguments({"": value}, {"": told}) else cast("Any", value)


def shown_decision(decision: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a decision as JSON data for people: of changed arguments that hold a secret, what is shown of them."""
    if decision is None:
        return None
    shown: Mapping[str, Any] = decision.get("shown_args") or {}
    masked = {name: deepcopy(value) for name, value in shown.items() if _MASK in json.dumps(value)}
    told = deepcopy(dict(decision))
    return {**told, "tool_args": {**told["tool_args"], **masked}} if masked else told


def model_said(execution: ToolExecution) -> dict[str, Any]:
    """Return what the model said of the arguments that are shown otherwise: a person, or validation, changed them.

    Secrets are left out: that they are shown is what their type prevents.
    """
    said = execution.original_tool_args or {}
    return {
        name: said[name]
        for name, value in execution.tool_args.items()
        if name in said and not _is_as_said(value, said[name]) and _MASK not in json.dumps(value)
    }


def _is_as_said(shown: Any, said: Any) -> bool:
    """Whether what is shown is what the model said, as JSON, or the digits of a number that it said."""
    if isinstance(shown, dict) and isinstance(said, dict):
        members, told = cast("dict[str, Any]", shown), cast("dict[str, Any]", said)
        return members.keys() == told.keys() and all(_is_as_said(item, told[name]) for name, item in members.items())
    items, others = _list(shown), _list(said)
    if items is not None and others is not None:
        return len(items) == len(others) and all(map(_is_as_said, items, others))
    if isinstance(shown, str) and isinstance(said, (int, float)) and not isinstance(said, bool):
        return _is_written_as(shown, said)
    return same_arguments({"": shown}, {"": said})


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]


def _is_written_as(text: str, number: float) -> bool:
    """Whether a text is how a decimal writes a number; of one with a fraction, the float may have fewer digits."""
    try:
        return text == str(number) if isinstance(number, int) else float(text) == number
    except ValueError:
        return False


def _in_order(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, sort_keys=True, default=repr)


def _unusable(requirement: RequirementState, problem: str) -> InvalidResolutionError:
    return InvalidResolutionError(
        f"the tool_args for {requirement.tool_execution.tool_name!r} {problem}",
        run_id=requirement.run_id,
        requirement_id=requirement.id,
        field_name="tool_args",
    )
