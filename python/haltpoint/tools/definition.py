"""A tool as a run sees it: what the model is told, how a call is checked, and what is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from haltpoint._concurrency.async_functions import AnyFunction, is_async
from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.given_text import storable_text

from .arguments import argument_problems, bind_arguments, check_arguments
from .callables import check_tool, is_unbound_method, options_of, qualified_name, tool_name
from .foreign_code import calls_foreign_code
from .json_form import dump_json
from .module_names import canonical_module

if TYPE_CHECKING:
    from datetime import datetime

    from .marked_schemas import MarkedSchemas
    from .options import OnExpiry, PauseKind, ToolOptions
    from .reconcile import InDoubtCall
    from .schema import ToolParameter, ToolSchema

__all__ = ["ToolDefinition", "define_tool"]

_BUILT_ATTRIBUTE = "__haltpoint_definition__"


@dataclass(frozen=True, slots=True, eq=False)
class ToolDefinition:
    """One tool, ready to be offered to a model and to be called.

    Attributes:
        name: the model's name for it.
        description: what the model reads about it.
        parameters: JSON schema of its arguments. Shared by all runs: not to be changed.
        function: what is called with the result of `bind`.
        is_async: whether that call returns an awaitable.
        pause: what a call waits for before it runs, if anything.
        confirmation_rule: says for each call whether it waits for a confirmation, where that depends on the arguments.
        user_input_fields: the parameters whose values a person gives.
        expires_after: how long an answer is waited for, in seconds; None for as long as it takes.
        on_expiry: what happens then: "reject", "fail" or "cancel".
        approvals: how many different people must confirm a call.
        always_ask: no approval is remembered for later calls.
        read_only: a call changes nothing.
        idempotent: a repeated call changes nothing more.
        reconcile: what is asked about a call whose outcome is unknown.
        stop_after_tool_call: the run ends with this tool's result.
        sequential: no other tool of the run runs at the same time.
        timeout: longest time that one attempt may take, in seconds; None for no limit.
        max_retries: how many further attempts follow one that failed.
        sensitive: the parameters whose values are masked wherever nobody decides on them.
        strict: values are not converted; "5" is no int.
        dynamic_user_input: the fields that a person gives come with each call, in its arguments.
        fixed_arguments: whoever approves a call can't change its arguments.
        module: where the function is defined, the same however that module was started.
        qualname: its dotted name in that module.
        digest: SHA-256 of name and parameters, in hexadecimal; the same in every process.
        inputs: the parameters one by one, in the order of the signature.
        calls_foreign_code: whether checking the arguments calls functions of their types, which may take their time.
        marked: the schemas of the parameters with what people are told beyond JSON Schema; None for plain types.
        expires_at: until when one call waits (aware), in place of `expires_after`.
        event: the event that one call waits for: its `name` and, where it has one, its `key`.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    function: AnyFunction
    is_async: bool
    pause: PauseKind | None
    confirmation_rule: Callable[..., Any] | None
    user_input_fields: tuple[str, ...]
    expires_after: float | None
    on_expiry: OnExpiry | Literal["proceed"]
    approvals: int
    always_ask: bool
    read_only: bool
    idempotent: bool
    reconcile: Callable[[InDoubtCall], Any] | None
    stop_after_tool_call: bool
    sequential: bool
    timeout: float | None
    max_retries: int
    sensitive: tuple[str, ...]
    strict: bool
    dynamic_user_input: bool
    fixed_arguments: bool
    module: str
    qualname: str
    digest: str
    inputs: tuple[ToolParameter, ...] = field(repr=False)
    calls_foreign_code: bool = field(default=False, repr=False)
    marked: MarkedSchemas | None = field(default=None, repr=False)
    expires_at: datetime | None = field(default=None, repr=False)
    event: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def repeatable(self) -> bool:
        """Whether a call may be made again when nobody knows if it happened."""
        return self.read_only or self.idempotent

    def renamed(self, name: str) -> ToolDefinition:
        """Return the same tool under another name."""
        with no_fork:
            from .schema import tool_digest
        return replace(self, name=name, digest=tool_digest(name, self.parameters))

    def parse_arguments(self, arguments: str | Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the arguments of a call as the model sent them, once they are known to be valid.

        Args:
            arguments: JSON text of an object, or the object itself. None and empty text stand for no arguments.

        Returns:
            JSON data of its own. Of the fields that a person gives, a value that would not do is left out.

        Raises:
            ToolArgumentsError: they break the schema or are no JSON; the message is written for the model.
        """
        return check_arguments(self, arguments).data

    def argument_problems(self, arguments: Mapping[str, Any]) -> list[tuple[str | None, str]]:
        """Return what is wrong with arguments that a person gives: which argument, where it is one, and the problem.

        Unlike a model's they are not converted: "5" is no int.
        """
        return argument_problems(self, arguments)

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments to call `function` with: models, dates, enumerations and so on are built.

        Args:
            arguments: what `parse_arguments` returned, with what a person gave merged into it. What is not given
                is left to the function's defaults.

        Raises:
            ToolArgumentsError: an argument is missing or invalid.
        """
        return bind_arguments(self, arguments)

    def user_input_schema(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the form that a person fills in: one dict for each parameter.

        It has the keys name, field_type, description, json_schema (which stands by itself), required, value, and
        default where there is one that has a JSON form. The value is the model's, else the default; for the fields
        that the person gives it is None, also when the model made a guess. Other parameters without a value are left
        out.
        """
        with no_fork:
            from .input_form import user_input_schema
        return user_input_schema(self, arguments)

    def check_user_input(self, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a person's values converted to the declared types, as JSON data to merge into the arguments.

        Args:
            arguments: what `parse_arguments` returned.
            values: the value of each field of the form by the field's name. Text is converted: "5" for an int, JSON
                text for a list. None is a value where the parameter takes it; else it leaves the field empty, as a
                field does that is not named: then its default applies.

        Raises:
            InvalidResolutionError: a value is missing or does not fit, or the tool has no such field.
        """
        with no_fork:
            from .user_values import check_user_input
        return check_user_input(self, arguments, values)


def define_tool(function: AnyFunction, options: ToolOptions | None = None) -> ToolDefinition:
    """Return the definition of a function, bound method or callable object.

    It is built once per function, however often it is asked for.

    Args:
        function: decorated or not.
        options: what to take in place of that which the decorator was told.

    Raises:
        TypeError: it can't be a tool, or a parameter's type has no JSON schema.
        ValueError: its options do not fit its signature.
    """
    options = options_of(function) if options is None else options
    is_bound = inspect.ismethod(function)
    owner: AnyFunction = function.__func__ if inspect.ismethod(function) else function
    built: object = getattr(owner, _BUILT_ATTRIBUTE, None)
    if not (isinstance(built, _Built) and built.is_for(owner, is_bound, options)):
        built = _keep(_Built(owner, is_bound, options, _build(function, owner, options)))
    return replace(built.definition, function=function) if is_bound else built.definition


class _Built(NamedTuple):
    """A definition that is kept on the function it was built for; of a bound method, without its object.

    Kept there and not in a table, so that both are collected together. `functools.wraps` copies attributes to
    functions with other parameters, hence the note of the owner.
    """

    owner: AnyFunction
    is_bound: bool
    options: ToolOptions
    definition: ToolDefinition

    def is_for(self, owner: object, is_bound: bool, options: ToolOptions) -> bool:
        return self.owner is owner and self.is_bound is is_bound and self.options is options


def _keep(built: _Built) -> _Built:
    try:
        setattr(built.owner, _BUILT_ATTRIBUTE, built)
    except AttributeError:
        # Builtins and objects with slots take no attributes; their definition is built each time.
        return built
    return built


def _build(function: AnyFunction, owner: AnyFunction, options: ToolOptions) -> ToolDefinition:
    if is_unbound_method(function):
        raise TypeError(
            f"{qualified_name(function)} is a method without its object; "
            "hand over the toolkit's instance, or the method of an instance"
        )
    check_tool(function, options)
    schema = _schema(function, options)
    return ToolDefinition(
        name=schema.name,
        description=_description(schema, options),
        parameters=schema.json_schema,
        function=owner,
        is_async=is_async(function),
        pause=options.pause,
        confirmation_rule=options.confirmation_rule,
        user_input_fields=options.user_input_fields,
        expires_after=options.expires_after,
        on_expiry=options.on_expiry,
        approvals=options.approvals,
        always_ask=options.always_ask,
        read_only=options.read_only,
        idempotent=options.idempotent,
        reconcile=options.reconcile,
        stop_after_tool_call=options.stop_after_tool_call,
        sequential=options.sequential,
        timeout=options.timeout,
        max_retries=options.max_retries,
        sensitive=options.sensitive,
        strict=options.strict,
        dynamic_user_input=options.dynamic_user_input,
        fixed_arguments=options.fixed_arguments,
        module=canonical_module(function),
        qualname=qualified_name(function),
        digest=schema.digest,
        inputs=schema.parameters,
        calls_foreign_code=calls_foreign_code(schema.parameters),
        marked=schema.marked,
    )


def _schema(function: AnyFunction, options: ToolOptions) -> ToolSchema:
    # Pydantic, too, imports parts of itself late, as the types need them.
    with no_fork:
        from .schema import build_schema

        return build_schema(tool_name(function, options), function, options.user_input_fields, options.sensitive)


def _description(schema: ToolSchema, options: ToolOptions) -> str:
    """What the model reads about the tool, once all that it is told can be sent and stored."""
    description = schema.description if options.description is None else options.description
    storable_text(f"what is said of the tool {schema.name!r}", f"{description}{dump_json(schema.json_schema)}")
    return description
