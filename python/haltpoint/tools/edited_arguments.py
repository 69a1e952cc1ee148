"""Arguments that a person puts in the place of those that were shown: what of them is new, and whether it fits.

What was shown and left as it is passes: it was validated when the call was planned, and is once more where the call
runs. What is new is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic_core import ValidationError

from haltpoint.exceptions import ToolArgumentsError
from haltpoint.sensitive import Masking

from .bytes_notation import UnreadableBytesError, as_shown, as_taken
from .code_needed import code_needed, unreadable_places
from .dropped_members import closed, dropped_members
from .failing_validators import failures_apart, failures_if_refused, failures_logged
from .field_schema import argument_schema, field_schema
from .hidden_parts import MISSING, HiddenPartError, with_hidden_parts
from .input_form import form_schema
from .json_form import LARGEST_INTEGER, SMALLEST_INTEGER
from .json_form import shown as shown_text
from .kept_members import KeptMembers, is_left_as_shown
from .other_names import as_named
from .pydantic_problems import problems_of
from .same_values import is_same_kind
from .schema_check import BrokenSchemaError, schema_problems, value_problems
from .schema_forms import same_keys, schema_form
from .shown_arguments import default_form, is_plain, shown_value
from .validation import InvalidValueError, validated
from .value_problems import ValueProblem, missing_words, named_problem
from .value_readers import kind_problems

if TYPE_CHECKING:
    from haltpoint.run.tools.tools import ToolExecution

    from .definition import ToolDefinition
    from .schema import ToolParameter
    from .value_problems import Path

__all__ = ["EditedArguments", "edited_by_schema", "edited_by_tool"]

# As many as Python reads as a number.
_DIGITS = re.compile(r"-?[0-9]{19,4000}")


@dataclass
class EditedArguments:
    """The arguments of a call with what a person changed.

    Attributes:
        given: what the tool validates where the call runs. What was left as it is stands here as it was shown; the
            engine knows what it came from.
        shown: the values that the tool gets.
        problems: what does not fit: its path, where it is about an argument, and why not.
    """

    given: dict[str, Any] = field(default_factory=dict[str, Any])
    shown: dict[str, Any] = field(default_factory=dict[str, Any])
    problems: list[tuple[str | None, str]] = field(default_factory=list[tuple["str | None", str]])

    def keep(self, name: str, value: Any) -> None:
        """Take a value as it was shown."""
        self.given[name] = self.shown[name] = value

    def refuse(self, path: str, problem: str, hidden: Masking | None = None) -> None:
        """Note that an argument, or what stands at a path within it, does not fit; `hidden` masks names in the path."""
        place = path if hidden is None else hidden.text(path)
        self.problems.append((place, f"{place}{problem.removeprefix(path)}"))

    def refuse_all(self, name: str, problems: Iterable[tuple[Path, str]]) -> None:
        """Note what does not fit at places within an argument."""
        for place, words in problems:
            path = ".".join(map(str, (name, *place)))
            self.refuse(path, f"{path}: {words}")

    def refuse_missing(self, name: str, schema: Mapping[str, Any]) -> None:
        """Note that an argument must have a value."""
        problem = ValueProblem((), "required", missing_words(schema))
        self.problems.append(named_problem(problem, name))


def edited_by_tool(definition: ToolDefinition, execution: ToolExecution, wanted: Mapping[str, Any]) -> EditedArguments:
    """Return the arguments that a person wants, checked by the tool itself.

    Args:
        definition: the tool.
        execution: the call as the person was shown it.
        wanted: all arguments that the person wants.
    """
    edited = EditedArguments()
    known = [parameter.name for parameter in definition.inputs]
    schemas = {parameter.name: form_schema(definition, parameter) for parameter in definition.inputs}
    wanted = {name: as_named(schemas.get(name, {}), value) for name, value in wanted.items()}
    with failures_logged(f"the changed arguments of {definition.name}"):
        for parameter in definition.inputs:
            _edit(edited, definition, parameter, execution, wanted)
    for name in wanted:
        if name not in known:
            edited.refuse(name, f"{name}: there is no such argument; the arguments are: {', '.join(known) or 'none'}")
    return edited


def _edit(
    edited: EditedArguments,
    definition: ToolDefinition,
    parameter: ToolParameter,
    execution: ToolExecution,
    wanted: Mapping[str, Any],
) -> None:
    name = parameter.name
    if _is_kept(name, execution, wanted):
        edited.keep(name, execution.tool_args[name])
    elif name in wanted:
        try:
            edited.shown[name], edited.given[name] = _changed(definition, parameter, execution, wanted[name])
        except (HiddenPartError, UnreadableBytesError) as error:
            edited.refuse(error.path, str(error), parameter.hidden(wanted[name]))
        except _UnfitError as error:
            edited.problems.extend(error.problems)
    elif parameter.required:
        edited.refuse_missing(name, field_schema(definition.parameters, name))
    else:
        _take_default(edited, definition, parameter)


def _take_default(edited: EditedArguments, definition: ToolDefinition, parameter: ToolParameter) -> None:
    """Take the default of an argument that the model gave and the person left out."""
    name = parameter.name
    form, is_pinned = default_form(parameter)
    if is_pinned:
        edited.keep(name, form)
        return
    try:
        if is_plain(parameter.default_value):
            # Such as text for a URL: as if the person had given it.
            edited.shown[name], edited.given[name] = shown_value(definition, parameter, form)
            return
    except ToolArgumentsError:
        pass
    edited.refuse(name, f"{name}: missing, and its default {form} can't be kept; give a value")


class _UnfitError(ValueError):
    """A value does not fit.

    Attributes:
        problems: the path and the words of each thing that is wrong.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(problems)
        self.problems = problems


