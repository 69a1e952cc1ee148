"""The schema of one field: it stands by itself, whatever its types refer to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from field_kinds import Address, Folder, Guest, Nights, Pet, Sizes
from jsonschema import Draft202012Validator
from pydantic import create_model

from haltpoint.tools import define_tool, tool
from haltpoint.tools.field_schema import field_schema

OBJECT = {"type": "object", "required": ["width"]}
ADDRESS = {
    "description": "A model.",
    "type": "object",
    "properties": {"street": {"type": "string"}, "code": {"type": "integer"}},
    "required": ["street", "code"],
}


def schema_of(annotation: Any) -> dict[str, Any]:
    def ask(field: Any) -> None:
        """Ask.

        Args:
            field: What it is for.
        """

    ask.__annotations__["field"] = annotation
    definition = define_tool(tool(requires_user_input=True, user_input_fields=["field"])(ask))
    (field,) = definition.user_input_schema({})
    assert field["description"] == "What it is for."
    schema: dict[str, Any] = field["json_schema"]
    return schema


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (Nights, {"type": "integer", "minimum": 1}),
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Address, ADDRESS),
        (list[Address], {"type": "array", "items": ADDRESS}),
        (Sizes, {**OBJECT, "description": "A typed dict.", "properties": {"width": {"type": "integer"}}}),
    ],
)
def test_definitions_stand_in_their_places(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


def test_models_within_models_stand_in_their_places() -> None:
    assert schema_of(Guest)["properties"]["address"] == ADDRESS


def test_the_branches_of_a_tagged_union_stand_in_their_places() -> None:
    schema = schema_of(Pet)
    assert [branch["properties"]["kind"]["const"] for branch in schema["oneOf"]] == ["cat", "dog"]
    assert "$defs" not in json.dumps(schema)


@pytest.mark.parametrize("annotation", [Folder, list[Folder], Folder | None])
def test_a_model_that_refers_to_itself_keeps_its_definition(annotation: Any) -> None:
    schema = schema_of(annotation)
    assert list(schema["$defs"]) == ["Folder"]
    validator = Draft202012Validator(schema)
    value: Any = {"name": "a", "folders": [{"name": "b", "folders": [{"name": "c"}]}]}
    broken: Any = {"name": "a", "folders": [{"name": "b", "folders": [{}]}]}
    if annotation == list[Folder]:
        value, broken = [value], [broken]
    assert (validator.is_valid(value), validator.is_valid(broken)) == (True, False)


def test_a_property_named_as_a_keyword_is_a_property() -> None:
    model: Any = create_model("Odd", description=(str, ...), default=(int, ...), const=(Address, ...))
    properties = schema_of(model)["properties"]
    assert properties == {"description": {"type": "string"}, "default": {"type": "integer"}, "const": ADDRESS}


def test_definitions_that_would_make_a_schema_very_large_stay_apart() -> None:
    layer: Any = Address
    for depth in range(14):
        layer = create_model(f"Layer{depth}", left=(layer, ...), right=(layer, ...))
    schema = schema_of(layer)
    assert len(json.dumps(schema)) < 10_000
    Draft202012Validator.check_schema(schema)
    assert not Draft202012Validator(schema).is_valid({"left": {}})


def test_a_reference_beside_other_words_keeps_both() -> None:
    parameters = {
        "properties": {"field": {"$ref": "#/$defs/Short", "maxLength": 3, "examples": ["a"]}},
        "$defs": {"Short": {"type": "string", "maxLength": 5}},
    }
    assert field_schema(parameters, "field") == {
        "allOf": [{"type": "string", "maxLength": 5}],
        "maxLength": 3,
        "examples": ["a"],
    }
