"""Reading what a person gave for one field: the value that is kept of it, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic_core import PydanticSerializationError, ValidationError

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.tools.field_words import base_schema, example_of

from .bytes_notation import UnreadableBytesError, as_taken, holds_bytes
from .code_needed import code_needed, unreadable_places
from .dropped_members import closed, dropped_members
from .failing_validators import failures_apart, failures_if_refused
from .field_schema import is_secret
from .formats import is_number
from .hidden_parts import MISSING
from .json_form import NotJsonError, dump_json, json_text, parse_said, with_whole_numbers
from .other_names import as_named
from .pydantic_problems import problems_of
from .rounded_numbers import rounded_numbers
from .validation import InvalidValueError, validated
from .value_problems import NOT_GIVEN, ValueProblem

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .plain_types import Adapter
    from .schema import ToolParameter
    from .value_problems import Path

__all__ = ["RefusedValueError", "ValueReader", "kind_problems", "schema_reader", "tool_reader"]

# Returns the value that is kept for what was given; raises RefusedValueError where there is none.
ValueReader: TypeAlias = "Callable[[object], Any]"

# How people say yes and no.
_BOOLEANS: dict[str, bool] = {
    **dict.fromkeys(("true", "yes", "y", "on", "t", "1"), True),
    **dict.fromkeys(("false", "no", "n", "off", "f", "0"), False),
}

# Values of plain fields, which need no validator to be told from others.
_PLAIN_TYPES: dict[Any, type] = {"string": str, "integer": int, "boolean": bool}


class RefusedValueError(Exception):
    """A value does not fit.

    Attributes:
        problems: what is wrong with it.
    """

    def __init__(self, problems: Sequence[ValueProblem]) -> None:
        super().__init__(problems)
        self.problems = problems


def schema_reader(schema: Mapping[str, Any], *, for_tool: bool = True) -> ValueReader:
    """Return what reads values where the tool's code is not at hand, or where there is none, as no tool takes them."""

    def read(value: object) -> Any:
        # Loads jsonschema, which takes its time, and a value of a field that takes all needs none of it.
        with no_fork:
            from .schema_check import BrokenSchemaError, value_problems
            from .schema_forms import same_keys
        candidates, refusals = _with_bytes(_readable(value), schema)
        for candidate in (as_named(schema, reading) for reading in candidates):
            undecidable = code_needed(schema, candidate, MISSING)
            try:
                problems = value_problems(closed(schema), candidate) or same_keys(schema, candidate)
                problems = problems or (rounded_numbers(schema, candidate) if for_tool else [])
            except BrokenSchemaError:
                if not undecidable:
                    # The tool itself checks the value where the call runs.
                    return value
                problems = []
            problems = _with_undecidable(problems, undecidable)
            if not problems:
                return candidate
            refusals.append(problems)
        raise RefusedValueError(_told(_most_telling(refusals), value, schema))

    return read


def _with_undecidable(problems: Iterable[ValueProblem], undecidable: Sequence[tuple[Path, str]]) -> list[ValueProblem]:
    """What a person can correct comes first, then what only the tool's code can tell."""
    places = unreadable_places(undecidable)
    told = [item for item in problems if not any(item.path[: len(place)] == place for place in places)]
    return [*told, *(ValueProblem(path, "code", words) for path, words in undecidable)]


def tool_reader(definition: ToolDefinition, parameter: ToolParameter, schema: Mapping[str, Any]) -> ValueReader:
    """Return what reads values with the tool's own validation: the JSON data closest to the value that it takes."""

    def problems_with(candidate: object, *, strict: bool) -> list[ValueProblem]:
        try:
            made = validated(parameter.adapter, candidate, strict=strict, is_secret=parameter.is_secret)
            return dropped_members(candidate, made, schema)
        except ValidationError as error:
            return problems_of(error, candidate, schema)
        except InvalidValueError as error:
            return [ValueProblem((), "validator", str(error))]

    @failures_if_refused()
    def read(value: object) -> Any:
        is_typed = not isinstance(value, (int, float))
        meant, refusals = _with_bytes(_readable(value, with_words=not definition.strict), schema)
        readings = [
            (reading, kind_problems(reading, schema, is_typed=is_typed)) for reading in _exactly(parameter, meant)
        ]
        candidates = [reading for reading, problems in readings if not problems]
        refusals.extend(problems for _, problems in readings if problems)
        for candidate in candidates:
            if not problems_with(candidate, strict=True):
                return candidate
        for candidate in candidates:
            problems = problems_with(candidate, strict=definition.strict)
            if not problems:
                return _normalised(parameter.adapter, candidate)
            refusals.append(problems)
        raise RefusedValueError(_told(_most_telling(refusals), value, schema))

    return read


def _with_bytes(readings: Iterable[object], schema: Mapping[str, Any]) -> tuple[list[object], list[list[ValueProblem]]]:
    """Return the readings with text for bytes that stand in them as they are shown; and what is wrong with others."""
    meant: list[object] = []
    refusals: list[list[ValueProblem]] = []
    if not holds_bytes(schema):
        return list(readings), refusals
    for reading in readings:
        try:
            meant.append(as_taken(schema, "", reading, MISSING))
        except UnreadableBytesError as error:
            refusals.append([ValueProblem(error.place, "bytes", error.problem)])
    return meant, refusals


