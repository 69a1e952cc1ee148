"""The values that a person gives for a tool call: the form to fill in, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic_core import PydanticSerializationError, ValidationError

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.forking import no_fork
from haltpoint.run.field_words import base_schema, example_of, expected_words, is_required, schema_of, takes_null

from .callables import model_parameters
from .defaults import NO_DEFAULT
from .field_schema import field_schema
from .json_form import NotJsonError, dump_json, json_text, parse_json
from .validation import InvalidValueError, validated
from .value_problems import ValueProblem, missing_words, named_problem, problems_of

if TYPE_CHECKING:
    from .definition import ToolDefinition
    from .plain_types import Adapter
    from .schema import ToolParameter

__all__ = ["check_form_values", "check_user_input", "convert_field_value", "fits_form", "user_input_schema"]

_Field: TypeAlias = Mapping[str, Any]
# Returns the value that is kept for what was given; raises _RefusedError where there is none.
_Reader: TypeAlias = "Callable[[object], Any]"

_MOST_PROBLEMS = 10
# How people say yes and no, besides true and false.
_BOOLEANS: dict[Any, bool] = {
    **dict.fromkeys(("true", "yes", "y", "on", "t", "1", 1), True),
    **dict.fromkeys(("false", "no", "n", "off", "f", "0", 0), False),
}


class _RefusedError(Exception):
    """A value does not fit."""

    def __init__(self, problems: Sequence[ValueProblem]) -> None:
        super().__init__(problems)
        self.problems = problems


# The form


def user_input_schema(definition: ToolDefinition, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Do what `ToolDefinition.user_input_schema` says."""
    form: list[dict[str, Any]] = []
    for parameter in definition.inputs:
        value = _presented_value(definition, parameter, arguments)
        # An optional parameter that the model left out is nobody's to fill: shown empty, it would look like a question.
        if value is not None or parameter.name in definition.user_input_fields:
            form.append({**_field(definition, parameter), "value": value})
    return form


def _field(definition: ToolDefinition, parameter: ToolParameter) -> dict[str, Any]:
    schema = field_schema(definition.parameters, parameter.name)
    field = {
        "name": parameter.name,
        "field_type": parameter.type_name,
        "description": parameter.description,
        "json_schema": schema,
        "required": parameter.required and not takes_null(schema),
    }
    default = _default(definition, parameter)
    return field if default is NO_DEFAULT else {**field, "default": default}


def _default(definition: ToolDefinition, parameter: ToolParameter) -> Any:
    """The default as JSON data that stands for no other value; NO_DEFAULT where there is none."""
    if parameter.required or parameter.default is not NO_DEFAULT:
        return parameter.default
    default = next(item.default for item in model_parameters(definition.function) if item.name == parameter.name)
    try:
        data = parameter.adapter.dump_python(default, mode="json")
        json_text(data)
        return data if validated(parameter.adapter, data) == default else NO_DEFAULT
    except (InvalidValueError, TypeError, ValueError):
        return NO_DEFAULT


def _presented_value(definition: ToolDefinition, parameter: ToolParameter, arguments: Mapping[str, Any]) -> Any:
    if parameter.name in definition.user_input_fields:
        return None
    if parameter.name in arguments:
        return arguments[parameter.name]
    return None if parameter.default is NO_DEFAULT else parameter.default


def fits_form(definition: ToolDefinition, form: Sequence[_Field]) -> bool:
    """Whether a form asks for the values that a tool takes, so that the tool can check them."""
    known = {parameter.name for parameter in definition.inputs}
    return all(
        field["name"] in known and field.get("json_schema") == field_schema(definition.parameters, field["name"])
        for field in form
    )


# What comes back


def check_user_input(
    definition: ToolDefinition, arguments: Mapping[str, Any], values: Mapping[str, Any], *, in_part: bool = False
) -> dict[str, Any]:
    """Do what `ToolDefinition.check_user_input` says; with `in_part` of the fields that have values only."""
    parameters = {parameter.name: parameter for parameter in definition.inputs}
    fields = [_field(definition, parameter) for parameter in definition.inputs]

    def is_open(name: str) -> bool:
        return name in definition.user_input_fields

    def is_asked(field: _Field) -> bool:
        name = field["name"]
        is_needed = is_open(name) or (field["required"] and name not in arguments)
        return name in values or (is_needed and not in_part)

    checking = _Checking(
        definition.name,
        fields,
        lambda field: _adapted(definition, parameters[field["name"]], field["json_schema"]),
        may_leave_out=lambda field: is_open(field["name"]) or arguments.get(field["name"]) is None,
    )
    return checking.checked(values, [field for field in fields if is_asked(field)])