@failures_if_refused()
def _changed(
    definition: ToolDefinition, parameter: ToolParameter, execution: ToolExecution, wanted: Any
) -> tuple[Any, Any]:
    """Return what the tool gets for a value that a person changed, and what it validates for it.

    Raises:
        HiddenPartError: it can't be told which hidden value is meant.
        _UnfitError: the value does not fit, or a part that was left as it was shown would be another one.
    """
    schema = form_schema(definition, parameter)
    members = _members(parameter.name, execution, _with_digits(parameter, wanted))
    whole = members._replace(wanted=members._replace(said=as_named(schema, members.said)).completed())
    if whole.is_unchanged:
        return members.shown, members.shown
    if not is_left_as_shown(whole.wanted, members.wanted):
        try:
            with failures_apart():
                return _made(definition, parameter, schema, whole)
        except (HiddenPartError, UnreadableBytesError, _UnfitError):
            # A member may follow from what was changed, as a sum does.
            pass
    return _made(definition, parameter, schema, members)


def _made(
    definition: ToolDefinition, parameter: ToolParameter, schema: Mapping[str, Any], members: KeptMembers
) -> tuple[Any, Any]:
    name = parameter.name
    first: _UnfitError | None = None
    for value in members.values(as_taken(schema, name, _restored(members, name), members.shown, is_encoded=True)):
        try:
            shown, given = _validated(definition, parameter, value, members)
            problem = members.problem_with(shown, name, parameter.hidden(members.wanted, members.shown))
            if problem is None:
                return shown, given
            raise _UnfitError([problem])
        except _UnfitError as error:
            first = first or error
    assert first is not None  # noqa: S101 - there is at least one value
    raise first


def _validated(
    definition: ToolDefinition, parameter: ToolParameter, value: Any, members: KeptMembers
) -> tuple[Any, Any]:
    """Return what `shown_value` does; what the person gives must fit as it stands: "5" is no int.

    Raises:
        _UnfitError: it does not.
    """
    said = members.said
    misfits = _misfits(definition, parameter, value, said)
    if not misfits:
        return _as_where_it_runs(definition, parameter, value)
    known: set[Any] = set()
    if said is not MISSING:
        known = {problem.key for problem in _misfits(definition, parameter, said)}
    # The person may have written what the model said, as well.
    excused = [problem for problem in misfits if problem.key in known and members.is_kept_at(problem.path)]
    new = [problem for problem in misfits if problem not in excused and not _is_large_number(problem)]
    if new:
        raise _unfit(parameter, value, new)
    # Nothing but what was read more freely when the model said it, or what only text can carry.
    return _shown(definition, parameter, value, strict=False)


def _as_where_it_runs(definition: ToolDefinition, parameter: ToolParameter, value: Any) -> tuple[Any, Any]:
    """Return what `shown_value` does of a value that fits as it stands.

    Where the call runs it is read as what models say is: a union may then make another value of it, 7 of "007".
    """
    found = _shown(definition, parameter, value, strict=True)
    made, _ = _shown(definition, parameter, value, strict=False)
    if not is_same_kind(made, found[0]):
        would_be = "another value" if parameter.is_secret else shown_text(made)
        raise _unfit(parameter, value, [ValueProblem((), "validator", f"would become {would_be}", value)])
    return found


def _is_large_number(problem: ValueProblem) -> bool:
    """Whether a value is text where a whole number is wanted, one of more than 64 bits: JSON can't carry it."""
    given: object = problem.given
    if problem.words != "a whole number" or not isinstance(given, str) or not _DIGITS.fullmatch(given):
        return False
    return not SMALLEST_INTEGER <= int(given) <= LARGEST_INTEGER


