"""The values of sensitive parameters, masked: the only place that knows where they stand.

A tool names such parameters with `@tool(sensitive=[...])`. The journal keeps the names with each call, so that a
process without the tool's code masks as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from haltpoint.run.tools.tools import ToolExecution

__all__ = ["MASK", "JournalMask", "Masking", "masked_execution", "masked_requirement"]

# It tells neither the type nor the length of what it stands for.
MASK = "[sensitive]"

# In characters. What is shorter stands in too many texts by chance.
_SHORTEST = 3
# Of a call with more sensitive values than this, texts are masked whole: looking for each of them would take too long.
_MOST_VALUES = 1_000
# Parts of a schema that hold values.
_VALUES_OF_SCHEMAS = ("default", "examples")
# Parts of a decision that hold arguments, and parts that hold words.
_ARGUMENTS = ("tool_args", "shown_args", "values", "shown")
_WORDS = ("note", "content")

Entry: TypeAlias = Mapping[str, Any]


class Masking:
    """Masks what belongs to one tool call.

    Args:
        names: the sensitive parameters of its tool.
        arguments: arguments of the call, as JSON data: texts about it show none of their sensitive values either.
        is_name: whether a name within a value may be shown. Others are part of the value; by default, these are all
            that are no identifiers.
    """

    def __init__(
        self, names: Iterable[str], *arguments: object, is_name: Callable[[str], bool] = str.isidentifier
    ) -> None:
        self.names = frozenset(names)
        self._is_name = is_name
        self._shown: set[str] = set()
        for given in arguments:
            self._learn(given)

    def __bool__(self) -> bool:
        return bool(self.names)

    def arguments(self, given: Any) -> Any:
        """Return named values, those of sensitive parameters masked whole; what is no object as it is."""
        self._learn(given)
        values = _members(given).items()
        return {name: MASK if name in self.names else value for name, value in values} if values else given

    def text(self, text: Any) -> Any:
        """Return a text in which no sensitive value stands that is known; what is no text as it is."""
        if not isinstance(text, str):
            return text
        if len(self._shown) > _MOST_VALUES:
            return MASK
        for shown in sorted(self._shown, key=len, reverse=True):
            text = text.replace(shown, MASK)
        return text

    def path(self, parts: Iterable[str | int]) -> tuple[str | int, ...]:
        """Return a way through a sensitive value, without the names in it that are part of the value."""

        def is_shown(part: str | int) -> bool:
            return self._is_name(part) if isinstance(part, str) else str(part) not in self._shown

        return tuple(part if is_shown(part) else MASK for part in parts)

    def form(self, fields: Any) -> Any:
        """Return the fields of a form, with the values and defaults of sensitive ones masked; an empty one stays so."""
        return [self._field(field) for field in cast("list[dict[str, Any]]", fields)] if fields else fields

    def schema(self, schema: Any) -> Any:
        """Return the JSON schema of the tool's arguments without values of sensitive ones."""
        described = _members(schema)
        if "properties" not in described:
            return schema
        properties = _members(described["properties"]).items()
        return {**described, "properties": {name: self._property(name, item) for name, item in properties}}

    def decision(self, decision: Any) -> Any:
        """Return a decision with the arguments and answers in it masked."""
        said = _members(decision)
        arguments = {part: self.arguments(said[part]) for part in _ARGUMENTS if part in said}
        words = {part: self.text(said[part]) for part in _WORDS if part in said}
        return {**said, **arguments, **words} if said else decision

    def learn_execution(self, execution: ToolExecution) -> None:
        """Know the values in a call as it stands."""
        for given in (execution.tool_args, execution.original_tool_args):
            self._learn(given)
        self.learn_form(execution.user_input_schema)

    def learn_form(self, fields: Any) -> None:
        """Know the values in a form."""
        for field in cast("list[dict[str, Any]]", fields or []):
            self._learn({field["name"]: [field.get("value"), field.get("default")]})

    def learn_decision(self, decision: Any) -> None:
        """Know the values in a decision."""
        for part in _ARGUMENTS:
            self._learn(_members(decision).get(part))

    def _learn(self, arguments: object) -> None:
        given = _members(arguments)
        for name in self.names & given.keys():
            texts = _texts(given[name], self._is_name)
            self._shown.update(text for text in texts if len(text) >= _SHORTEST and text != MASK)

    def _field(self, field: dict[str, Any]) -> dict[str, Any]:
        if field.get("name") not in self.names:
            return field
        self.learn_form([field])
        masked: dict[str, Any] = {key: MASK for key in ("value", "default") if field.get(key) is not None}
        if "json_schema" in field:
            masked["json_schema"] = self._property(field["name"], field["json_schema"])
        return {**field, **masked}

    def _property(self, name: str, schema: Any) -> Any:
        if name not in self.names:
            return schema
        described = _members(schema)
        self._learn({name: [described.get(key) for key in _VALUES_OF_SCHEMAS]})
        return {key: value for key, value in described.items() if key not in _VALUES_OF_SCHEMAS}


