"""Reading a requirement that went through other hands as data.

A requirement's data shows the person's word in two places, at the top and within `tool_execution`, and a form may have
filled in either. Both are heard; where they contradict each other, neither is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.run.attribution import outline
from haltpoint.run.data_types import check_types
from haltpoint.run.requirement_validation import PLACES
from haltpoint.run.same_data import same_data
from haltpoint.run.tools.tools import ToolExecution, answer_data, copied_form

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["check_said", "drafted", "merged_execution"]

# Words of a decision that stand elsewhere in a requirement's data, or nowhere: nobody would read them here.
_UNREAD = frozenset(
    {"answer", "answered", "answers", "approve", "approved", "confirm", "confirmed", "note", "reject", "rejected"}
    | {"remember", "result", "retry", "skip", "supply", "tool_args", "values", "args", "arguments", "by"}
)
_UNREAD_IN_CALLS = (_UNREAD | {"confirmation"}) - {item.name for item in fields(ToolExecution)}
# Who decided, and when, which is read only beside what they decided.
_OF_DECISIONS = ("decided_by", "decided_at")
_READ = frozenset({"confirmation", "confirmed", "answered", "result", "draft_by", "expected_digest"})
# What a draft may say beyond yes, or on a call in doubt.
_DRAFTED = {"confirmation_draft": {"tool_args", "remember"}, "recovery_draft": {"type", "note"}}
_RECOVERIES = ("retry", "skip")
_DRAFTED_OF = {"confirmation_draft": "confirmation", "recovery_draft": "recovery"}


def drafted(requirement: RequirementState, data: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return a part of what was drafted, of its own.

    Raises:
        InvalidResolutionError: it says something that no draft says. Left aside, it would make another decision of it.
    """
    given: object = data.get(name)
    if given is None:
        return None
    said = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {"": given}
    unknown = [key for key in said if key not in _DRAFTED[name]]
    is_of_another_kind = bool(said) and requirement.kind != _DRAFTED_OF[name]
    if unknown or is_of_another_kind or (name == "recovery_draft" and said.get("type") not in _RECOVERIES):
        problem = f"is no part of a {requirement.kind}" if is_of_another_kind else "can't be read"
        raise InvalidResolutionError(
            f"{name} of requirement {requirement.id} {problem}: {outline(data[name])}",
            run_id=requirement.run_id,
            requirement_id=requirement.id,
            field_name=name,
        )
    arguments: object = said.get("tool_args")
    if not isinstance(arguments, Mapping):
        return deepcopy(dict(said))
    values = cast("Mapping[str, Any]", arguments).items()
    return deepcopy({**said, "tool_args": {argument: answer_data(value) for argument, value in values}})


def check_said(data: Mapping[str, Any]) -> None:
    """Check what people may have written into a requirement's data that nobody would read, or read in another way.

    Other members that `to_dict()` does not return are left aside.

    Raises:
        InvalidResolutionError: there is such a member, or one of another type than it has in data; `field_name` names
            it.
    """
    check_types(data)
    execution: object = data.get("tool_execution")
    nothing: Mapping[str, Any] = {}
    parts = cast("Mapping[str, Any]", execution) if isinstance(execution, Mapping) else nothing
    early = [name for name in _OF_DECISIONS if data.get("decision") is None and data.get(name) is not None]
    for name in (*_unread(data, _UNREAD), *_unread(parts, _UNREAD_IN_CALLS), *early):
        raise _unfit(name, f"says {name!r}, which is no place for a decision; one is said in {PLACES}")
    for form in (data.get("user_input_schema"), parts.get("user_input_schema")):
        names: list[Any] = [field["name"] for field in form or ()]
        if len(names) != len(set(names)):
            raise _unfit("user_input_schema", "has a form with two fields of one name")
    if all(data.get(name) is None for name in ("id", "run_id", "digest", "expected_digest")):
        raise _unfit("id", "names neither a requirement nor a run nor what was shown: a decision says what it is about")
    if "run_id" in data and data["run_id"] is None:
        raise _unfit("run_id", "names no run (null), so that it may be about any: leave run_id as it was, or out")
    digest: object = data.get("expected_digest")
    if digest is not None and not (isinstance(digest, str) and digest):
        raise _unfit("expected_digest", f"has the expected_digest {digest!r:.80}, which must be a str or None")
    identifier: object = data.get("id")
    if identifier is not None and not (isinstance(identifier, str) and identifier):
        raise _unfit("id", f"has the id {identifier!r:.80}, which must be a str or None")


def _unread(said: Mapping[str, Any], words: frozenset[str]) -> list[str]:
    """The words in data that nobody would read there; nor does anybody read one in capitals."""
    names = [name for name in cast("Mapping[object, Any]", said) if isinstance(name, str)]
    return sorted(name for name in names if name in words or (name != name.lower() and name.lower() in words | _READ))


def _unfit(name: str, problem: str) -> InvalidResolutionError:
    return InvalidResolutionError(f"the requirement's data {problem}", field_name=name)


def merged_execution(data: Mapping[str, Any]) -> ToolExecution:
    """Return the tool call of a requirement's data, with what was said at the top.

    Raises:
        InvalidResolutionError: the two places contradict each other.
    """
    execution = ToolExecution.from_dict(data["tool_execution"])
    execution.confirmed = _merged("confirmation", data.get("confirmation"), execution.confirmed)
    execution.confirmation_note = _merged(
        "confirmation_note", data.get("confirmation_note"), execution.confirmation_note
    )
    if execution.user_input_schema is None and data.get("user_input_schema") is not None:
        execution.user_input_schema = copied_form(data["user_input_schema"])
    _merge_values(execution, data.get("user_input_schema") or [])
    return execution


def _merge_values(execution: ToolExecution, schema: list[dict[str, Any]]) -> None:
    _check_names(execution, schema)
    values = {field["name"]: answer_data(field["value"]) for field in schema if "value" in field}
    for field in execution.user_input_schema or ():
        name, value = field["name"], field.get("value")
        original = execution.tool_args.get(name)
        # Null in the place of what the model filled in empties the field.
        is_emptied = name in values and values[name] is None and same_data(value, original)
        field["value"] = None if is_emptied else _merged(name, values.get(name), value, original)


def _check_names(execution: ToolExecution, schema: list[dict[str, Any]]) -> None:
    known = [field["name"] for field in execution.user_input_schema or ()]
    for field in schema:
        name = field["name"]
        if name not in known:
            # Left aside, what a person said of it would be, too.
            raise _unfit(name, f"says {name!r} in user_input_schema, but its form has the fields: {', '.join(known)}")


def _merged(name: str, first: Any, second: Any, original: Any = None) -> Any:
    """Return the one that was set: not None, and not the value that the model had given already."""
    if second is None or same_data(first, second):
        return first
    if first is None or same_data(first, original):
        return second
    if same_data(second, original):
        return first
    raise InvalidResolutionError(
        f"the requirement's data holds two values of {name!r}, one of them within tool_execution: set one of them",
        field_name=name,
    )
