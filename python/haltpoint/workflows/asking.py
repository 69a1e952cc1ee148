"""Steps that are questions to people, or work for another program."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.exceptions import StepExpiredError, StepRejectedError
from haltpoint.tools.decorator import mark_tool, tool
from haltpoint.tools.definition import ToolDefinition, define_tool
from haltpoint.tools.given_types import UnfitValueError
from haltpoint.tools.options import ToolOptions
from haltpoint.tools.results import json_data
from haltpoint.workflows.branches import Branch, needed_branch
from haltpoint.workflows.expected import Expected
from haltpoint.workflows.outcomes import content_of
from haltpoint.workflows.values import ValueType

if TYPE_CHECKING:
    from pydantic import BaseModel

    _ModelT = TypeVar("_ModelT", bound=BaseModel)

_T = TypeVar("_T")

__all__ = ["ask", "confirm", "external"]


@dataclass(frozen=True)
class _AskedField:
    """One field of a form."""

    field_name: str
    field_type: str
    field_description: str
    json_schema: dict[str, Any]
    required: bool


def _ask(question: str, fields: list[_AskedField], refused: str | None = None, given: Any = None) -> str:
    """Ask a person."""
    raise RuntimeError(f"{question!r} is answered by a person, and has nothing to run")


def _confirm(question: str, details: Any = None) -> bool:
    """Ask a person to agree."""
    return True


def _external(
    name: str, args: dict[str, Any], returns: Any = None, refused: str | None = None, given: Any = None
) -> str:
    """Do something elsewhere."""
    raise RuntimeError(f"{name!r} is done elsewhere, and has nothing to run")


# By the names that people read. Each is looked up by name and module in a process that continues the run.
for _name, _function in {"ask": _ask, "confirm": _confirm, "external": _external}.items():
    _function.__name__ = _function.__qualname__ = _name
mark_tool(_ask, ToolOptions(requires_user_input=True, dynamic_user_input=True, read_only=True))
# A yes to one question is none to another: no approval is remembered.
mark_tool(_confirm, ToolOptions(requires_confirmation=True, always_ask=True, fixed_arguments=True, read_only=True))
tool(external_execution=True)(_external)

_BOOL = ValueType(lambda: bool)


@overload
async def ask(question: str, model: type[_ModelT], /, *, expires_after: float | None = None) -> _ModelT: ...


@overload
async def ask(question: str, /, *, expires_after: float | None = None, **fields: Any) -> Any: ...


async def ask(question: str, model: Any = None, /, *, expires_after: float | None = None, **fields: Any) -> Any:
    """Ask a person to fill in a form, and return what they answered.

    An answer that the model does not take, or of which it would make another value, is refused when it is given in a
    process where this body has run. Where it is found out later, the person is asked again: the new question shows what
    was given and what is wrong with it.

    Args:
        question: what they read.
        model: a pydantic model; its fields are those of the form.
        expires_after: how long an answer is waited for, in seconds, each time that the person is asked; None for as
            long as it takes.
        **fields: without a model: the type of each field, by its name. One that takes None may stay empty.

    Returns:
        An instance of the model; of fields, an object that has their values as attributes.

    Raises:
        StepExpiredError: no answer came in time.
        RuntimeError: no body of a workflow runs here.
    """
    branch = needed_branch("ask")
    form = _form_model(fields) if model is None else model
    arguments = {"question": question, "fields": _form_fields(form)}
    definition = _with_terms(define_tool(_ask), expires_after=expires_after)
    return await _until_it_fits(branch, definition, arguments, Expected(form, is_form=True))


async def _until_it_fits(
    branch: Branch,
    definition: ToolDefinition,
    arguments: dict[str, Any],
    expected: Expected,
    shown: dict[str, Any] | None = None,
) -> Any:
    """Ask for a value, and again for as long as what is given does not fit.

    Args:
        branch: where it is asked.
        definition: how it is asked.
        arguments: what is asked. The step is known by them and by how often it was asked.
        expected: the type of the value.
        shown: what else is shown.
    """
    again, refused = 0, dict[str, Any]()
    while True:
        # The question and what was wrong come first.
        asked = {**dict(list(arguments.items())[:1]), **refused, **arguments, **(shown or {})}
        outcome = await branch.body.outcome(
            branch,
            # No parameter but these: defaults would be shown.
            replace(definition, inputs=tuple(item for item in definition.inputs if item.name in asked)),
            asked,
            # Not by the words of a refusal, which may be others where the code is another version of itself.
            identity={**arguments, "again": again} if again else arguments,
            check=expected.check,
        )
        content = content_of(outcome)
        try:
            return expected.read(content)
        except UnfitValueError as error:
            again += 1
            refused = {"refused": str(error), "given": expected.shown(content)}


async def confirm(
    question: str, *, details: Any = None, approvals: int = 1, expires_after: float | None = None
) -> bool:
    """Ask people to agree, and return whether they did.

    Args:
        question: what they read.
        details: JSON data, dataclasses or pydantic models that they read as well.
        approvals: how many different people must agree; one rejection is a no.
        expires_after: how long an answer is waited for, in seconds; None for as long as it takes.

    Returns:
        True when they agreed; False when one rejected it, or no answer came in time.

    Raises:
        RuntimeError: no body of a workflow runs here.
    """
    branch = needed_branch("confirm")
    arguments: dict[str, Any] = {"question": question}
    if details is not None:
        arguments["details"] = json_data(details)
    definition = _with_terms(define_tool(_confirm), expires_after=expires_after, approvals=approvals)
    try:
        agreed: bool = await branch.body.call(branch, definition, arguments, _BOOL)
    except (StepRejectedError, StepExpiredError):
        return False
    return agreed


@overload
async def external(
    name: str, args: Mapping[str, Any] | None = None, *, returns: type[_T], expires_after: float | None = None
) -> _T: ...


@overload
async def external(name: str, args: Mapping[str, Any] | None = None, *, expires_after: float | None = None) -> Any: ...


async def external(
    name: str, args: Mapping[str, Any] | None = None, *, returns: Any = Any, expires_after: float | None = None
) -> Any:
    """Wait for the result of something that is done elsewhere, and return it.

    Args:
        name: what is to be done.
        args: what with: JSON data, dataclasses or pydantic models.
        returns: the type of the result. Who gives one is shown its JSON schema; one that does not fit, or of which the
            type would make another value, is refused or asked for again, as an answer to `ask` is.
        expires_after: how long it is waited for, in seconds, each time that it is asked for; None for as long as it
            takes.

    Raises:
        StepExpiredError: no result came in time.
        RuntimeError: no body of a workflow runs here.
    """
    branch = needed_branch("external")
    arguments = {"name": name, "args": json_data(dict(args or {}))}
    definition = _with_terms(define_tool(_external), expires_after=expires_after)
    expected = Expected(returns)
    schema = expected.json_schema
    shown = None if schema is None else {"returns": schema}
    return await _until_it_fits(branch, definition, arguments, expected, shown)


def _with_terms(definition: ToolDefinition, *, expires_after: float | None, approvals: int = 1) -> ToolDefinition:
    """Return a tool with what holds for one call."""
    if expires_after is None and approvals == 1:
        return definition
    # Checked as the options of a tool are.
    options = ToolOptions(
        requires_confirmation=definition.pause == "confirmation",
        external_execution=definition.pause != "confirmation",
        expires_after=expires_after,
        approvals=approvals,
    )
    return replace(definition, expires_after=options.expires_after, approvals=options.approvals)


def _form_model(fields: Mapping[str, Any]) -> Any:
    """Return a model of the fields that were given as keywords."""
    if not fields:
        raise TypeError("ask(...) needs a pydantic model, or the fields as keywords, as in ask('How much?', euros=int)")
    with no_fork:
        from pydantic import create_model
    # Absent fields of a form are empty ones.
    described: dict[str, Any] = {name: (kind, None if _takes_none(kind) else ...) for name, kind in fields.items()}
    return create_model("Answer", **described)


def _takes_none(kind: Any) -> bool:
    return kind is Any or type(None) in getattr(kind, "__args__", ())


def _form_fields(model: Any) -> list[dict[str, Any]]:
    if not (inspect.isclass(model) and hasattr(model, "model_json_schema")):
        raise TypeError(f"ask(question, model) needs a pydantic model class, got {model!r}")
    with no_fork:
        from haltpoint.tools.field_words import schema_words

        schema = cast("Any", model).model_json_schema()
    definitions = schema.get("$defs")
    required = schema.get("required", ())
    return [
        {
            "field_name": name,
            "field_type": schema_words(field),
            "field_description": field.get("description", ""),
            "json_schema": {**field, "$defs": definitions} if definitions else field,
            "required": name in required,
        }
        for name, field in schema.get("properties", {}).items()
    ]