def _exactly(parameter: ToolParameter, readings: Iterable[object]) -> Iterator[object]:
    """Yield the readings, before each the same with text for decimals whose digits a float would lose."""
    for reading in readings:
        exact = reading if parameter.decimals is None else parameter.decimals.as_text(reading)
        if exact != reading:
            yield exact
        yield reading


def kind_problems(value: object, schema: Mapping[str, Any], *, is_typed: bool) -> list[ValueProblem]:
    """Return where a value is of another kind than the person was shown.

    The tool might make something of it all the same: a day of a number, a number of a yes.

    Args:
        value: JSON data.
        schema: what the person was shown.
        is_typed: whether text in it is what a person typed, which the tool may read in its own way. Digits are still
            no date: 20240229 is read as seconds since 1970, which no person means.
    """
    if type(value) is _PLAIN_TYPES.get(schema.get("type")) and not schema.keys() & {"format", "enum", "const"}:
        return []
    with no_fork:
        from .schema_check import BrokenSchemaError, value_problems
    try:
        problems = value_problems(schema, value)
    except BrokenSchemaError:
        return []

    def is_reading(problem: ValueProblem) -> bool:
        given = problem.given
        is_digits = problem.keyword == "format" and isinstance(given, str) and is_number(given)
        return is_typed and isinstance(given, str) and not is_digits

    return [problem for problem in problems if problem.is_kind and not is_reading(problem)]


def _normalised(adapter: Adapter, value: object) -> Any:
    """Return the JSON form of what a scalar was converted to, 1000 for "1_000", where it stands for the same.

    Containers stay as they are and are converted when the tool is called: their types may hide values, such as a
    password, when they are written out.
    """
    if isinstance(value, (dict, list)):
        return cast("Any", value)
    try:
        plain = adapter.dump_python(validated(adapter, value), mode="json")
        json_text(plain)
    except (NotJsonError, PydanticSerializationError) as error:
        raise RefusedValueError([ValueProblem((), "json", f"must have a JSON form: {error}", value)]) from error
    # A validator may make another value of each that it is given: then the one that was given is kept.
    return plain if _same(adapter, plain, value) else value


def _same(adapter: Adapter, first: object, second: object) -> bool:
    try:
        with failures_apart():
            return bool(validated(adapter, first) == validated(adapter, second))
    except (InvalidValueError, ValidationError):
        return False


def _readable(value: object, *, with_words: bool = True) -> list[object]:
    try:
        json_text(value)
    except NotJsonError as error:
        raise RefusedValueError(
            [ValueProblem((), "json", f"must be JSON data such as text, a number, a list or a dict; it {error}")]
        ) from error
    return list(_readings(value, with_words=with_words))


def _readings(value: object, *, with_words: bool) -> Iterator[object]:
    """Yield what a value may mean, the most literal meaning first."""
    yield value
    if isinstance(value, str):
        try:
            parsed = parse_said(value)
        except NotJsonError:
            pass
        else:
            yield parsed
            yield from _whole(parsed)
        said = value.strip().lower()
        if with_words and said in _BOOLEANS:
            yield _BOOLEANS[said]
        return
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield dump_json(value)
    yield from _whole(value)


def _whole(value: object) -> Iterator[object]:
    """The same with 5 for 5.0, where that makes a difference and JSON can carry it."""
    whole = with_whole_numbers(value)
    if whole is not value:
        with suppress(NotJsonError):
            json_text(whole)
            yield whole


def _most_telling(refusals: Sequence[list[ValueProblem]]) -> list[ValueProblem]:
    """Of what is wrong with each reading, that with the one which is of the right kind, if any is."""
    of_kind = (problems for problems in refusals if not all(item.is_kind and not item.path for item in problems))
    return next(of_kind, refusals[0])


def _told(problems: Sequence[ValueProblem], value: object, schema: Mapping[str, Any]) -> list[ValueProblem]:
    """Say what was given as it was given, and how a list or an object is typed to whoever typed another text."""
    advice = ""
    wanted = base_schema(schema)
    if isinstance(value, str) and wanted.get("type") in ("array", "object"):
        advice = f", as JSON text{_such_as(schema, wanted)}{'' if is_secret(schema) else _unreadable(value)}"
    return [problem if problem.path else _told_of_all(problem, value, advice) for problem in problems]


def _such_as(schema: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """An example, where that would be accepted: it does not look at bounds."""
    with no_fork:
        from .schema_check import BrokenSchemaError, value_problems
    example = example_of(wanted)
    try:
        fits = not value_problems(closed(schema), example) and not code_needed(schema, example, MISSING)
    except BrokenSchemaError:
        fits = False
    return f" such as {dump_json(example)}" if fits else ""


def _unreadable(text: str) -> str:
    """Why a text that begins as JSON is not read as such."""
    if not text.lstrip().startswith(("{", "[")):
        return ""
    try:
        parse_said(text)
    except NotJsonError as error:
        return f"; the text {error}"
    return ""


def _told_of_all(problem: ValueProblem, value: object, advice: str) -> ValueProblem:
    words = f"{problem.words}{advice}" if problem.is_kind else problem.words
    return problem._replace(words=words, given=problem.given if problem.given is NOT_GIVEN else value)
