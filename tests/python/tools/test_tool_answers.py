"""What a person gives for fields of many kinds, checked by the tool and by the form alone: both say the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from field_kinds import FITTING, REFUSED, Kind, Refusal
from pydantic import AfterValidator, BeforeValidator

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.tools import define_tool, tool
from haltpoint.tools.definition import ToolDefinition
from haltpoint.tools.user_values import check_form_values

Check = Callable[[ToolDefinition, dict[str, Any]], dict[str, Any]]


def by_the_tool(definition: ToolDefinition, values: dict[str, Any]) -> dict[str, Any]:
    return definition.check_user_input({}, values)


def by_the_form(definition: ToolDefinition, values: dict[str, Any]) -> dict[str, Any]:
    # As a process without the code reads it from a journal.
    form = json.loads(json.dumps(definition.user_input_schema({})))
    return check_form_values(definition.name, form, values, list(definition.user_input_fields), is_dynamic=False)


both = pytest.mark.parametrize("check", [by_the_tool, by_the_form])


def asking(annotation: Any, **options: Any) -> ToolDefinition:
    def ask(field: Any) -> None: ...

    ask.__annotations__["field"] = annotation
    return define_tool(tool(requires_user_input=True, user_input_fields=["field"], **options)(ask))


@both
@pytest.mark.parametrize("kind", FITTING, ids=str)
def test_what_fits_is_kept_in_the_type_of_its_field(check: Check, kind: Kind) -> None:
    kept = check(asking(kind.annotation), {"field": kind.given})["field"]
    assert (kept, type(kept)) == (kind.kept, type(kind.kept))


@both
@pytest.mark.parametrize("refusal", REFUSED, ids=str)
def test_what_does_not_fit_is_refused_with_its_path_and_what_was_expected(check: Check, refusal: Refusal) -> None:
    with pytest.raises(InvalidResolutionError) as caught:
        check(asking(refusal.annotation), {"field": refusal.given})
    assert caught.value.field_name == f"field{refusal.path}"
    assert f"field{refusal.path}: {refusal.words}" in str(caught.value)


@both
def test_all_that_is_wrong_is_said_at_once(check: Check) -> None:
    @tool(requires_user_input=True, user_input_fields=["nights", "name", "day"])
    def book(nights: int, name: str, day: int) -> None: ...

    with pytest.raises(InvalidResolutionError) as caught:
        check(define_tool(book), {"nights": "x", "day": 1})
    assert "nights: must be a whole number" in str(caught.value)
    assert "name: Field required (text)" in str(caught.value)
    assert "day:" not in str(caught.value)


@both
def test_a_secret_that_does_not_fit_is_not_repeated(check: Check) -> None:
    refusals = [item for item in REFUSED if "a secret value" in item.words]
    for refusal in refusals:
        with pytest.raises(InvalidResolutionError) as caught:
            check(asking(refusal.annotation), {"field": refusal.given})
        assert refusal.given not in str(caught.value)
    assert refusals


def even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


def split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


def test_the_validators_of_a_tool_apply_where_its_code_is_at_hand() -> None:
    with pytest.raises(InvalidResolutionError, match=r"field: must be even, got \"3\""):
        by_the_tool(asking(Annotated[int, AfterValidator(even)]), {"field": "3"})
    assert by_the_form(asking(Annotated[int, AfterValidator(even)]), {"field": "3"}) == {"field": 3}


def test_a_validator_that_reads_text_gets_the_text() -> None:
    definition = asking(Annotated[list[str], BeforeValidator(split)])
    assert definition.bind(by_the_tool(definition, {"field": "a,b"})) == {"field": ["a", "b"]}


@pytest.mark.parametrize("given", [5, 5.0, "5"])
def test_a_validator_that_changes_values_is_given_what_the_person_gave(given: Any) -> None:
    definition = asking(Annotated[int, AfterValidator(lambda number: number * 100)])
    assert definition.bind(by_the_tool(definition, {"field": given})) == {"field": 500}


# What may stay empty


def mail(
    to: str, cc: str | None = None, tone: str = "warm", copies: int | None = 2, note: str | None = "hi"
) -> None: ...


MAIL = define_tool(tool(requires_user_input=True, user_input_fields=["to", "cc", "tone", "copies", "note"])(mail))


def test_the_form_says_what_is_required_and_what_the_defaults_are() -> None:
    shown = {item["name"]: (item["required"], item.get("default", "none")) for item in MAIL.user_input_schema({})}
    assert shown == {
        "to": (True, "none"),
        "cc": (False, None),
        "tone": (False, "warm"),
        "copies": (False, 2),
        "note": (False, "hi"),
    }


@both
@pytest.mark.parametrize("cc", [{}, {"cc": None}])
def test_an_empty_field_takes_its_default(check: Check, cc: dict[str, Any]) -> None:
    checked = check(MAIL, {"to": "ann", "tone": None, **cc})
    assert checked == {"to": "ann", "cc": None, "tone": "warm", "copies": 2, "note": "hi"}


@both
def test_none_is_a_value_where_the_type_takes_it(check: Check) -> None:
    checked = check(MAIL, {"to": "ann", "note": None, "copies": None})
    assert checked == {"to": "ann", "cc": None, "tone": "warm", "copies": None, "note": None}


@both
@pytest.mark.parametrize("to", [{}, {"to": None}])
def test_what_is_required_must_be_given(check: Check, to: dict[str, Any]) -> None:
    with pytest.raises(InvalidResolutionError, match=r"to: Field required \(text\)") as caught:
        check(MAIL, to)
    assert caught.value.field_name == "to"


@both
def test_a_default_that_its_own_type_refuses_is_left_to_the_function(check: Check) -> None:
    def wait(seconds: int = "auto") -> None: ...  # type: ignore[assignment]

    definition = define_tool(tool(requires_user_input=True, user_input_fields=["seconds"])(wait))
    assert check(definition, {}) == {}
