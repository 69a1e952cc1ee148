"""The fields of a form: which values they take, as JSON Schema says it and in words that people know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = [
    "DECIMAL",
    "UNKNOWN_DEFAULT",
    "base_schema",
    "choice_words",
    "example_of",
    "expected_words",
    "is_null_text",
    "is_required",
    "schema_of",
    "schema_words",
    "takes_null",
]

DECIMAL = "haltpoint:decimal"
"""The keyword that marks the places of decimals in the JSON schema of a form's field, and says their bounds exactly."""

UNKNOWN_DEFAULT = "haltpoint:unknown_default"
"""The keyword that marks members whose default is not in the schema, since it is made anew or can't be read back from
JSON: it is true, or "set" where nobody can give another value."""

# How models name the types of the fields that they ask for.
_NAMED_TYPES = {
    **dict.fromkeys(("str", "string", "text"), "string"),
    **dict.fromkeys(("int", "integer"), "integer"),
    **dict.fromkeys(("float", "number"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("list", "array"), "array"),
    **dict.fromkeys(("dict", "object"), "object"),
}

# Those whose values are text of a format.
_NAMED_FORMATS = {"date": "date", "datetime": "date-time", "time": "time", "uuid": "uuid", "email": "email"}

_TYPE_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "yes or no",
    "array": "list",
    "object": "JSON object",
    "null": "empty",
}
_PLURALS: dict[Any, str] = {
    "string": "texts",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "yes or no",
    "array": "lists",
    "object": "JSON objects",
}
_FORMAT_WORDS = {
    "date": "date such as 2024-02-29",
    "date-time": "date and time such as 2024-02-29T12:30:00",
    "time": "time such as 12:30:00",
    "duration": "duration such as P1DT2H",
    "uuid": "UUID",
    "regex": "regular expression such as ^a.*",
    "email": "e-mail address",
    "base64": "text in base64, such as aGVsbG8=",
    "base64url": "text in base64, such as aGVsbG8=",
    "uri": "URL",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
    **{f"uuid{version}": f"UUID of version {version}" for version in range(1, 9)},
    "multi-host-uri": "URL",
    "ipv4network": "IPv4 network such as 10.0.0.0/8",
    "ipv4interface": "IPv4 interface such as 10.0.0.1/8",
    "ipv6network": "IPv6 network such as 2001:db8::/32",
    "ipv6interface": "IPv6 interface such as 2001:db8::1/32",
    "ipvanyaddress": "IP address",
    "ipvanynetwork": "IP network such as 10.0.0.0/8",
    "ipvanyinterface": "IP interface such as 10.0.0.1/8",
}
_WITHOUT_ARTICLE = ("text", "yes or no", "empty", "any value", "one of ")
_MOST_NAMES = 6