def _shown(definition: ToolDefinition, parameter: ToolParameter, value: Any, *, strict: bool) -> tuple[Any, Any]:
    try:
        return shown_value(definition, parameter, value, strict=strict)
    except ToolArgumentsError as error:
        problems = _invalid_parts(definition, parameter, value, MISSING, strict=strict)
        # A validator that does not accept what it accepted before.
        raise _unfit(parameter, value, problems or [ValueProblem((), "validator", str(error))]) from error


def _misfits(
    definition: ToolDefinition, parameter: ToolParameter, value: Any, said: Any = MISSING
) -> list[ValueProblem]:
    """What in a value does not fit as it stands."""
    schema = field_schema(definition.parameters, parameter.name)
    kinds = kind_problems(value, schema, is_typed=True)
    told = {problem.path for problem in kinds}
    invalid = _invalid_parts(definition, parameter, value, said, strict=True)
    if invalid:
        # What is read more freely may drop members, too.
        invalid.extend(_dropped_parts(definition, parameter, value, said))
    # Both may find the same: a text where a number is wanted.
    return [*kinds, *(problem for problem in invalid if problem.path not in told)]


def _dropped_parts(definition: ToolDefinition, parameter: ToolParameter, value: Any, said: Any) -> list[ValueProblem]:
    found = _invalid_parts(definition, parameter, value, said, strict=False)
    return [problem for problem in found if problem.keyword == "additionalProperties"]


def _invalid_parts(
    definition: ToolDefinition, parameter: ToolParameter, value: Any, said: Any, *, strict: bool
) -> list[ValueProblem]:
    """What the tool's own validation finds, and what it would drop without a word."""
    try:
        made = validated(parameter.adapter, value, strict=strict or definition.strict, is_secret=parameter.is_secret)
        # Such as a misspelt member, in whose place a default would stand.
        return dropped_members(value, made, field_schema(definition.parameters, parameter.name), said)
    except ValidationError as error:
        return problems_of(error, value, form_schema(definition, parameter))
    except InvalidValueError as error:
        return [ValueProblem((), "validator", str(error))]


def _unfit(parameter: ToolParameter, value: object, problems: Iterable[ValueProblem]) -> _UnfitError:
    hidden = parameter.hidden(value)
    told = [named_problem(problem, parameter.name, hidden) for problem in problems]
    return _UnfitError(list(dict.fromkeys(told)))


def _with_digits(parameter: ToolParameter, value: Any) -> Any:
    return value if parameter.decimals is None else parameter.decimals.as_text(value)


def _is_kept(name: str, execution: ToolExecution, wanted: Mapping[str, Any]) -> bool:
    if name not in wanted:
        return name in execution.defaulted
    shown = execution.tool_args
    return name in shown and is_left_as_shown(wanted[name], shown[name])


def _members(name: str, execution: ToolExecution, wanted: Any) -> KeptMembers:
    said = execution.original_tool_args or {}
    return KeptMembers(wanted, execution.tool_args.get(name, MISSING), said.get(name, MISSING))


def _restored(members: KeptMembers, name: str) -> Any:
    """A new value, in which what the person was not shown is what the model said."""
    return with_hidden_parts(name, members.wanted, members.shown, members.said)


def edited_by_schema(schema: Any, execution: ToolExecution, wanted: Mapping[str, Any]) -> EditedArguments:
    """Return the arguments that a person wants, checked by the JSON schema that the journal has of the tool, if it has.

    What else it takes is as in `edited_by_tool`.
    """
    edited = EditedArguments()
    new: dict[str, KeptMembers] = {}
    undecidable: dict[str, list[tuple[Path, str]]] = {}
    wanted = _named(schema, wanted)
    for name in dict.fromkeys((*execution.tool_args, *wanted)):
        if _is_kept(name, execution, wanted):
            edited.keep(name, execution.tool_args[name])
        elif name not in wanted:
            _leave_out(edited, name, schema)
        else:
            try:
                changed = _changed_by_schema(edited, schema, name, _members(name, execution, wanted[name]))
                if changed is not None:
                    new[name], undecidable[name] = changed
            except (HiddenPartError, UnreadableBytesError) as error:
                is_shown = name not in execution.sensitive
                edited.refuse(error.path, str(error), None if is_shown else Masking([name], wanted))
    if schema is not None and new:
        # What a person can correct comes first, then what only the tool's code can tell.
        places = [(name, *place) for name, found in undecidable.items() for place in unreadable_places(found)]
        edited.problems.extend(_told_beside(_new_problems(schema, execution, edited.given, new), places))
    for name, found in undecidable.items():
        edited.refuse_all(name, found)
    return edited


