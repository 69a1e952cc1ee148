"""The values that a person gives for a tool call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.sensitive import Masking
from haltpoint.tools.field_words import is_required, schema_of, takes_null

from .bytes_notation import as_shown
from .failing_validators import failures_logged
from .field_schema import is_secret, names_in
from .input_form import input_field
from .kept_members import is_left_as_shown
from .value_problems import NOT_GIVEN, ValueProblem, missing_words, named_problem
from .value_readers import RefusedValueError, ValueReader, schema_reader, tool_reader

if TYPE_CHECKING:
    from .definition import ToolDefinition

__all__ = ["check_form_values", "check_user_input", "convert_field_value", "shown_defaults"]

_Field: TypeAlias = Mapping[str, Any]

_MOST_PROBLEMS = 10


def check_user_input(
    definition: ToolDefinition,
    arguments: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    in_part: bool = False,
) -> dict[str, Any]:
    """Do what `ToolDefinition.check_user_input` says.

    Args:
        definition: the tool.
        arguments: as there.
        values: as there.
        defaults: those that were shown, whatever they are now, as `shown_defaults` returns them. A field that stays
            empty, or is given just that, is not among what is returned: the call has its default as it was planned.
        in_part: check the fields alone that have values.
    """
    parameters = {parameter.name: parameter for parameter in definition.inputs}
    fields = [input_field(definition, parameter) for parameter in definition.inputs]

    def is_open(name: str) -> bool:
        return name in definition.user_input_fields

    def is_asked(field: _Field) -> bool:
        name = field["name"]
        is_needed = is_open(name) or (field["required"] and name not in arguments)
        return name in values or (is_needed and not in_part)

    checking = _Checking(
        definition.name,
        fields,
        lambda field: tool_reader(definition, parameters[field["name"]], field["json_schema"]),
        may_leave_out=lambda field: is_open(field["name"]) or arguments.get(field["name"]) is None,
        sensitive=definition.sensitive,
        defaults=defaults,
    )
    return checking.checked(values, [field for field in fields if is_asked(field)])


def check_form_values(
    tool_name: str,
    form: Sequence[_Field],
    values: Mapping[str, Any],
    open_fields: Sequence[str],
    *,
    is_dynamic: bool,
    sensitive: Collection[str] = (),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return a person's values converted to what the form asks for, by the JSON schemas of its fields.

    Args:
        tool_name: for the error.
        form: the fields.
        values: the value of each field, by its name. A field that takes null may be given None.
        open_fields: the names of the fields that had no value when the person was asked.
        is_dynamic: whether a model asked for the fields.
        sensitive: the fields of which no error shows the value.
        defaults: as in `check_user_input`.

    Raises:
        InvalidResolutionError: a value is missing or does not fit, or the form has no such field.
    """
    fields = [{**field, "required": is_required(field, is_dynamic=is_dynamic)} for field in form]
    checking = _Checking(
        tool_name,
        fields,
        lambda field: schema_reader(schema_of(field), for_tool=not is_dynamic),
        may_leave_out=lambda field: field["name"] in open_fields,
        sensitive=sensitive,
        defaults=defaults,
    )
    checked = checking.checked(values, [field for field in fields if field["name"] in {*values, *open_fields}])
    # A model that asked is told which fields stayed empty.
    return {**dict.fromkeys(open_fields), **checked} if is_dynamic else checked


def shown_defaults(form: Sequence[_Field], defaulted: Collection[str]) -> dict[str, Any]:
    """Return the defaults that a person was shown, by the names of the fields; NOT_GIVEN for one without a JSON form.

    Args:
        form: the fields as they were shown.
        defaulted: the parameters that the model left out.
    """
    return {field["name"]: field.get("default", NOT_GIVEN) for field in form if field["name"] in defaulted}


class _Checking:
    """Checks the values of a form, all of them before it refuses any."""

    def __init__(
        self,
        tool_name: str,
        fields: Sequence[_Field],
        reader: Callable[[_Field], ValueReader],
        *,
        may_leave_out: Callable[[_Field], bool],
        sensitive: Collection[str],
        defaults: Mapping[str, Any],
    ) -> None:
        self._tool_name = tool_name
        self._fields = fields
        self._reader = reader
        self._may_leave_out = may_leave_out
        self._sensitive = sensitive
        self._defaults = defaults
        self._problems: list[tuple[str, str]] = []

    def checked(self, values: Mapping[str, Any], asked: Sequence[_Field]) -> dict[str, Any]:
        with failures_logged(f"the answers to {self._tool_name}"):
            return self._checked(values, asked)

    def _checked(self, values: Mapping[str, Any], asked: Sequence[_Field]) -> dict[str, Any]:
        self._check_names(values)
        checked: dict[str, Any] = {}
        for field in asked:
            name = field["name"]
            if self._has_default(name, values.get(name)):
                continue
            if values.get(name) is not None:
                self._take(checked, field, values[name])
            elif name in values and takes_null(schema_of(field)):
                checked[name] = None
            else:
                self._leave_empty(checked, field, is_null=name in values)
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

    def _has_default(self, name: str, value: Any) -> bool:
        """Whether a value is the default that was shown, which applies as it is: no validator is asked about it."""
        default = self._defaults.get(name, NOT_GIVEN)
        if default is NOT_GIVEN or default is None:
            return value is None and default is None
        return value is not None and is_left_as_shown(value, default)

    def _take(self, checked: dict[str, Any], field: _Field, value: object) -> None:
        name = field["name"]
        try:
            kept = self._reader(field)(value)
        except RefusedValueError as error:
            hidden = self._hidden(field, value)
            self._problems.extend(named_problem(problem, name, hidden) for problem in error.problems)
        else:
            # As text, such as "5".
            if not self._has_default(name, as_shown(schema_of(field), kept)):
                checked[name] = kept

    def _hidden(self, field: _Field, value: object) -> Masking | None:
        """What keeps a value out of texts; None where it may be shown."""
        name, schema = field["name"], schema_of(field)
        is_sensitive = name in self._sensitive
        if not is_sensitive and not is_secret(schema):
            return None
        return Masking([name], {name: value}, is_name=names_in(schema, is_sensitive=is_sensitive))

    def _leave_empty(self, checked: dict[str, Any], field: _Field, *, is_null: bool) -> None:
        """Give an empty field its default, or None; one that was shown with its default stays as it was planned."""
        name, schema = field["name"], schema_of(field)
        if name in self._defaults:
            return
        default = self._default(field)
        if default is not NOT_GIVEN:
            checked[name] = default
        elif field["required"] or not (takes_null(schema) or self._may_leave_out(field)):
            problem = ValueProblem((), "required", missing_words(schema), None if is_null else NOT_GIVEN)
            self._problems.append(named_problem(problem, name))
        elif takes_null(schema) and "default" not in field:
            checked[name] = None

    def _default(self, field: _Field) -> Any:
        """The default as it is kept; NOT_GIVEN where there is none that fits."""
        default = field.get("default", NOT_GIVEN)
        if default is None or default is NOT_GIVEN:
            return default
        try:
            kept = self._reader(field)(default)
        except RefusedValueError:
            return NOT_GIVEN
        return kept if default in (kept, as_shown(schema_of(field), kept)) else NOT_GIVEN

    def _refusal(self) -> InvalidResolutionError:
        # Several keywords of a schema may say the same.
        lines = "; ".join(list(dict.fromkeys(text for _, text in self._problems))[:_MOST_PROBLEMS])
        return InvalidResolutionError(
            f"{self._tool_name} can't take this answer: {lines}. Correct it and answer again",
            field_name=self._problems[0][0],
        )


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