def _members(value: object) -> Mapping[str, Any]:
    """The members of an object; none of what is no object."""
    nothing: Mapping[str, Any] = {}
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else nothing


def _texts(value: Any, is_name: Callable[[str], bool]) -> Iterable[str]:
    """What the parts of a value look like within a text."""
    for name, item in _members(value).items():
        if not is_name(name):
            yield from _texts(name, is_name)
        yield from _texts(item, is_name)
    if isinstance(value, (list, tuple)):
        for item in cast("Iterable[Any]", value):
            yield from _texts(item, is_name)
    elif isinstance(value, str):
        # As it is, within JSON, and as Python writes it.
        yield from (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)


# Requirements


def masked_requirement(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a requirement's data as lists show it.

    It has no digest: the digest is made of the values, too, so that somebody could find a short value by trying. And a
    person decides on what they see.
    """
    masking = _masking_of(data["tool_execution"], data)
    if not masking:
        return dict(data)
    masked: dict[str, Any] = {**data, "digest": None, "tool_execution": _execution(data["tool_execution"], masking)}
    for part, mask in _PARTS_OF_REQUIREMENTS.items():
        if masked.get(part) is not None:
            masked[part] = mask(masking, masked[part])
    return masked


def masked_execution(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call's data as lists show it."""
    masking = _masking_of(data, {})
    return _execution(data, masking) if masking else dict(data)


def _masking_of(execution: Mapping[str, Any], requirement: Mapping[str, Any]) -> Masking:
    masking = Masking(execution.get("sensitive") or (), execution.get("tool_args"), execution.get("original_tool_args"))
    if masking:
        masking.learn_form(execution.get("user_input_schema"))
        masking.learn_decision(requirement.get("decision"))
        for approval in requirement.get("approvals") or ():
            masking.learn_decision(approval.get("decision"))
    return masking


def _execution(data: Mapping[str, Any], masking: Masking) -> dict[str, Any]:
    return {**data, **{name: mask(masking, data[name]) for name, mask in _PARTS_OF_CALLS.items() if name in data}}


def _approvals(masking: Masking, approvals: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**item, "decision": masking.decision(item.get("decision")), "tool_args": masking.arguments(item["tool_args"])}
        for item in approvals
    ]


def _details(masking: Masking, details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: masking.text(value) for name, value in details.items()}


_PARTS_OF_CALLS: dict[str, Callable[[Masking, Any], Any]] = {
    "tool_args": Masking.arguments,
    "original_tool_args": Masking.arguments,
    "user_input_schema": Masking.form,
    "result": Masking.text,
    "confirmation_note": Masking.text,
}
_PARTS_OF_REQUIREMENTS: dict[str, Callable[[Masking, Any], Any]] = {
    "user_input_schema": Masking.form,
    "decision": Masking.decision,
    "confirmation_draft": Masking.decision,
    "confirmation_note": Masking.text,
    "approvals": _approvals,
    "details": _details,
}


# Journals


