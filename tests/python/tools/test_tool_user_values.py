"""What a person fills in: the form that is shown, and the values that come back."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, SecretStr

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.tools import define_tool, tool
from haltpoint.tools.user_values import convert_field_value


class Priority(enum.Enum):
    LOW = 1
    HIGH = 2


class Contact(BaseModel):
    name: str
    age: int
    pin: SecretStr = SecretStr("0000")


@tool(requires_user_input=True, user_input_fields=["priority", "assignee"])
def create_ticket(
    title: str,
    priority: int,
    assignee: str,
    labels: list[str] | None = None,
    kind: Literal["bug", "wish"] = "bug",
    opened: datetime = datetime(2024, 1, 1),  # a default without a JSON form
) -> str:
    """Create a ticket.

    Args:
        title: What it is about.
        assignee: Who works on it.
    """
    return title


TICKET = define_tool(create_ticket)
ARGUMENTS: dict[str, Any] = {"title": "Crash", "assignee": "the model's guess"}


def one_field(annotation: Any, **options: Any) -> Any:
    def ask(field: Any) -> None: ...

    ask.__annotations__["field"] = annotation
    return define_tool(tool(requires_user_input=True, user_input_fields=["field"], **options)(ask))


def answer(annotation: Any, value: Any, **options: Any) -> Any:
    return one_field(annotation, **options).check_user_input({}, {"field": value})["field"]


def test_the_form_has_one_field_per_parameter_and_hides_the_models_guess() -> None:
    form = TICKET.user_input_schema(ARGUMENTS)
    assert form[:3] == [
        {
            "name": "title",
            "field_type": "str",
            "description": "What it is about.",
            "json_schema": {"type": "string"},
            "required": True,
            "value": "Crash",
        },
        {
            "name": "priority",
            "field_type": "int",
            "description": None,
            "json_schema": {"type": "integer"},
            "required": True,
            "value": None,
        },
        {
            "name": "assignee",
            "field_type": "str",
            "description": "Who works on it.",
            "json_schema": {"type": "string"},
            "required": True,
            "value": None,
        },
    ]


def test_the_form_shows_plain_defaults_of_the_models_fields_and_leaves_out_what_has_no_value() -> None:
    values = {field["name"]: field["value"] for field in TICKET.user_input_schema(ARGUMENTS)}
    assert values == {"title": "Crash", "priority": None, "assignee": None, "kind": "bug"}


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (str, "str"),
        (int | None, "int | None"),
        (list[str], "list[str]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", "b"], "Literal['a', 'b']"),
        (Priority, "Literal[1, 2]"),
        (Contact, "Contact"),
        (date, "date"),
        (Any, "any"),
    ],
)
def test_types_are_shown_as_a_person_reads_them(annotation: Any, name: str) -> None:
    assert one_field(annotation).user_input_schema({})[0]["field_type"] == name


@pytest.mark.parametrize(
    ("annotation", "value", "converted"),
    [
        (str, "5", "5"),
        (str, "", ""),
        (str, 5, "5"),
        (str, "null", "null"),
        (int, "5", 5),
        (int, " 5 ", 5),
        (int, 5, 5),
        (int, 5.0, 5),
        (float, "1.5", 1.5),
        (float, 2, 2),
        (bool, "true", True),
        (bool, "yes", True),
        (bool, "False", False),
        (bool, False, False),
        (list[str], '["a", "b"]', ["a", "b"]),
        (list[int], [1, 2], [1, 2]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (int | None, "7", 7),
        (int | str, "7", "7"),
        (date, "2024-02-29", "2024-02-29"),
        (Priority, "2", 2),
        (Literal["bug", "wish"], "wish", "wish"),
        (Contact, '{"name": "Eve", "age": "7"}', {"name": "Eve", "age": "7"}),
        (SecretStr, "pw", "pw"),
        (Any, "[1]", "[1]"),
    ],
)
def test_values_are_converted_to_the_declared_type(annotation: Any, value: Any, converted: Any) -> None:
    result = answer(annotation, value)
    assert result == converted
    assert type(result) is type(converted)


def test_a_secret_inside_of_a_model_is_not_masked() -> None:
    definition = one_field(Contact)
    value = {"name": "Eve", "age": "7", "pin": "1234"}
    values = definition.check_user_input({}, {"field": value})
    assert definition.bind(values)["field"].pin.get_secret_value() == "1234"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "abc"),
        (int, "5.5"),
        (int, ""),
        (float, "NaN"),
        (bool, "perhaps"),
        (list[str], "a, b"),
        (Literal["bug", "wish"], "joke"),
        (date, "31 February"),
        (str, ["a"]),
        (str, "\ud800"),
        (str, b"bytes"),
        (Any, float("nan")),
        (Any, object()),
        (Contact, '{"name": "Eve"}'),
    ],
)
def test_values_that_do_not_fit_are_refused_by_field(annotation: Any, value: Any) -> None:
    with pytest.raises(InvalidResolutionError, match="field") as caught:
        answer(annotation, value)
    assert (caught.value.field_name or "").split(".")[0] == "field"


def test_a_refusal_names_the_type_and_the_value() -> None:
    with pytest.raises(InvalidResolutionError, match=r'field: must be a whole number, got "abc"'):
        answer(int, "abc")


def fails(value: str) -> str:
    raise OSError("the validator's own trouble")


def test_a_validator_that_fails_refuses_the_value() -> None:
    with pytest.raises(InvalidResolutionError, match=r"field: .*OSError: the validator's own trouble"):
        answer(Annotated[str, AfterValidator(fails)], "a")


def test_a_refused_list_says_how_to_write_one() -> None:
    with pytest.raises(InvalidResolutionError, match="must be a list of texts, as JSON text such as"):
        answer(list[str], "a, b")


def test_a_strict_tool_reads_text_only_where_its_meaning_is_exact() -> None:
    assert answer(int, "5", strict=True) == 5
    with pytest.raises(InvalidResolutionError):
        answer(bool, "yes", strict=True)


@pytest.mark.parametrize("values", [{}, {"assignee": "Eve"}, {"assignee": "Eve", "priority": None}])
def test_a_missing_value_is_an_error_and_never_the_models_guess(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidResolutionError, match="priority") as caught:
        TICKET.check_user_input({**ARGUMENTS, "priority": 1}, values)
    assert caught.value.field_name == "priority"


def test_other_fields_may_be_missing_where_the_model_or_a_default_has_a_value() -> None:
    values = {"assignee": "Eve", "priority": "1"}
    assert TICKET.check_user_input(ARGUMENTS, values) == {"assignee": "Eve", "priority": 1}


def test_a_whole_form_comes_back_as_values() -> None:
    form = TICKET.user_input_schema(ARGUMENTS)
    values = {field["name"]: field["value"] for field in form}
    checked = TICKET.check_user_input(ARGUMENTS, {**values, "priority": 3, "assignee": "Eve"})
    assert checked == {"title": "Crash", "priority": 3, "assignee": "Eve", "kind": "bug"}
    assert TICKET.bind({**ARGUMENTS, **checked})["assignee"] == "Eve"


def test_a_field_that_the_person_emptied_does_not_fall_back_to_the_model() -> None:
    values = {"title": None, "priority": 3, "assignee": "Eve"}
    with pytest.raises(InvalidResolutionError, match="title"):
        TICKET.check_user_input(ARGUMENTS, values)


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidResolutionError, match=r"'assigne'.*title, priority, assignee"):
        TICKET.check_user_input(ARGUMENTS, {"assigne": "Eve"})


@pytest.mark.parametrize(
    ("field_type", "value", "converted"),
    [
        ("str", 5, "5"),
        ("String", "5", "5"),
        ("int", "5", 5),
        ("int | None", "5", 5),
        ("integer", 5, 5),
        ("float", "0.5", 0.5),
        ("number", "3", 3),
        ("number", "3.5", 3.5),
        ("bool", "true", True),
        ("boolean", "no", False),
        ("list[str]", '["a"]', ["a"]),
        ("array", [1], [1]),
        ("dict", '{"a": 1}', {"a": 1}),
        ("object", {"a": 1}, {"a": 1}),
        ("e-mail address", "eve@example.com", "eve@example.com"),
        ("e-mail address", 5, 5),
        ("int", None, None),
    ],
)
def test_fields_of_a_form_are_converted_by_the_name_of_their_type(field_type: str, value: Any, converted: Any) -> None:
    result = convert_field_value(value, field_type, field_name="field")
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ("field_type", "value"),
    [
        ("int", "abc"),
        ("bool", "perhaps"),
        ("list", "a, b"),
        ("dict", "[1]"),
        ("number", "many"),
        ("unheard of", object()),
        ("unheard of", float("inf")),
        ("str", "\udc80"),
    ],
)
def test_fields_of_a_form_refuse_what_does_not_fit(field_type: str, value: Any) -> None:
    with pytest.raises(InvalidResolutionError, match="age: ") as caught:
        convert_field_value(value, field_type, field_name="age")
    assert caught.value.field_name == "age"


@given(st.sampled_from(["str", "int", "number", "bool", "list", "dict", "other"]), st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_is_converted_or_refused(field_type: str, text: str) -> None:
    try:
        value = convert_field_value(text, field_type, field_name="field")
    except InvalidResolutionError:
        return
    assert convert_field_value(value, field_type, field_name="field") == value


@given(st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None)
def test_every_integer_is_read_from_its_text(number: int) -> None:
    assert convert_field_value(str(number), "int", field_name="n") == number
    assert answer(int, str(number)) == number