def check_form_values(
    tool_name: str, form: Sequence[_Field], values: Mapping[str, Any], open_fields: Sequence[str], *, is_dynamic: bool
) -> dict[str, Any]:
    """Return a person's values converted to what the form asks for, by the JSON schemas of its fields.

    Args:
        tool_name: for the error.
        form: the fields.
        values: the value of each field, by its name. A field that takes null may be given None.
        open_fields: the names of the fields that had no value when the person was asked.
        is_dynamic: whether a model asked for the fields.

    Raises:
        InvalidResolutionError: a value is missing or does not fit, or the form has no such field.
    """
    fields = [{**field, "required": is_required(field, is_dynamic=is_dynamic)} for field in form]
    checking = _Checking(
        tool_name,
        fields,
        lambda field: _by_schema(schema_of(field)),
        may_leave_out=lambda field: field["name"] in open_fields,
    )
    checked = checking.checked(values, [field for field in fields if field["name"] in {*values, *open_fields}])
    # A model that asked is told which fields stayed empty.
    return {**dict.fromkeys(open_fields), **checked} if is_dynamic else checked


class _Checking:
    """Checks the values of a form, all of them before it refuses any."""

    def __init__(
        self,
        tool_name: str,
        fields: Sequence[_Field],
        reader: Callable[[_Field], _Reader],
        *,
        may_leave_out: Callable[[_Field], bool],
    ) -> None:
        self._tool_name = tool_name
        self._fields = fields
        self._reader = reader
        self._may_leave_out = may_leave_out
        self._problems: list[tuple[str, str]] = []

    def checked(self, values: Mapping[str, Any], asked: Sequence[_Field]) -> dict[str, Any]:
        self._check_names(values)
        checked: dict[str, Any] = {}
        for field in asked:
            name = field["name"]
            if values.get(name) is not None:
                self._take(checked, field, values[name])
            elif name in values and takes_null(schema_of(field)):
                checked[name] = None
            else:
                self._leave_empty(checked, field)
        if self._problems:
            raise self._refusal()
        return checked

    def _check_names(self, values: Mapping[str, Any]) -> None:
        names = [field["name"] for field in self._fields]
        for name in values:
            if name not in names:
                raise InvalidResolutionError(
                    f"{self._tool_name} has no field {name!r}; its fields are: {', '.join(names)}", field_name=name
                )

    def _take(self, checked: dict[str, Any], field: _Field, value: object) -> None:
        try:
            checked[field["name"]] = self._reader(field)(value)
        except _RefusedError as error:
            is_secret = _is_secret(schema_of(field))
            self._problems.extend(
                named_problem(problem, field["name"], is_secret=is_secret) for problem in error.problems
            )

    def _leave_empty(self, checked: dict[str, Any], field: _Field) -> None:
        """Give an empty field its default, or None; where the default has no JSON form, the tool's function has it."""
        name, schema = field["name"], schema_of(field)
        if "default" in field and self._is_valid(field, field["default"]):
            checked[name] = field["default"]
        elif field["required"] or not (takes_null(schema) or self._may_leave_out(field)):
            problem = ValueProblem((), "required", missing_words(schema))
            self._problems.append(named_problem(problem, name, is_secret=False))
        elif takes_null(schema) and "default" not in field:
            checked[name] = None

    def _is_valid(self, field: _Field, default: object) -> bool:
        if default is None:
            return True
        try:
            return bool(self._reader(field)(default) == default)
        except _RefusedError:
            return False

    def _refusal(self) -> InvalidResolutionError:
        lines = "; ".join(text for _, text in self._problems[:_MOST_PROBLEMS])
        return InvalidResolutionError(
            f"{self._tool_name} can't take this answer: {lines}. Correct it and answer again",
            field_name=self._problems[0][0],
        )


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return '"writeOnly":true' in dump_json(schema)


# One value


def convert_field_value(value: object, field_type: str, *, field_name: str) -> Any:
    """Return a person's value for a field that a model asked for, converted to the type that the model named.

    Args:
        value: what was given. None, for a field that was left empty, stays None.
        field_type: the name of a basic type, such as "int", "boolean", "list[str]" or "str | None". Under any other
            name the value is kept as it is.
        field_name: the field, for the error.

    Raises:
        InvalidResolutionError: the value does not fit the type, or has no JSON form.
    """
    field = {"name": field_name, "field_type": field_type}
    given = {} if value is None else {field_name: value}
    return check_form_values("get_user_input", [field], given, [field_name], is_dynamic=True).get(field_name)