def _told_beside(problems: Iterable[tuple[str | None, str]], places: Iterable[Path]) -> list[tuple[str | None, str]]:
    """The problems, less those within places of which the schema does not tell what stands there."""
    paths = [".".join(map(str, place)) for place in places]
    return [
        (path, words) for path, words in problems if path is None or not any(_is_within(path, place) for place in paths)
    ]


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}.")


class _Changed(NamedTuple):
    """A value that a person changed.

    Attributes:
        members: what is to be held against the schema.
        undecidable: what `code_needed` says of it.
    """

    members: KeptMembers
    undecidable: list[tuple[Path, str]]


def _changed_by_schema(edited: EditedArguments, schema: Any, name: str, members: KeptMembers) -> _Changed | None:
    """Take a value that a person changed; None where it is the one that was shown.

    Raises:
        HiddenPartError: it can't be told which hidden value is meant.
        UnreadableBytesError: a text stands for no bytes.
    """
    described = argument_schema(schema, name)
    members = _completed(described, members._replace(said=as_named(described, members.said)))
    if members.is_unchanged:
        edited.keep(name, members.shown)
        return None
    parts = _restored(members, name)
    # Were the rest right, what is left out would stay as it was shown.
    whole = members.completed() if _misfits_schema(described, members.wanted) else members.wanted
    undecidable = code_needed(described, whole, members.shown, members.said)
    undecidable.extend((path, words) for path, _, words, *_ in same_keys(described, members.wanted))
    restored = as_taken(described, name, parts, members.shown)
    # What is made of the model's own words was shown.
    taken = as_taken(described, name, members.as_made(), members.shown)
    edited.given[name] = next(members.values(restored))
    edited.shown[name] = schema_form(schema, name, as_shown(described, taken), completed=True)
    return _Changed(members, undecidable)


def _completed(schema: Mapping[str, Any], members: KeptMembers) -> KeptMembers:
    """The same with the members that were left out as they were shown, where the type takes these beside the others."""
    whole = members.completed()
    return members if _misfits_schema(schema, whole) else members._replace(wanted=whole)


def _misfits_schema(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value does not fit; with a broken schema, none does."""
    try:
        return bool(value_problems(closed(schema), value))
    except BrokenSchemaError:
        return True


def _new_problems(
    schema: Any, execution: ToolExecution, given: Mapping[str, Any], changed: Mapping[str, KeptMembers]
) -> list[tuple[str | None, str]]:
    """What is wrong with new values, less what is as wrong with those in their places.

    Types may show what they do not take, or show it under another name.
    """

    def is_kept(path: Path) -> bool:
        return bool(path) and changed[str(path[0])].is_kept_at(path[1:])

    new = {name: given[name] for name in changed}
    said = _named(schema, _part(execution.original_tool_args or {}, new))
    try:
        problems = _schema_problems(schema, new, said, is_kept)
        known = _schema_problems(schema, _part(execution.tool_args, new), said) if problems else []
        # The same, less sensitive values: compared are the values.
        shown = _schema_problems(schema, new, said, is_kept, execution.sensitive) if execution.sensitive else problems
    except BrokenSchemaError as error:
        advice = "confirm the call as it stands or reject it, or change it where the tool's code is at hand"
        return [(None, f"they can't be checked, since the schema in the run's journal is broken: {error}; {advice}")]
    return [told for problem, told in zip(problems, shown, strict=True) if problem not in known]


def _named(schema: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: as_named(argument_schema(schema, name), value) for name, value in values.items()}


def _part(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _leave_out(edited: EditedArguments, name: str, schema: Any) -> None:
    """Take the default of an argument that the model gave and the person left out."""
    described = _of(_of(schema, "properties"), name)
    if "default" in described:
        edited.keep(name, described["default"])
    else:
        edited.refuse_missing(name, argument_schema(schema, name))


def _of(described: Any, name: str) -> Mapping[str, Any]:
    """A part of a schema out of a journal, which anybody may have changed."""
    empty: Mapping[str, Any] = {}
    parts = cast("Mapping[str, Any]", described) if isinstance(described, Mapping) else empty
    part: object = parts.get(name)
    return cast("Mapping[str, Any]", part) if isinstance(part, Mapping) else empty


def _schema_problems(
    schema: Any,
    new: Mapping[str, Any],
    said: Mapping[str, Any],
    excuses: Callable[[Path], bool] = lambda _: True,
    sensitive: Collection[str] = (),
) -> list[tuple[str | None, str]]:
    """What is wrong with values. The others were checked by the tool, and need not look as the schema has them."""
    described = closed(schema)
    known: Any = {**described, "required": []} if isinstance(schema, Mapping) else schema
    return schema_problems(known, new, said, sensitive, excuses=excuses)
