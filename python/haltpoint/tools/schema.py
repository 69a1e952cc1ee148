"""From a function's signature and docstring to the JSON schema of its arguments.

Pydantic is loaded for types that need it, pydantic's core for all.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union, cast, get_args, get_origin, get_type_hints

from haltpoint._concurrency.async_functions import AnyFunction, implementation
from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.sensitive import Masking

from .callables import model_parameters
from .defaults import NO_DEFAULT, plain_default
from .documentation import read_documentation
from .field_schema import argument_schema, hides_argument, names_in
from .plain_types import Adapter, PlainAdapter, PlainType, plain_type
from .type_names import accepts_none, type_name

if TYPE_CHECKING:
    from .decimals import DecimalPlaces
    from .marked_schemas import MarkedSchemas

__all__ = ["ToolParameter", "ToolSchema", "build_schema", "tool_digest"]


class ToolParameter(NamedTuple):
    """One parameter of a tool.

    Attributes:
        name: its name.
        type_name: its type, as a person reads it.
        description: what the docstring or the annotation says about it, if anything.
        required: whether the function has no default for it.
        default: that default, if there is one and it is plain JSON data; else NO_DEFAULT.
        default_value: that default as it is; None where there is none.
        adapter: validates its values.
        decimals: where its values hold decimals, if they do.
        is_secret: whether its values hold something that is not to be shown, such as a password.
        is_name: of a secret one, whether a name within a value may be shown.
    """

    name: str
    type_name: str
    description: str | None
    required: bool
    default: Any
    default_value: Any
    adapter: Adapter
    decimals: DecimalPlaces | None = None
    is_secret: bool = False
    is_name: Callable[[str], bool] = str.isidentifier

    def hidden(self, *values: object) -> Masking | None:
        """Return what keeps such values out of texts; None where they may be shown."""
        if not self.is_secret:
            return None
        return Masking([self.name], *({self.name: value} for value in values), is_name=self.is_name)


class ToolSchema(NamedTuple):
    """What a model is told about a tool, and what its calls are checked with.

    Attributes:
        name: the model's name for the tool.
        description: what the docstring says before its sections.
        parameters: the parameters in the order of the signature.
        json_schema: JSON schema of the arguments, an object.
        digest: SHA-256 of name and JSON schema, in hexadecimal; the same in every process. Descriptions and the
            parameters' defaults are not in it: a planned call has its own defaults.
        marked: the schemas of the parameters with what people are told beyond that; None where there is nothing.
    """

    name: str
    description: str
    parameters: tuple[ToolParameter, ...]
    json_schema: dict[str, Any]
    digest: str
    marked: MarkedSchemas | None = None


def build_schema(
    name: str, function: AnyFunction, optional: Iterable[str] = (), sensitive: Collection[str] = ()
) -> ToolSchema:
    """Build the schema of `function`.

    Args:
        name: the model's name for the tool.
        function: a function, bound method or callable object.
        optional: parameters that the model need not give although the function has no default for them.
        sensitive: parameters whose values no error may show.

    Raises:
        TypeError: an annotation can't be evaluated, or has no JSON schema.
    """
    documentation = read_documentation(function)
    signature = model_parameters(function)
    hints = {item.name: _hint(name, function, item) for item in signature}
    types = _understood(name, hints)
    properties = types.properties
    for item in signature:
        _complete(properties[item.name], item, documentation.parameters.get(item.name))
    required = [item.name for item in signature if _is_required(item, optional)]
    json_schema = _object_schema(properties, required, types.definitions)
    return ToolSchema(
        name=name,
        description=documentation.description,
        parameters=tuple(
            _tool_parameter(item, hints[item.name], types, json_schema, is_sensitive=item.name in sensitive)
            for item in signature
        ),
        json_schema=json_schema,
        digest=tool_digest(name, json_schema),
        marked=types.marked,
    )


class _Types(NamedTuple):
    """What is known of the types of all parameters, by the parameters' names.

    Attributes:
        adapters: what validates the values of each.
        properties: the JSON schema of each.
        definitions: the schemas that those refer to.
        decimals: where the values of each hold decimals, if they do.
        marked: the schemas with marks for people.
    """

    adapters: Mapping[str, Adapter]
    properties: dict[str, dict[str, Any]]
    definitions: Mapping[str, Any] = MappingProxyType({})
    decimals: Mapping[str, DecimalPlaces | None] = MappingProxyType({})
    marked: MarkedSchemas | None = None


def _tool_parameter(
    parameter: inspect.Parameter, hint: Any, types: _Types, json_schema: Mapping[str, Any], *, is_sensitive: bool
) -> ToolParameter:
    schema = types.properties[parameter.name]
    is_required = parameter.default is inspect.Parameter.empty
    is_secret = is_sensitive or hides_argument(json_schema, parameter.name)
    return ToolParameter(
        name=parameter.name,
        type_name=type_name(hint),
        description=schema.get("description"),
        required=is_required,
        default=schema.get("default", NO_DEFAULT),
        default_value=None if is_required else parameter.default,
        adapter=types.adapters[parameter.name],
        decimals=types.decimals.get(parameter.name),
        is_secret=is_secret,
        is_name=names_in(argument_schema(json_schema, parameter.name) if is_secret else {}, is_sensitive=is_sensitive),
    )


def _is_required(parameter: inspect.Parameter, optional: Iterable[str]) -> bool:
    return parameter.default is inspect.Parameter.empty and parameter.name not in optional


def _object_schema(properties: dict[str, Any], required: list[str], definitions: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    if definitions:
        schema["$defs"] = definitions
    return schema


def _complete(schema: dict[str, Any], parameter: inspect.Parameter, description: str | None) -> None:
    """Add what the signature and the docstring know beyond the type."""
    if description:
        schema.setdefault("description", description)
    if parameter.default is not inspect.Parameter.empty:
        default = plain_default(parameter.default)
        if default is not NO_DEFAULT:
            schema["default"] = default


def tool_digest(name: str, json_schema: dict[str, Any]) -> str:
    """Return the digest of a tool of this name with these parameters: see `ToolSchema`."""
    properties = {parameter: _without_default(schema) for parameter, schema in json_schema["properties"].items()}
    content = {"name": name, "parameters": _without_descriptions({**json_schema, "properties": properties})}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if keyword != "default"}


# Keywords of JSON Schema whose value maps names of the user's to schemas: "description" may be such a name.
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
# Keywords whose value is the user's data.
_DATA = frozenset({"default", "const", "enum", "examples"})


def _without_descriptions(schema: Any) -> Any:
    """The schema without its words: rewording a docstring does not make a tool another one."""
    if isinstance(schema, list):
        return [_without_descriptions(item) for item in cast("Iterable[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for keyword, value in cast("dict[str, Any]", schema).items():
        if keyword in _DATA:
            kept[keyword] = value
        elif keyword in _NAMED_SCHEMAS:
            kept[keyword] = {name: _without_descriptions(item) for name, item in value.items()}
        elif keyword != "description":
            kept[keyword] = _without_descriptions(value)
    return kept


def _understood(tool: str, hints: Mapping[str, Any]) -> _Types:
    plain = {name: found for name, hint in hints.items() if (found := plain_type(hint)) is not None}
    if len(plain) == len(hints):
        return _plainly_understood(plain)
    with no_fork:
        from .pydantic_types import adapter_of, decimal_places, eager, marked_schemas, property_schemas
    adapters = {name: adapter_of(tool, name, hint) for name, hint in hints.items()}
    properties, definitions = property_schemas(tool, adapters)
    return _Types(
        adapters={name: eager(adapter, hints[name]) for name, adapter in adapters.items()},
        properties=properties,
        definitions=definitions,
        decimals={name: decimal_places(adapter) for name, adapter in adapters.items()},
        marked=marked_schemas(tool, adapters),
    )


def _plainly_understood(plain: Mapping[str, PlainType]) -> _Types:
    adapters = {name: PlainAdapter(found.core) for name, found in plain.items()}
    return _Types(adapters, {name: deepcopy(found.json) for name, found in plain.items()})


def _hint(tool: str, function: AnyFunction, parameter: inspect.Parameter) -> Any:
    """Return the evaluated annotation of a parameter."""
    if _is_pydantic_field(parameter.default):
        raise TypeError(
            f"the default of parameter {parameter.name!r} of tool {tool!r} is a pydantic Field, which the function "
            "would be called with; write Annotated[..., Field(...)] as the type and a plain default"
        )
    hint = _evaluated(tool, function, parameter)
    if parameter.default is inspect.Parameter.empty and _brings_default(hint):
        raise TypeError(
            f"the annotation of parameter {parameter.name!r} of tool {tool!r} has a pydantic Field with a default, "
            "which a function does not see; give the parameter a plain default: "
            f"{parameter.name}: Annotated[...] = <default>"
        )
    if parameter.default is None and not accepts_none(hint):
        return Optional[hint]  # noqa: UP045 - the bar does not work with every kind of annotation
    return hint


def _is_pydantic_field(default: object) -> bool:
    # Whoever made one has loaded its module.
    fields = sys.modules.get("pydantic.fields")
    return fields is not None and isinstance(default, fields.FieldInfo)


def _brings_default(hint: Any) -> bool:
    """Whether a Field in an annotation says a default; pydantic itself heeds that in models alone."""
    while hasattr(hint, "__value__"):
        hint = hint.__value__
    if get_origin(hint) in (Union, types.UnionType):
        return any(map(_brings_default, get_args(hint)))
    metadata: Iterable[Any] = getattr(hint, "__metadata__", ())
    return any(_is_pydantic_field(item) and not item.is_required() for item in metadata)


def _evaluated(tool: str, function: AnyFunction, parameter: inspect.Parameter) -> Any:
    if parameter.annotation is inspect.Parameter.empty:
        return Any
    source = inspect.unwrap(implementation(function))
    # Only the one annotation, and no defaults: Python 3.10 would make `x: int = None` optional by itself.
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        hints = get_type_hints(
            holder,
            getattr(source, "__globals__", {}),
            _enclosing_names(source),
            include_extras=True,
        )
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise TypeError(
            f"the type of parameter {parameter.name!r} of tool {tool!r}, written {parameter.annotation!r}, can't be "
            f"evaluated ({error}); define or import it at module level, outside of functions and of "
            "`if TYPE_CHECKING:`, or leave out `from __future__ import annotations` in that file"
        ) from error
    return hints[parameter.name]


def _enclosing_names(function: AnyFunction) -> dict[str, Any]:
    """Return the variables of enclosing functions that `function` uses, as far as they have values yet."""
    names: tuple[str, ...] = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells: tuple[types.CellType, ...] = getattr(function, "__closure__", None) or ()
    found: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # the enclosing function has not come to that variable
            continue
    return found
