"""A type of which a person or another program gives a value where no parameter of a tool takes it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.sensitive import Masking

from .definition import ToolDefinition, define_tool
from .failing_validators import failures_logged
from .field_schema import is_secret, names_in
from .json_form import NotJsonError, parse_exact, shown
from .same_values import is_same_kind
from .validation import InvalidValueError, is_validation_error, validated
from .value_problems import ValueProblem, named_problem

__all__ = ["ANSWER", "RESULT", "GivenType", "UnfitValueError", "check_by_schema", "readings_of"]

# What values are called in errors.
ANSWER = "the answer"
RESULT = "the result"

_MOST_PROBLEMS = 10


class UnfitValueError(ValueError):
    """A value does not fit, or the type would make another value of it.

    Attributes:
        problems: the path of each problem, where it is about a part of the value, and the problem in words.
    """

    def __init__(self, problems: Sequence[tuple[str | None, str]]) -> None:
        self.problems = list(dict(zip([text for _, text in problems], problems, strict=True)).values())[:_MOST_PROBLEMS]
        super().__init__("; ".join(text for _, text in self.problems))


def _definition_of(annotation: Any) -> ToolDefinition:
    """Return a tool with one parameter, of that type."""

    def given(value: Any) -> None: ...

    given.__annotations__ = {"value": annotation}
    with no_fork:
        return define_tool(given)


_definition_of_class = functools.lru_cache(maxsize=256)(_definition_of)


class GivenType:
    """A type of which somebody gives a value. It is held against what they gave as a tool's parameter is.

    Args:
        annotation: the type.
        name: what the value is called in errors, as a whole.
        has_fields: whether the value is a form: errors name its fields.
    """

    def __init__(self, annotation: Any, name: str, *, has_fields: bool = False) -> None:
        self._annotation = annotation
        self._name = name
        self._has_fields = has_fields

    @cached_property
    def _definition(self) -> ToolDefinition:
        # A body that is replayed asks for the same classes again. Other types may be equal and still read differently.
        make = _definition_of_class if isinstance(self._annotation, type) else _definition_of
        return make(self._annotation)

    @property
    def is_known(self) -> bool:
        """Whether the type can be looked into: those without a JSON schema take what their own validation takes."""
        try:
            return bool(self._definition.inputs)
        except TypeError:
            return False

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of the values, which stands by itself."""
        with no_fork:
            from .input_form import form_schema
        return form_schema(self._definition, self._definition.inputs[0])

    def made_of(self, value: Any) -> Any:
        """Return the object that a value stands for.

        Args:
            value: JSON data, of `parse_exact` where it holds numbers.

        Raises:
            UnfitValueError: the value does not fit, or the type would make another value of it.
        """
        with failures_logged(f"the value of {self._name}"):
            return self._made_of(value)

    def made_of_text(self, text: str) -> Any:
        """Return the object that a text of another program's stands for, as JSON or as it stands.

        Raises:
            UnfitValueError: as `made_of` does, of the first reading.
        """
        refusals: list[UnfitValueError] = []
        for reading in readings_of(text):
            try:
                return self.made_of(reading)
            except UnfitValueError as error:
                refusals.append(error)
        raise refusals[0]

    def _made_of(self, value: Any) -> Any:
        with no_fork:
            from .answered_values import other_value
            from .dropped_members import dropped_members
            from .pydantic_problems import problems_of
        definition, parameter = self._definition, self._definition.inputs[0]
        given = value if parameter.decimals is None else parameter.decimals.as_text(value)
        try:
            made = validated(parameter.adapter, given, strict=False, is_secret=parameter.is_secret)
            problems = dropped_members(given, made, self.json_schema)
        except InvalidValueError as error:
            raise self._refusal([ValueProblem((), "validator", str(error))], value) from error
        except ValueError as error:
            if not is_validation_error(error):
                raise
            raise self._refusal(problems_of(error, value, self.json_schema), value) from error
        if problems:
            raise self._refusal(problems, value)
        other = other_value(definition, parameter, given, value, made)
        if other is not None:
            raise UnfitValueError(self._differences(*other))
        return made

    def _refusal(self, problems: Sequence[ValueProblem], value: Any) -> UnfitValueError:
        return UnfitValueError([self._named(problem, value) for problem in problems])

    def _named(self, problem: ValueProblem, value: Any) -> tuple[str | None, str]:
        if not (self._has_fields and problem.path):
            _, text = named_problem(problem, self._name, self._hidden(self._name, value, self.json_schema))
            return None, text
        name = str(problem.path[0])
        part = cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else None
        hidden = self._hidden(name, part, self._schema_of(name))
        return named_problem(problem._replace(path=problem.path[1:]), name, hidden)

    def _schema_of(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.json_schema.get("properties", {}).get(name, {})
        return found

    def _hidden(self, name: str, value: Any, schema: Mapping[str, Any]) -> Masking | None:
        """What keeps a value out of texts; None where it may be shown."""
        if not is_secret(schema):
            return None
        return Masking([name], {name: value}, is_name=names_in(schema, is_sensitive=False))

    def _differences(self, given: Any, made: Any) -> list[tuple[str | None, str]]:
        """Say of which fields the type would make others, or of what if it has no fields."""
        if not (self._has_fields and isinstance(given, dict) and isinstance(made, dict)):
            return [(None, _other(self._name, given, made, is_hidden=is_secret(self.json_schema)))]
        fields, others = cast("dict[str, Any]", given), cast("dict[str, Any]", made)
        differing = [name for name in fields if not (name in others and is_same_kind(fields[name], others[name]))]
        return [
            (name, _other(name, fields[name], others.get(name), is_hidden=is_secret(self._schema_of(name))))
            for name in differing
        ] or [(None, _other(self._name, given, made, is_hidden=is_secret(self.json_schema)))]

    def without_secrets(self, value: Any) -> Any:
        """Return a value as it may be shown: of a form without the fields that hold secrets; None of a secret."""
        if not is_secret(self.json_schema):
            return value
        if not (self._has_fields and isinstance(value, dict)):
            return None
        fields = cast("dict[str, Any]", value)
        return {name: part for name, part in fields.items() if not is_secret(self._schema_of(name))}


def _other(name: str, given: Any, made: Any, *, is_hidden: bool) -> str:
    said, would_be = ("the secret value", "another one") if is_hidden else (shown(given), shown(made))
    return f"{name}: {said} would become {would_be}; give the value that is meant"


def readings_of(text: str) -> list[Any]:
    """Return what a result means that another program gave as text: JSON, else the text as it stands."""
    try:
        return [parse_exact(text), text]
    except NotJsonError:
        return [text]


def check_by_schema(schema: Mapping[str, Any], text: str) -> None:
    """Check a result against a JSON schema, which may be broken: then all fit.

    Raises:
        UnfitValueError: it does not fit, neither as JSON nor as text.
    """
    with no_fork:
        from .schema_check import BrokenSchemaError, value_problems
    found: list[list[ValueProblem]] = []
    try:
        for reading in readings_of(text):
            found.append(value_problems(schema, reading))
            if not found[-1]:
                return
    except BrokenSchemaError:
        return
    hidden = Masking([RESULT], {RESULT: text}) if is_secret(schema) else None
    raise UnfitValueError([(None, named_problem(problem, RESULT, hidden)[1]) for problem in found[0]])
