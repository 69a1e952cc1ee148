"""Whether two people decided the same: the only place that judges it for decisions that are on disk already.

Two decisions are the same where the same runs, or where the same was said. Said is also what stays unsaid: a field that
an answer leaves out keeps the model's value or takes its default.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from haltpoint.exceptions import InvalidResolutionError, ToolResultError
from haltpoint.resolution.answers import shown_bytes
from haltpoint.resolution.parse import confirmation_decision
from haltpoint.run.same_data import same_data
from haltpoint.run.tools.tools import text_of
from haltpoint.tools.field_words import schema_of

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState
    from haltpoint.run.tools.tools import ToolExecution

__all__ = ["contradicts", "is_same_answer", "same_decision"]

_Check = Callable[[dict[str, Any]], dict[str, Any]]

# What people give, and what the tool makes of it.
_GIVEN: Final = (("tool_args", "shown_args"), ("values", "shown"))
_NOT_COMPARED: Final = frozenset({"unchecked", *(name for pair in _GIVEN for name in pair)})


def same_decision(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two decisions say the same; a note that is absent and one that is None are alike.

    Changed arguments and answers may be those that a person gave, or what the tool makes of them.
    """
    if not same_data(_said(first), _said(second)):
        return False
    return all(_gives_the_same(first, second, given, shown) for given, shown in _GIVEN)


def _said(decision: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in decision.items() if value is not None and key not in _NOT_COMPARED}


def _gives_the_same(first: Mapping[str, Any], second: Mapping[str, Any], given: str, shown: str) -> bool:
    forms = [[item.get(given), item.get(shown) or item.get(given)] for item in (first, second)]
    return any(same_data(form, other) for form in forms[0] for other in forms[1])


def is_same_answer(requirement: RequirementState, values: Mapping[str, Any], check: _Check) -> bool:
    """Whether an answer to a form that was answered before says the same as the first one.

    Args:
        requirement: the requirement, with its committed decision.
        values: the values by the names of fields.
        check: returns values that were given for fields as they are kept, those of fields that stay empty among them.
    """
    decision = requirement.decision or {}
    first: Mapping[str, Any] = decision["values"]
    kept = _kept(requirement, {name for name in values if name not in first})
    asked = {name: value for name, value in values.items() if name not in kept or not same_data(value, kept[name])}
    try:
        checked = check(asked)
    except InvalidResolutionError:
        return False
    second = {name: value for name, value in checked.items() if name not in kept or not same_data(value, kept[name])}
    return _are_same_values(decision, second, {*first, *second})


def _kept(requirement: RequirementState, names: Collection[str]) -> dict[str, Any]:
    """The model's values of fields that the first answer left as they were."""
    arguments = requirement.tool_execution.tool_args
    return {name: arguments[name] for name in names if name in arguments and name not in requirement.open_fields}


def _are_same_values(decision: Mapping[str, Any], values: Mapping[str, Any], names: Iterable[str]) -> bool:
    first: Mapping[str, Any] = decision["values"]
    shown: Mapping[str, Any] = decision.get("shown") or first

    def is_same(name: str) -> bool:
        if name not in first or name not in values:
            return False
        return any(same_data(values[name], form[name]) for form in (first, shown) if name in form)

    return all(map(is_same, names))


def contradicts(requirement: RequirementState, decision: Mapping[str, Any], check: _Check) -> bool:
    """Whether a call was changed to something else than the decision that was committed on it.

    Args:
        requirement: the requirement, with the call as it is now.
        decision: the committed decision.
        check: returns values that were given for fields as they are kept.
    """
    execution = requirement.tool_execution
    match decision["type"]:
        case "confirm" | "reject":
            drafted = confirmation_decision(execution)
            said = {key: decision[key] for key in decision.keys() & {"type", "note"}}
            return drafted is not None and not same_decision(drafted, said)
        case "input":
            return _form_differs(requirement, decision, check)
        case "result" | "supply":
            return _result_differs(execution, decision)
        case _:
            return False


def _result_differs(execution: ToolExecution, decision: Mapping[str, Any]) -> bool:
    try:
        return execution.result is None or text_of(execution.result) != decision["content"]
    except ToolResultError:
        return True


def _form_differs(requirement: RequirementState, decision: Mapping[str, Any], check: _Check) -> bool:
    """Whether the fields hold something else than a committed answer leaves in them."""
    form = requirement.user_input_schema or ()
    changed = {field["name"]: field.get("value") for field in form if not _is_as_left(requirement, decision, field)}
    if None in changed.values():
        return True
    try:
        checked = check(changed) if changed else {}
    except InvalidResolutionError:
        return True
    kept = _kept(requirement, {name for name in checked if name not in decision["values"]})
    # One that is in neither has its default as it was shown.
    told = [name for name in changed if name not in kept and (name in checked or name in decision["values"])]
    return not _are_same_values(decision, checked, told) or any(
        not same_data(checked[name], value) for name, value in kept.items()
    )


def _is_as_left(requirement: RequirementState, decision: Mapping[str, Any], field: Mapping[str, Any]) -> bool:
    name, value = field["name"], field.get("value")
    if name in decision["values"]:
        given = decision["values"][name]
        shown: Mapping[str, Any] = decision.get("shown") or decision["values"]
        forms = (given, shown_bytes(schema_of(field), given), shown.get(name, given))
        return any(same_data(value, form) for form in forms)
    if name in requirement.open_fields and value is None:
        return True
    return same_data(value, requirement.tool_execution.tool_args.get(name))
