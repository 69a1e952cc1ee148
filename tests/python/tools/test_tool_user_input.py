"""The tool by which a model asks a person."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint.exceptions import ToolArgumentsError
from haltpoint.tools import resolve_tools
from haltpoint.tools.requested_fields import dynamic_user_input_schema
from haltpoint.tools.user_input import UserControlFlowTools, UserInputField

ASK = resolve_tools([UserControlFlowTools()])["get_user_input"]


def test_the_toolkit_brings_one_tool_that_waits_for_a_person() -> None:
    assert list(resolve_tools([UserControlFlowTools()])) == ["get_user_input"]
    assert ASK.pause == "user_input"
    assert ASK.dynamic_user_input
    assert ASK.user_input_fields == ()


def test_the_model_is_told_when_and_how_to_ask() -> None:
    assert "Never make such values up" in ASK.description
    item = ASK.parameters["$defs"]["RequestedField"]
    assert list(item["properties"]) == ["field_name", "field_type", "field_description"]
    assert item["required"] == ["field_name"]


def test_requested_fields_become_an_empty_form() -> None:
    arguments = ASK.parse_arguments(
        '{"fields": [{"field_name": "to", "field_type": "list[str]", "field_description": "Who?"},'
        ' {"field_name": "when"}]}'
    )
    assert dynamic_user_input_schema(arguments) == [
        {
            "name": "to",
            "field_type": "list[str]",
            "description": "Who?",
            "value": None,
            "json_schema": {"type": "array", "items": {"type": "string"}},
            "required": False,
        },
        {
            "name": "when",
            "field_type": "str",
            "description": None,
            "value": None,
            "json_schema": {"type": "string"},
            "required": False,
        },
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([], "at least one"),
        ([{"field_name": ""}], "not empty"),
        ([{"field_name": "  "}], "not empty"),
        ([{"field_name": "to"}, {"field_name": "to"}], "'to' is there more than once"),
        ([{"field_name": "to"}, {"field_name": " to "}], "more than once"),
        ([{"field_type": "str"}], "field_name"),
        (["to"], "fields"),
        ("to", "fields"),
        (None, "fields"),
    ],
)
def test_a_form_that_makes_no_sense_goes_back_to_the_model(fields: Any, reason: str) -> None:
    with pytest.raises(ToolArgumentsError, match=reason):
        ASK.parse_arguments({"fields": fields})


def test_the_function_itself_cannot_be_run() -> None:
    with pytest.raises(RuntimeError, match="answered by a person"):
        UserControlFlowTools.get_user_input([])


def test_an_input_field_survives_a_round_trip() -> None:
    field = UserInputField("to", "list[str]", "Who?", ["eve"])
    assert UserInputField.from_dict(field.to_dict()) == field
    assert UserInputField.from_dict({"name": "to", "more": 1}) == UserInputField("to")
    with pytest.raises(KeyError):
        UserInputField.from_dict({"field_type": "str"})