def _by_schema(schema: Mapping[str, Any]) -> _Reader:
    """Return what reads values where the tool's code is not at hand."""

    def read(value: object) -> Any:
        # Loads jsonschema, which takes its time, and a value of a field that takes all needs none of it.
        with no_fork:
            from .schema_check import BrokenSchemaError, value_problems
        candidates = _readable(value)
        refusals: list[list[ValueProblem]] = []
        for candidate in candidates:
            try:
                problems = value_problems(schema, candidate)
            except BrokenSchemaError:
                # The tool itself checks the value where the call runs.
                return value
            if not problems:
                return candidate
            refusals.append(problems)
        raise _RefusedError(_advised(_most_telling(refusals), value, schema))

    return read


def _adapted(definition: ToolDefinition, parameter: ToolParameter, schema: Mapping[str, Any]) -> _Reader:
    """Return what reads values with the tool's own validation: the JSON data closest to the value that it takes."""

    def problems_with(candidate: object, *, strict: bool) -> list[ValueProblem]:
        try:
            validated(parameter.adapter, candidate, strict=strict)
        except ValidationError as error:
            return problems_of(error, candidate, schema)
        except InvalidValueError as error:
            return [ValueProblem((), "validator", str(error))]
        return []

    def read(value: object) -> Any:
        _check_date(value, schema)
        candidates = _readable(value, with_words=not definition.strict)
        refusals: list[list[ValueProblem]] = []
        for candidate in candidates:
            if not problems_with(candidate, strict=True):
                return candidate
        for candidate in candidates:
            problems = problems_with(candidate, strict=definition.strict)
            if not problems:
                return _normalised(parameter.adapter, candidate)
            refusals.append(problems)
        raise _RefusedError(_advised(_most_telling(refusals), value, schema))

    return read


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
        raise _RefusedError([ValueProblem((), "json", f"must have a JSON form: {error}", value)]) from error
    # A validator may make another value of each that it is given: then the one that was given is kept.
    return plain if _same(adapter, plain, value) else value


def _same(adapter: Adapter, first: object, second: object) -> bool:
    try:
        return bool(validated(adapter, first) == validated(adapter, second))
    except (InvalidValueError, ValidationError):
        return False


def _check_date(value: object, schema: Mapping[str, Any]) -> None:
    """Refuse digits for a date: 20240229 is read as seconds since 1970, which no person means."""
    wanted = base_schema(schema).get("format")
    if isinstance(value, str) and wanted in ("date", "date-time") and value.strip().lstrip("+-").isdecimal():
        words = expected_words({"type": "string", "format": wanted})
        raise _RefusedError([ValueProblem((), "format", words, value)])


def _readable(value: object, *, with_words: bool = True) -> list[object]:
    try:
        json_text(value)
    except NotJsonError as error:
        raise _RefusedError([ValueProblem((), "json", f"must be JSON data, and it {error}")]) from error
    return list(_readings(value, with_words=with_words))


def _readings(value: object, *, with_words: bool) -> Iterator[object]:
    """Yield what a value may mean, the most literal meaning first."""
    yield value
    if isinstance(value, str):
        try:
            parsed = parse_json(value)
            json_text(parsed)
        except NotJsonError:
            pass
        else:
            yield parsed
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield dump_json(value)
        if isinstance(value, float) and value.is_integer():
            yield int(value)
    said = value.strip().lower() if isinstance(value, str) else value
    if with_words and isinstance(said, (str, int)) and said in _BOOLEANS:
        yield _BOOLEANS[said]


def _most_telling(refusals: Sequence[list[ValueProblem]]) -> list[ValueProblem]:
    """Of what is wrong with each reading, that with the one which is of the right kind, if any is."""
    of_kind = (problems for problems in refusals if not all(item.is_kind and not item.path for item in problems))
    return next(of_kind, refusals[0])


def _advised(problems: list[ValueProblem], value: object, schema: Mapping[str, Any]) -> list[ValueProblem]:
    """Say how a list or an object is typed to whoever typed another text."""
    wanted = base_schema(schema)
    if not (isinstance(value, str) and wanted.get("type") in ("array", "object")):
        return problems
    example = dump_json(example_of(wanted))
    return [
        item if item.path or not item.is_kind else item._replace(words=f"{item.words}, as JSON text such as {example}")
        for item in problems
    ]