class JournalMask:
    """Masks the entries of one journal, which are handed over in their order."""

    def __init__(self) -> None:
        # By the ids of calls, and the calls that requirements are about.
        self._calls: dict[str, Masking] = {}
        self._asked: dict[str, str] = {}
        # Whether a tool of the run has sensitive parameters.
        self._is_sensitive = False

    def entry(self, kind: str, entry: Entry) -> Entry:
        """Return an entry with what is sensitive in it masked; the very same one where nothing is."""
        mask = _ENTRIES.get(kind)
        masked = entry if mask is None else mask(self, entry)
        return entry if masked == entry else masked

    def run_started(self, entry: Entry) -> Entry:
        """Mask the defaults of the tools that are offered."""
        tools: list[Entry] = entry.get("tools") or []
        self._is_sensitive = any(tool.get("sensitive") for tool in tools)
        return {**entry, "tools": [_offered(tool) for tool in tools]} if tools else entry

    def model_replied(self, entry: Entry) -> Entry:
        """Mask the arguments of the calls."""
        calls: list[Entry] = entry.get("calls") or []
        self._is_sensitive = self._is_sensitive or any(map(_sensitive, calls))
        if not any(map(self._names, calls)):
            return entry
        masked: dict[str, Any] = {**entry, "calls": [self._planned(call) for call in calls]}
        if "provider_data" in entry:
            # Providers may say the arguments once more in it, in a form of their own.
            masked["provider_data"] = MASK
        if "text" in entry:
            masked["text"] = self._text(entry["text"], [call["id"] for call in calls])
        return masked

    def opened(self, entry: Entry) -> Entry:
        """Know which call a requirement is about."""
        self._asked[entry["requirement_id"]] = entry["call_id"]
        return entry

    def decided(self, entry: Entry) -> Entry:
        """Mask the arguments that a person gave."""
        masking = self._calls.get(self._asked.get(entry["requirement_id"], ""))
        if masking is None:
            return entry
        masked = {**entry, "decision": masking.decision(entry["decision"])}
        # A digest of the tool and, where these count, the arguments.
        return {**masked, "memory_key": MASK} if "memory_key" in entry else masked

    def of_call(self, entry: Entry) -> Entry:
        """Mask what became of a call."""
        masking = self._calls.get(entry["call_id"])
        if masking is None:
            return entry
        return {name: masking.text(value) if name in ("content", "reason") else value for name, value in entry.items()}

    def failed(self, entry: Entry) -> Entry:
        """Mask why the run failed."""
        failure = _members(entry.get("failure"))
        return {**entry, "failure": {**failure, "message": self._text(failure.get("message"), self._calls)}}

    def _planned(self, call: Entry) -> Entry:
        shown = _members(call.get("shown"))
        names = self._names(call)
        if not names:
            return call
        masking = Masking(names, call.get("args"), shown.get("args"), shown.get("given"))
        self._calls[call["id"]] = masking
        masked: dict[str, Any] = {**call, "args": masking.arguments(call["args"])}
        if shown:
            said = {part: masking.arguments(shown[part]) for part in ("args", "given") if part in shown}
            masked["shown"] = {**shown, **said}
        if "fields" in call:
            masked["fields"] = masking.form(call["fields"])
        if "refused" in call:
            masked["refused"] = masking.text(call["refused"])
        rules = _members(call.get("rules"))
        if "answer" in rules:
            masked["rules"] = {**rules, "answer": _details(masking, rules["answer"])}
        return masked

    def _names(self, call: Entry) -> list[str]:
        """The arguments of a call whose values are masked."""
        names = _sensitive(call)
        is_unknown = "tool" not in call and self._is_sensitive
        # A model that misspells a name, of the tool or of an argument, says the value all the same.
        return [*names, *_members(call.get("args"))] if "refused" in call and (names or is_unknown) else names

    def _text(self, text: Any, call_ids: Iterable[str]) -> Any:
        for call_id in call_ids:
            masking = self._calls.get(call_id)
            text = text if masking is None else masking.text(text)
        return text


def _sensitive(call: Entry) -> list[str]:
    names: list[str] = _members(call.get("tool")).get("sensitive") or []
    return names


def _offered(tool: Entry) -> Entry:
    if not tool.get("sensitive") or "parameters" not in tool:
        return tool
    return {**tool, "parameters": Masking(tool["sensitive"]).schema(tool["parameters"])}


_ENTRIES: dict[str, Callable[[JournalMask, Entry], Entry]] = {
    "run_started": JournalMask.run_started,
    "model_replied": JournalMask.model_replied,
    "steps_planned": JournalMask.model_replied,
    "requirement_opened": JournalMask.opened,
    "requirement_decided": JournalMask.decided,
    "tool_finished": JournalMask.of_call,
    "tool_interrupted": JournalMask.of_call,
    "tool_reconciled": JournalMask.of_call,
    "run_failed": JournalMask.failed,
}