def schema_of(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a field's values. A field that has none names a type, as a model does."""
    schema: dict[str, Any] | None = field.get("json_schema")
    return _named_schema(field.get("field_type") or "str") if schema is None else schema


def is_required(field: Mapping[str, Any], *, is_dynamic: bool) -> bool:
    """Whether a field must have a value.

    Args:
        field: the field.
        is_dynamic: whether a model asked for it, for a field that does not say it itself.
    """
    return bool(field.get("required", not is_dynamic))


def _named_schema(type_name: str) -> dict[str, Any]:
    """The schema for the name of a basic type, such as "int", "boolean" or "list[str]"; under any other, all fits."""
    name, _, item = type_name.strip().lower().removesuffix("| none").strip().partition("[")
    if name.strip() in _NAMED_FORMATS:
        return {"type": "string", "format": _NAMED_FORMATS[name.strip()]}
    kind = _NAMED_TYPES.get(name.strip())
    if kind is None:
        return {}
    items = _named_schema(item.removesuffix("]")) if kind == "array" else {}
    return {"type": kind, "items": items} if items else {"type": kind}


def takes_null(schema: Mapping[str, Any]) -> bool:
    """Whether null is among the values that a schema names. One that says nothing about values does not name it."""
    kind: Any = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    if "const" in schema:
        return schema["const"] is None
    if "enum" in schema:
        return None in schema["enum"]
    branches = (branch for key in ("anyOf", "oneOf") for branch in schema.get(key, ()))
    return any(takes_null(branch) for branch in branches)


def is_null_text(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether a text that a person typed says null, and the schema takes it."""
    return text.strip() == "null" and takes_null(schema)


def base_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without saying that null is one of its values, too."""
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    return branches[0] if len(branches) == 1 and len(schema["anyOf"]) > 1 else schema


def schema_words(schema: Mapping[str, Any]) -> str:
    """Return what a schema takes, in words, such as "whole number" or "list of text"; without saying that null fits."""
    if DECIMAL in schema:
        return "decimal number such as 12.50"
    if "const" in schema:
        return choice_words([schema["const"]])
    if "enum" in schema:
        return choice_words(value for value in schema["enum"] if value is not None)
    branches = [branch for key in ("anyOf", "oneOf", "allOf") for branch in schema.get(key, ())]
    if branches:
        named = dict.fromkeys(schema_words(branch) for branch in branches if branch.get("type") != "null")
        return " or ".join(named)
    return _type_words(schema)


def expected_words(schema: Mapping[str, Any]) -> str:
    """Return the same for a sentence, such as "a whole number"."""
    if not ("const" in schema or "enum" in schema or DECIMAL in schema):
        branches = [branch for key in ("anyOf", "oneOf") for branch in schema.get(key, ())]
        if branches:
            named = (expected_words(branch) for branch in branches if branch.get("type") != "null")
            return " or ".join(dict.fromkeys(named))
    words = schema_words(schema)
    if "const" in schema or "enum" in schema or words.startswith(_WITHOUT_ARTICLE):
        return words
    return f"an {words}" if words[0] in "aeioAI" and not words.startswith("UUID") else f"a {words}"


def choice_words(values: Iterable[Any]) -> str:
    """Return the values to choose from, such as "'low', 'mid' or 'high'"."""
    *first, last = [repr(value) for value in values] or ["nothing"]
    return f"{', '.join(first)} or {last}" if first else last


def _type_words(schema: Mapping[str, Any]) -> str:
    kind: Any = schema.get("type")
    if isinstance(kind, list):
        kinds = cast("list[str]", kind)
        return " or ".join(_TYPE_WORDS.get(item, item) for item in kinds if item != "null")
    if kind == "string" and schema.get("format") in _FORMAT_WORDS:
        return _FORMAT_WORDS[schema["format"]]
    if kind == "array" and schema.get("items"):
        items: Mapping[str, Any] = schema["items"]
        return f"list of {_PLURALS.get(items.get('type'), 'values') if 'enum' not in items else schema_words(items)}"
    if kind == "object" and schema.get("properties"):
        return f"JSON object with {_names(list(schema['properties']))}"
    return _TYPE_WORDS.get(kind, "any value")


def _names(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join([*names[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])])


_EXAMPLES = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": ["a", "b"],
    "object": {"key": "value"},
}
_DEEPEST_EXAMPLE = 3


def example_of(schema: Mapping[str, Any], depth: int = 0) -> Any:
    """Return a value of the kind that a schema takes, for an advice; its bounds are not looked at."""
    wanted = base_schema(schema)
    kind: Any = wanted.get("type")
    if DECIMAL in wanted:
        return "12.50"
    if "enum" in wanted or "const" in wanted:
        return wanted["const"] if "const" in wanted else wanted["enum"][0]
    if kind == "array" and wanted.get("items") and depth < _DEEPEST_EXAMPLE:
        return [example_of(wanted["items"], depth + 1)]
    if kind == "object" and depth < _DEEPEST_EXAMPLE:
        return _example_object(wanted, depth)
    if kind == "string" and wanted.get("format") in _FORMAT_WORDS:
        return _FORMAT_WORDS[wanted["format"]].rpartition("such as ")[2]
    return _EXAMPLES.get(kind, "value")


def _example_object(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    members: Mapping[str, Any] = schema.get("properties", {})
    others: object = schema.get("additionalProperties")
    if not members and isinstance(others, Mapping):
        return {"key": example_of(cast("Mapping[str, Any]", others), depth + 1)}
    if not members:
        return {"key": "value"}
    # Without the tool's code, what has no known default must be given, too.
    unknown = (name for name, member in members.items() if UNKNOWN_DEFAULT in member and "default" not in member)
    needed = list(dict.fromkeys((*schema.get("required", ()), *unknown))) or list(members)[:1]
    return {name: example_of(members.get(name, {}), depth + 1) for name in needed}
